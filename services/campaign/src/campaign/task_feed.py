"""The live feed of tasks: every change once and in order, to whom it concerns, resumed where a client left off.

One reader for each process, woken by the database, however many clients there are. A client that cannot keep up is cut.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
import structlog

from attune_service_kit.auth import Caller
from attune_service_kit.database import Database
from attune_service_kit.errors import Forbidden, Unavailable
from attune_service_kit.runtime import Runtime
from campaign.sql import Conn
from campaign.tasks import QUEUE_CHANNELS

log = structlog.get_logger(__name__)

CHANNEL = "task_feed"
QUEUE = 256
"""Changes that wait for one client; beyond them it is cut and has to load its list anew."""
MOST_CLIENTS = 1_000
MOST_OF_ONE = 5
"""Streams of one caller: a browser that reconnects leaves a few behind for a moment."""
BATCH = 500
HEARTBEAT = 15.0
POLL = 5.0
"""A notification that was lost with its connection is made up for so much later."""

_NUMBER = "SELECT number_task_feed()"
_POSITION = "SELECT coalesce(max(seq), 0) AS newest, coalesce(min(seq), 0) AS oldest FROM task_feed"
_READ = """
SELECT f.seq, f.kind, f.task_id, f.customer_id, f.branch_id, f.channel, f.employee_id, f.was_employee_id, f.state,
       f.escalated, f.claimed_by, f.due_at, f.visible_from,
       ARRAY(SELECT s.ancestor FROM branch_scope s WHERE s.branch = f.branch_id) AS within
FROM task_feed f WHERE f.seq > $1 AND f.seq <= $2 ORDER BY f.seq LIMIT $3"""
_PRUNE = "DELETE FROM task_feed WHERE told_at < now() - interval '1 day'"


@dataclass(frozen=True)
class Change:
    """A change of a task. `within` are the branches that the task's belongs to."""

    seq: int
    kind: str
    task_id: UUID
    customer_id: UUID
    branch_id: str | None
    channel: str
    employee_id: str | None
    was_employee_id: str | None
    state: str
    escalated: bool
    claimed_by: str | None
    due_at: datetime
    visible_from: datetime | None
    within: frozenset[str]


@dataclass(frozen=True)
class Ended:
    """The stream ends: `token_expired`, `restart` or `too_slow`."""

    reason: str


@dataclass(frozen=True)
class Resync:
    """The client has missed something and must load its list anew; from `seq` on it misses nothing more."""

    seq: int


@dataclass(frozen=True)
class Ready:
    """The stream has begun; what comes has a greater number."""

    seq: int


@dataclass(frozen=True)
class Beat:
    """Nothing has happened; the connection lives."""


Item = Change | Ended | Resync | Ready | Beat


def concerns(caller: Caller, change: Change) -> bool:
    """Whether a change is of the caller's own list, or of one that it was on: pure."""
    scope = caller.scope
    if scope.kind == "customer" or (scope.kind == "branch" and scope.branch not in change.within):
        return False
    if "branch_manager" in caller.roles:
        return True
    if "call_centre" in caller.roles and change.channel in QUEUE_CHANNELS:
        return True
    # One that was theirs too: it has gone from their list. A queue's task that somebody has been given likewise.
    own = caller.subject in (change.employee_id, change.was_employee_id)
    if "relationship_manager" in caller.roles and own:
        return True
    return "call_centre" in caller.roles and change.kind == "reassigned" and change.was_employee_id is None


def check(caller: Caller) -> None:
    """Forbidden for who has no list of tasks."""
    if not caller.roles & {"branch_manager", "call_centre", "relationship_manager"}:
        raise Forbidden("you work on no list of tasks", "您没有任务列表")


class Client:
    """One open stream."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.queue: asyncio.Queue[Change | Ended] = asyncio.Queue(QUEUE)

    def give(self, change: Change) -> bool:
        """Hand a change over; False if the client is too far behind."""
        if not concerns(self.caller, change):
            return True
        try:
            self.queue.put_nowait(change)
        except asyncio.QueueFull:
            return False
        return True

    def end(self, reason: str) -> None:
        """Tell the client that its stream ends, in the place of all that waits for it."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(Ended(reason))


