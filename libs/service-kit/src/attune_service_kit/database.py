"""The database of a service: transactions that commit once, at the edge, with their events and audit rows (X24)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import UUID

import asyncpg
import orjson
import structlog
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from attune_contracts.envelope import Data, envelope
from attune_contracts.identifiers import PARTITIONS, partition
from attune_service_kit import outbox
from attune_service_kit.failpoints import failpoint
from attune_service_kit.reads import SETTINGS, Reads
from attune_service_kit.telemetry import request_id

log = structlog.get_logger(__name__)

# P-15: a request never waits long for a lock or a statement; a worker's statements may be long.
APP_LIMITS: Mapping[str, str] = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}
WORKER_LIMITS: Mapping[str, str] = {"statement_timeout": "0", "lock_timeout": "0"}

_PATIENCE = 10.0  # seconds

_ENTER = "SELECT " + ", ".join(f"set_config('{name}', ${n}, true)" for n, name in enumerate(SETTINGS, 1))
# Hot paths go by keys. A plan that is made while a table is small would read it whole, and is kept when it has grown.
# A frozen worker must not hold its rows for ever: the server ends its transaction.
_ENTER_PLAIN = f"""{_ENTER}, set_config('enable_seqscan', 'off', true),
set_config('idle_in_transaction_session_timeout', ${len(SETTINGS) + 1}, true)"""
_BEGIN = text("SELECT " + ", ".join(f"set_config('{name}', :{name[4:]}, true)" for name in SETTINGS))


@dataclass(frozen=True)
class Scope:
    """Whose data may be seen: the whole bank's, one branch's with its sub-branches, or one customer's.

    `subject` is who looks. It widens nothing by itself: rows may name whom they belong to, visits for instance.
    """

    kind: Literal["all", "branch", "customer"]
    branch: str | None = None
    customer: UUID | None = None
    subject: str = field(default="", compare=False)

    def settings(self) -> tuple[str, ...]:
        """The values of SETTINGS, which row security reads (X23)."""
        return self.kind, self.branch or "", str(self.customer or ""), self.subject


WHOLE_BANK = Scope("all")


class Transaction:
    """One transaction: `session` for CRUD, `conn` for bulk and hot paths, both on the same connection.

    A plain one has no session, and is committed by `commit`.
    """

    def __init__(
        self,
        session: AsyncSession | None,
        conn: asyncpg.Connection,
        scope: Scope,
        now: datetime,
        commit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._session = session
        self._commit = commit
        self.conn = conn
        self.scope = scope
        self.now = now  # business time at the beginning (X1)
        self.who = "service"  # whom audit rows name: the caller's subject in a request
        self.approved_by: str | None = None  # who let it be done, where that is another person
        self.audited = False
        self._events: list[outbox.OutboxRow] = []
        self._after_commit: list[Callable[[], None]] = []

    @property
    def session(self) -> AsyncSession:
        """SQLModel's session."""
        if self._session is None:
            raise RuntimeError("a plain transaction has no session")
        return self._session

    def emit(self, *data: Data, time: datetime | None = None) -> None:
        """Publish events with this transaction's commit; `time` is business time, by default `now`."""
        for item in data:
            event = envelope(item, time=time or self.now)
            self._events.append(outbox.row(event, partition(event.subject)))

    def emit_to(self, data: Data, partition: int, time: datetime | None = None) -> None:
        """Publish an event in a given partition: for the few that concern every partition."""
        if not 0 <= partition < PARTITIONS:
            raise ValueError(f"there is no partition {partition}")
        self._events.append(outbox.row(envelope(data, time=time or self.now), partition))

    async def audit(
        self,
        what: str,
        entity: str,
        entity_id: object,
        *,
        version: object = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Write who did what to which entity, in this very transaction (X24). `detail` carries no personal data."""
        self.audited = True
        if self.approved_by is not None:
            detail = {**(detail or {}), "approved_by": self.approved_by}
        await self.conn.execute(
            "INSERT INTO audit (who, what, entity, entity_id, version, request_id, detail)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb)",
            self.who,
            what,
            entity,
            str(entity_id),
            None if version is None else str(version),
            request_id() or None,
            None if detail is None else orjson.dumps(dict(detail), default=str).decode(),
        )

    @contextmanager
    def in_the_name_of(self, who: str, *, approved_by: str) -> Iterator[None]:
        """What is done in the block is `who`'s doing, with another person's approval."""
        before = self.who
        self.who, self.approved_by = who, approved_by
        try:
            yield
        finally:
            self.who, self.approved_by = before, None

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[None]:
        """Do something to see that it can be done: afterwards rows, events and callbacks are as before."""
        events, callbacks, audited = len(self._events), len(self._after_commit), self.audited
        savepoint = self.conn.transaction()
        await savepoint.start()
        try:
            yield
            await self.session.flush()
        finally:
            await savepoint.rollback()
            self.session.expunge_all()
            del self._events[events:], self._after_commit[callbacks:]
            self.audited = audited

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run a plain function once the transaction is committed; it cannot undo anything any more."""
        self._after_commit.append(callback)

    async def finish(self) -> None:
        """Write what is pending, then the events in one statement, and commit. Only the database calls it."""
        if self._session is not None:
            await self._session.flush()
        if self._events:
            await outbox.write(self.conn, self._events)
        failpoint("transaction.before_commit")
        await (self._commit or self.session.commit)()
        failpoint("transaction.after_commit")
        for callback in self._after_commit:
            try:
                callback()
            except Exception:
                log.exception("after_commit_failed")


class Database:
    """A service's database as one role. `open()` before use; it connects when first needed.

    `plain` is how many plain transactions there may be at once: single statements do not wait for them.
    """

    def __init__(
        self,
        url: str,
        *,
        limits: Mapping[str, str] = APP_LIMITS,
        size: int = 5,
        plain: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        application: str = "attune",
    ) -> None:
        # The server's own limit does not help when the server is frozen.
        self._patience = None if limits.get("statement_timeout") == "0" else _PATIENCE
        self.url = url
        self.now = now
        self._size = size
        self._plain = plain
        self._settings = {"application_name": application, "timezone": "UTC", **limits}
        self._engine: AsyncEngine | None = None
        self._pool: asyncpg.Pool | None = None

    async def connect(self) -> asyncpg.Connection:
        """A connection of its own, outside the pools: for LISTEN and long-held locks. The caller closes it."""
        return await asyncpg.connect(
            self.url, timeout=5, command_timeout=self._patience, server_settings=self._settings
        )

    async def open(self) -> None:
        """Make the pools; no connection yet, so a service starts while its database restarts."""
        self._engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=self.connect, pool_size=self._size, max_overflow=5, pool_timeout=5
        )
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=0,
            max_size=self._size + self._plain,
            timeout=5,
            command_timeout=self._patience,
            server_settings=self._settings,
            reset=_as_it_is,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.terminate()
        if self._engine is not None:
            await self._engine.dispose()

    @property
    def pool(self) -> asyncpg.Pool:
        """The pool of single statements: no transaction and no scope, so row security shows it nothing of anybody.

        jsonb is text on it, as on `conn`.
        """
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    def reads(self, scope: Scope) -> Reads:
        """Single reads of what the scope may see, one round trip each."""
        return Reads(lambda: self.pool, scope)

    @asynccontextmanager
    async def snapshot(self, scope: Scope) -> AsyncIterator[PoolConnectionProxy]:
        """Several reads of one moment, of what the scope may see."""
        async with self.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            await conn.execute(_ENTER, *scope.settings())
            yield conn

    @asynccontextmanager
    async def transaction(self, scope: Scope | None = None) -> AsyncIterator[Transaction]:
        """One transaction, committed at the end of the block and rolled back by any exception, a Refusal too."""
        if self._engine is None:
            raise RuntimeError("the database is not open")
        seen = scope or WHOLE_BANK
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            transaction = Transaction(session, await _begin(session, seen), seen, self.now())
            yield transaction
            await transaction.finish()

    @asynccontextmanager
    async def plain_transaction(self, idle_seconds: float) -> AsyncIterator[Transaction]:
        """`transaction` of the whole bank for hot paths, by `conn` alone and by keys: at a third of its price.

        The server ends it when it hears nothing for `idle_seconds`.
        """
        async with self.pool.acquire() as conn:
            inner = conn.transaction()
            await inner.start()
            try:
                await conn.execute(_ENTER_PLAIN, *WHOLE_BANK.settings(), f"{int(idle_seconds * 1000)}ms")
                raw = cast(asyncpg.Connection, conn)
                transaction = Transaction(None, raw, WHOLE_BANK, self.now(), inner.commit)
                yield transaction
                await transaction.finish()
            except BaseException:
                try:
                    await inner.rollback()
                except Exception:
                    # It is gone, or nobody knows how it stands: the server rolls back, and the pool makes another.
                    with suppress(asyncpg.InterfaceError):
                        conn.terminate()
                raise


async def _as_it_is(_conn: asyncpg.Connection) -> None:
    """Give a connection back: an open transaction has been rolled back, and nothing else is ever set on the pool's.

    asyncpg's own reset costs every hot read a second round trip.
    """


async def _begin(session: AsyncSession, scope: Scope) -> asyncpg.Connection:
    """Begin the transaction and return its raw connection; one that died in the pool is replaced once."""
    # The adapter begins with the first statement: only then does the raw connection share the transaction.
    settings = {name[4:]: value for name, value in zip(SETTINGS, scope.settings(), strict=True)}
    try:
        await (await session.connection()).execute(_BEGIN, settings)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        await session.rollback()
        await (await session.connection()).execute(_BEGIN, settings)
    raw: asyncpg.Connection | None = (await (await session.connection()).get_raw_connection()).driver_connection
    assert raw is not None  # noqa: S101 - the adapter always has one
    return raw
