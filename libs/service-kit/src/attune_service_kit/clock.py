"""Business time (X1): what every rule takes for now. Wall time drives leases, retries and tokens only."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from attune_contracts.eventing import ClockAdvanced
from attune_contracts.identifiers import PARTITIONS

if TYPE_CHECKING:
    from attune_service_kit.database import Database, Transaction
    from attune_service_kit.runtime import Runtime
    from attune_service_kit.settings import ServiceSettings

log = structlog.get_logger(__name__)

# Business time of a home under the clock `events` to which nobody has told the time yet: before every bank's first day.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_STORE = """
INSERT INTO business_clock (partition, now) SELECT * FROM unnest($1::smallint[], $2::timestamptz[])
ON CONFLICT (partition) DO UPDATE SET now = excluded.now WHERE business_clock.now < excluded.now"""


class _Told(Protocol):
    """A consumed eventing.clock.advanced."""

    @property
    def partition(self) -> int: ...

    @property
    def data(self) -> dict[str, object]: ...


class BusinessClock:
    """The service's business time in this process: the wall clock, or the largest time told in any partition."""

    def __init__(self, settings: "ServiceSettings") -> None:
        self.kind = settings.clock
        self._zone = ZoneInfo(settings.zone)
        self._now = BEGINNING
        self._callbacks: list[Callable[[datetime], None]] = []
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """Return business time, in UTC. Under the clock `events` it never goes back."""
        return datetime.now(UTC) if self.kind == "wall" else self._now

    def business_date(self) -> date:
        """Return the day of `now` in the bank's zone."""
        return self.now().astimezone(self._zone).date()

    def date_of(self, moment: datetime) -> date:
        """Return the day of a moment in the bank's zone."""
        return moment.astimezone(self._zone).date()

    def on_advance(self, callback: Callable[[datetime], None]) -> None:
        """Call a plain function with the new time whenever business time has moved on; the wall clock never does."""
        self._callbacks.append(callback)

    async def advanced(self, timeout: float) -> None:
        """Return when business time has moved on, or after `timeout` wall seconds: the pace of a timer's poll."""
        moved = self._moved
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await moved.wait()

    def set(self, now: datetime) -> None:
        """Take over a time that is committed; an older one is ignored."""
        if now <= self._now:
            return
        self._now = now
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        for callback in self._callbacks:
            try:
                callback(now)
            except Exception:
                log.exception("clock_callback_failed")

    async def load(self, database: "Database") -> None:
        """Take over what this service has stored."""
        if self.kind == "events" and (stored := await database.pool.fetchval("SELECT max(now) FROM business_clock")):
            self.set(stored)


async def store(conn: asyncpg.Connection, times: dict[int, datetime]) -> None:
    """Write the time of partitions in the caller's transaction; an older time changes nothing."""
    await conn.execute(_STORE, list(times), list(times.values()))


async def apply(runtime: "Runtime", tx: "Transaction", events: Iterable[_Told]) -> None:
    """The kit's own handler of eventing.clock.advanced: store it, and turn the clock once that is committed."""
    times: dict[int, datetime] = {}
    for event in events:
        told = datetime.fromisoformat(str(event.data["now"]))
        times[event.partition] = max(told, times.get(event.partition, BEGINNING))
    await store(tx.conn, dict(sorted(times.items())))
    latest = max(times.values())
    tx.now = max(tx.now, latest) if runtime.clock.kind == "events" else tx.now
    tx.after_commit(lambda: runtime.clock.set(latest))


async def advance(runtime: "Runtime", tx: "Transaction", now: datetime) -> None:
    """Move business time on for everybody: eventing alone does so. Its own clock turns with this commit."""
    day = runtime.clock.date_of(now)
    for number in range(PARTITIONS):
        tx.emit_to(ClockAdvanced(now=now, business_date=day, partition=number), number, time=now)
    await store(tx.conn, dict.fromkeys(range(PARTITIONS), now))
    tx.after_commit(lambda: runtime.clock.set(now))


async def follow(runtime: "Runtime", every: float = 0.5) -> None:
    """Keep the clock of a process without consumers (app, job) at what the worker has stored. Runs for ever."""
    while True:
        try:
            await runtime.clock.load(runtime.database)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("clock_not_read")
        await asyncio.sleep(every)
