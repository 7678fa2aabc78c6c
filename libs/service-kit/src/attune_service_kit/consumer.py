"""The message edge: what a service subscribes to, and the worker that applies it exactly once and in order (X5)."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from attune_contracts.envelope import Data, nats_subject
from attune_contracts.eventing import ClockAdvanced
from attune_contracts.identifiers import PARTITIONS
from attune_service_kit import clock, telemetry
from attune_service_kit.position import DATABASE_GONE, Positions

if TYPE_CHECKING:
    from attune_service_kit.database import Transaction
    from attune_service_kit.runtime import Runtime

log = structlog.get_logger(__name__)

Handler = Callable[["Runtime", "Transaction", "list[Event]"], Awaitable[None]]
BatchHandler = Handler
Quiet = Callable[["Transaction"], Awaitable[None]]
QuietHook = Callable[["Runtime", int], Quiet | None]
AssignedHook = Callable[["Runtime", int], Awaitable[None] | None]

_CLOCK = ClockAdvanced.TYPE


class FatalEvent(Exception):
    """Raised by a handler: this event will never be applicable. It is quarantined at once."""


class Event(NamedTuple):
    """One received event. `data` is what the JSON says: tolerant readers take what they need of it."""

    id: UUID
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]
    partition: int
    seq: int
    correlation_id: str | None = None
    traceparent: str | None = None

    @contextlib.contextmanager
    def as_cause(self) -> Iterator[None]:
        """Whatever is emitted inside names this event's correlation and, if it is sampled, continues its trace."""
        telemetry.begin(str(self.id), self.correlation_id)
        if self.traceparent is None or not self.traceparent.endswith("1"):
            yield
            return
        with telemetry.span_from(self.traceparent, f"{self.type} process"):
            yield


@dataclass(frozen=True)
class Subscription:
    """What a service takes from one stream. A failing event is retried in place, then quarantined; its partition waits.

    `batch_handler` gets every event of a batch in order; without it each handler gets consecutive events of its type.
    `on_assigned` is called when a partition's lease is taken (again): what was cached of it may be stale.
    `on_quiet` is asked when a partition had no message just now: what it returns is done in a transaction of its own.
    `gather`: batches of several partitions that wait are one transaction, and `batch_handler` gets them one partition
    after the other. While little waits, one begins so many seconds after the one before at the earliest; what comes
    alone waits for a moment.
    `plain`: the handlers work by `tx.conn` alone; their transactions have no session.
    `keyed` tells the events of which the handler sees by a key of their own, kept in its own tables, whether they came
    before: the inbox has no row of them (plain subscriptions only).
    """

    stream: Literal["EVT", "LEDGER"]
    handlers: "Mapping[type[Data] | str, Handler]"
    on_failure: Literal["retry_then_quarantine"] = "retry_then_quarantine"
    batch: int = 500
    batch_handler: BatchHandler | None = None
    on_assigned: AssignedHook | None = None
    on_quiet: QuietHook | None = None
    gather: float | None = None
    plain: bool = False
    keyed: Callable[[Event], bool] | None = None

    def by_type(self) -> dict[str, Handler]:
        """Return the handlers by event type."""
        return {key if isinstance(key, str) else key.TYPE: handler for key, handler in self.handlers.items()}


@dataclass(frozen=True)
class Plan:
    """A subscription as it is run: by event type, with the kit's own handler of the business clock."""

    stream: str
    handlers: Mapping[str, Handler]
    batch: int
    batch_handler: BatchHandler | None
    on_assigned: AssignedHook | None
    tells_time: bool
    on_quiet: QuietHook | None = None
    gather: float | None = None
    plain: bool = False
    keyed: Callable[[Event], bool] | None = None

    @property
    def types(self) -> list[str]:
        """The event types to be delivered."""
        return sorted({*self.handlers, *((_CLOCK,) if self.tells_time else ())})

    def subjects(self, partition: int) -> list[str]:
        """The NATS subjects of a partition: everything else is not even delivered."""
        return [nats_subject(event_type, partition) for event_type in self.types]

    async def handle(self, runtime: "Runtime", tx: "Transaction", events: list[Event]) -> None:
        """Apply the events in order, in the caller's transaction."""
        if self.tells_time and (told := [e for e in events if e.type == _CLOCK]):
            await clock.apply(runtime, tx, told)
        mine = [e for e in events if e.type in self.handlers]
        if self.batch_handler is not None:
            if mine:
                with _cause(mine):
                    await self.batch_handler(runtime, tx, mine)
            return
        for event_type, group in _consecutive(mine):
            with _cause(group):
                await self.handlers[event_type](runtime, tx, group)


def _consecutive(events: list[Event]) -> Iterator[tuple[str, list[Event]]]:
    """Split into runs of one type."""
    start = 0
    for end in range(1, len(events) + 1):
        if end == len(events) or events[end].type != events[start].type:
            yield events[start].type, events[start:end]
            start = end