class Hub:
    """The reader of one process and its clients. It runs while there are any."""

    _hubs: ClassVar[WeakKeyDictionary[Database, "Hub"]] = WeakKeyDictionary()

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._database = runtime.database
        self.clients: set[Client] = set()
        self._seq = 0
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    @classmethod
    def of(cls, runtime: Runtime) -> "Hub":
        """The hub of this process."""
        if (existing := cls._hubs.get(runtime.database)) is None:
            existing = cls._hubs[runtime.database] = cls(runtime)
        return existing

    async def stream(self, caller: Caller, after: int | None) -> AsyncIterator[Item]:
        """Every change that concerns the caller, from after a number on or from now on, until the token ends.

        The first item is a Ready, or a Resync if what was missed is no longer known. Unavailable if there are too many
        streams. Nothing is missed and nothing told twice: the client is there before the past is read.
        """
        client = await self._join(caller)
        try:
            position = self._seq
            async for item in self._begin(caller, after, position):
                yield item
            seen = max(position, after or 0)
            while True:
                left = caller.expires - time.time()
                if left <= 0:
                    yield Ended("token_expired")
                    return
                try:
                    item = await asyncio.wait_for(client.queue.get(), min(HEARTBEAT, left))
                except TimeoutError:
                    yield Beat()
                    continue
                if isinstance(item, Ended):
                    if item.reason == "too_slow":
                        yield Resync(self._seq)
                    yield item
                    return
                if item.seq > seen:
                    yield item
        finally:
            self.clients.discard(client)
            self._news.set()

    async def _join(self, caller: Caller) -> Client:
        own = sum(c.caller.subject == caller.subject for c in self.clients)
        if len(self.clients) >= MOST_CLIENTS or own >= MOST_OF_ONE:
            raise Unavailable("too many streams are open", "实时连接过多", retry_after=5)
        async with self._starting:
            if self._reading is None or self._reading.done():
                self._seq = await self._number_and_find()
                self._reading = asyncio.create_task(self._read_on(), name="campaign.task_feed")
            client = Client(caller)
            self.clients.add(client)
        return client

    async def _begin(self, caller: Caller, after: int | None, position: int) -> AsyncIterator[Item]:
        """What the client has missed up to `position`, or that it has missed too much."""
        if after is None:
            yield Ready(position)
            return
        async with self._database.transaction() as tx:
            found = await tx.conn.fetchrow(_POSITION)
            rows = await _between(tx.conn, after, position, 10 * BATCH + 1)
        known = found is not None and found["oldest"] - 1 <= after <= max(found["newest"], position)
        if not known or len(rows) > 10 * BATCH:
            yield Resync(position)
            return
        yield Ready(after)
        for change in rows:
            if concerns(caller, change):
                yield change

    async def _read_on(self) -> None:
        """Read while there are clients; a broken connection is replaced."""
        while self.clients:
            try:
                connection = await self._database.connect()
            except (OSError, TimeoutError, asyncpg.PostgresError):
                await asyncio.sleep(1)
                continue
            try:
                await connection.add_listener(CHANNEL, lambda *_: self._news.set())
                await self._follow()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("task_feed_broken", error=type(error).__name__)
                await asyncio.sleep(1)
            finally:
                connection.terminate()

    async def _follow(self) -> None:
        read = 0.0
        while self.clients:
            if self._runtime.stopping:
                for client in list(self.clients):
                    client.end("restart")
                    self.clients.discard(client)
                return
            if self._news.is_set() or time.monotonic() - read > POLL:
                self._news.clear()
                read = time.monotonic()
                await self._read()
            try:
                await asyncio.wait_for(self._news.wait(), 0.5)
            except TimeoutError:
                continue

    async def _read(self) -> None:
        newest = await self._number_and_find()
        while self._seq < newest:
            async with self._database.transaction() as tx:
                changes = await _between(tx.conn, self._seq, newest, BATCH)
            for change in changes:
                self._tell(change)
            self._seq = changes[-1].seq if len(changes) == BATCH else newest

    def _tell(self, change: Change) -> None:
        for client in list(self.clients):
            if not client.give(change):
                client.end("too_slow")
                self.clients.discard(client)

    async def _number_and_find(self) -> int:
        """Number what is committed, and the greatest number after that."""
        async with self._database.transaction() as tx:
            await tx.conn.execute(_NUMBER)
        async with self._database.transaction() as tx:
            return int(await tx.conn.fetchval("SELECT coalesce(max(seq), 0) FROM task_feed"))


async def prune(runtime: Runtime, every: float = 3600) -> None:
    """Forget changes older than a day, each hour; a background task of the worker."""
    while True:
        async with runtime.worker_database.transaction() as tx:
            await tx.conn.execute(_PRUNE)
        await asyncio.sleep(every)


async def _between(conn: Conn, after: int, last: int, limit: int) -> list[Change]:
    rows = await conn.fetch(_READ, after, last, limit)
    return [Change(**dict(row) | {"within": frozenset(row["within"])}) for row in rows]
