"""What a job's function gets: its parameters, its cursor and the service's runtime."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import orjson

from attune_service_kit.database import Scope, Transaction
from attune_service_kit.heavy_turn import HeavyTurn
from attune_service_kit.messaging import Broker

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

# Notified when a job is started or cancelled; the worker listens.
CHANNEL = "job"
# Progress is for people: more often than this it is not written, except at the end and with a new message.
_PROGRESS_SECONDS = 0.2

_PROGRESS = """
UPDATE job SET progress = $2, total = $3, message = $4 WHERE id = $1 AND state = 'running' RETURNING true"""
_CURSOR = "UPDATE job SET cursor = $2::jsonb WHERE id = $1 AND state = 'running' RETURNING true"

T = TypeVar("T")


class JobCancelled(Exception):
    """The job was cancelled: nothing that it does now can be committed."""


class JobContext:
    """One run of a job. After a kill it runs again with the last committed `cursor`; assign to it in a transaction."""

    def __init__(
        self,
        job_id: UUID,
        kind: str,
        params: Mapping[str, Any],
        cursor: dict[str, Any] | None,
        runtime: "Runtime",
        turn: HeavyTurn | None = None,
    ) -> None:
        self.id = job_id
        self.kind = kind
        self.params = params
        self.cursor = cursor
        self.runtime = runtime
        self.cancelled = False  # for long loops that do not wait for anything: stop when it is set
        self._loop = asyncio.get_running_loop()
        self._brokers: dict[str | None, Broker] = {}
        self._told = (0.0, "")
        self._turn = turn

    async def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Tell how far it is; raises JobCancelled if nobody wants it any more."""
        at, said = self._told
        now = time.monotonic()
        if now - at < _PROGRESS_SECONDS and message == said and done != total:
            return
        self._told = (now, message)
        self._require(await self.runtime.database.pool.fetchval(_PROGRESS, self.id, done, total, message or None))

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Wait for somebody else inside: the home's other heavy jobs go first, and nothing of them is held up."""
        if self._turn is None:
            yield
            return
        async with self._turn.aside():
            yield

    @asynccontextmanager
    async def transaction(self, scope: Scope | None = None) -> AsyncIterator[Transaction]:
        """One transaction that commits its effects and the cursor together; if cancelled, it raises JobCancelled."""
        async with self.runtime.database.transaction(scope) as tx:
            yield tx
            cursor = None if self.cursor is None else orjson.dumps(self.cursor, default=str).decode()
            self._require(await tx.conn.fetchval(_CURSOR, self.id, cursor))

    async def broker(self, user: str | None = None) -> Broker:
        """Return a connected broker: as the service's own user, or as another that the settings name (`ledger`)."""
        if user not in self._brokers:
            settings = self.runtime.settings
            prefix = f"{user}_" if user else ""
            seed = getattr(settings, f"{prefix}nats_seed")
            self._brokers[user] = Broker(
                settings.nats_url,
                user=getattr(settings, f"{prefix}nats_user"),
                seed=seed.get_secret_value() if seed else None,
                name=f"{self.runtime.service.name}-job",
            )
            await self._brokers[user].start()
        await self._brokers[user].ready()
        return self._brokers[user]

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """For a plain function, which runs in a thread: do `progress` and the like on the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def close(self) -> None:
        """Close the brokers."""
        for broker in self._brokers.values():
            await broker.stop()

    def _require(self, running: object) -> None:
        if not running:
            self.cancelled = True
            raise JobCancelled(self.id)