@contextlib.contextmanager
def _cause(group: list[Event]) -> Iterator[None]:
    """The cause of what a group's handler emits: its one event, else the first sampled trace and no single correlation.

    A handler that emits for single events of a larger group says so by `event.as_cause()`.
    """
    if len(group) == 1:
        with group[0].as_cause():
            yield
        return
    telemetry.begin()
    sampled = next((e for e in group if e.traceparent is not None and e.traceparent.endswith("1")), None)
    if sampled is None:
        yield
        return
    with telemetry.span_from(sampled.traceparent, f"{sampled.type} process"):
        yield


def plans(runtime: "Runtime") -> list[Plan]:
    """Return what this service reads: its subscriptions, and business time where that comes by events."""
    subscriptions = list(runtime.service.subscriptions)
    if len({s.stream for s in subscriptions}) != len(subscriptions):
        raise ValueError(f"{runtime.service.name} subscribes to a stream twice")
    if any(s.gather is not None and s.batch_handler is None for s in subscriptions):
        raise ValueError(f"{runtime.service.name} gathers partitions without a handler of batches")
    if any(s.keyed is not None and not s.plain for s in subscriptions):
        raise ValueError(f"{runtime.service.name} leaves out the inbox, which bounds what is not plain")
    told = runtime.clock.kind == "events"
    if told and not any(s.stream == "EVT" for s in subscriptions):
        subscriptions.append(Subscription("EVT", {}))
    return [
        Plan(
            s.stream, s.by_type(), s.batch, s.batch_handler, s.on_assigned, told and s.stream == "EVT", s.on_quiet,
            s.gather, s.plain, s.keyed,
        )
        for s in subscriptions
    ]  # fmt: skip


@dataclass(frozen=True)
class Pending:
    """What one partition has yet to apply; None where this process does not hold its lease or has no broker."""

    stream: str
    partition: int
    pending: int | None


class Consumers:
    """Every partition of every subscription, as far as this worker gets their leases."""

    def __init__(
        self,
        runtime: "Runtime",
        *,
        lease_seconds: float | None = None,
        retry_seconds: tuple[float, ...] | None = None,
    ) -> None:
        # Imported here: the worker of a partition needs the types above.
        from attune_service_kit.applying import Applier
        from attune_service_kit.partition import PartitionWorker
        from attune_service_kit.together import Together
        from attune_service_kit.turns import Turns

        settings = runtime.settings
        owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._runtime = runtime
        self._look = asyncio.Event()
        self.positions = Positions(runtime.worker_database, owner, lease_seconds or settings.lease_seconds)
        retries = settings.retry_seconds if retry_seconds is None else retry_seconds
        # No more transactions at once than the pool has connections to spare.
        turns = Turns(settings.pool_size)
        self._together: list[Together] = []
        ways = []
        for plan in plans(runtime):
            applier = Applier(runtime, plan, self.positions)
            together = None if plan.gather is None else Together(runtime, plan, applier, self.positions, turns)
            self._together += [together] if together is not None else []
            ways.append((plan, applier, together))
        # By number: what is handed over of them is as much of every stream.
        self.workers = [
            PartitionWorker(runtime, plan, number, self.positions, retries, turns, applier, together)
            for number in range(PARTITIONS)
            for plan, applier, together in ways
        ]

    async def run(self) -> None:
        """Work until cancelled, then give the leases back."""
        if not self.workers:
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew())
                for together in self._together:
                    group.create_task(together.run())
                for worker in self.workers:
                    group.create_task(worker.run(), name=worker.consumer)
        finally:
            with contextlib.suppress(*DATABASE_GONE):
                await self.positions.leave()

    async def _renew(self) -> None:
        """Keep the leases alive, and share the partitions fairly with the other living workers."""
        while True:
            held = {worker.consumer: worker for worker in self.workers if worker.held}
            try:
                kept, others, wanted = await self.positions.renew(list(held))
            except (*DATABASE_GONE, asyncpg.PostgresError):
                log.warning("leases_not_renewed")
                await asyncio.sleep(1)
                continue
            for name, worker in held.items():
                if name in kept:
                    worker.renewed()
                else:
                    worker.lose()
            fair = -(-len(self.workers) // (others + 1))
            spare = len(held) - fair
            for worker in self.workers:
                worker.may_take = len(held) < fair
                if spare > 0 and worker.held:
                    worker.hand_over = True
                    spare -= 1
                worker.retry = worker.consumer in wanted
            self._look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.positions.lease_seconds / 3):
                    await self._look.wait()

    def look(self) -> None:
        """Look now, not at the next renewal, whether a quarantined message is to be tried again."""
        self._look.set()

    async def pending(self) -> list[Pending]:
        """Return what each partition has yet to apply, asked of the broker right now."""
        counts = await asyncio.gather(*(worker.pending() for worker in self.workers))
        return [
            Pending(worker.plan.stream, worker.number, count)
            for worker, count in zip(self.workers, counts, strict=True)
        ]


async def run(runtime: "Runtime") -> None:
    """Consume for ever; a background task of every worker."""
    consumers = Consumers(runtime)
    runtime.consumers = consumers
    try:
        await consumers.run()
    finally:
        runtime.consumers = None
