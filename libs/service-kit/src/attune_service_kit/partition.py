"""One partition of one stream: lease, read, apply in one transaction, retry, quarantine (X5, P-05 … P-09)."""

import asyncio
import inspect
import time
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import structlog

from attune_contracts.envelope import nats_subject
from attune_service_kit import quarantine as quarantined
from attune_service_kit.applying import Applier, Part, write_quarantine
from attune_service_kit.cancellation import stop_if_cancelled
from attune_service_kit.consumer import FatalEvent, Plan
from attune_service_kit.failpoints import failpoint
from attune_service_kit.messaging import PublishFailed
from attune_service_kit.position import DATABASE_GONE, LeaseLost, Position, Positions
from attune_service_kit.reader import Delivered, Reader, ReaderBroken
from attune_service_kit.telemetry import describe
from attune_service_kit.together import Together
from attune_service_kit.turns import Turns

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

log = structlog.get_logger(__name__)

# Found in flight by this many starts in a row, a message is taken for what kills the process.
DEADLY_STARTS = 3
_IDLE_SECONDS = 1.0
_VERIFY_SECONDS = 5.0
_LONGEST_PAUSE = 5.0


class PartitionWorker:
    """Applies one partition for as long as its lease is ours, and tries to get the lease when it is not."""

    def __init__(
        self,
        runtime: "Runtime",
        plan: Plan,
        number: int,
        positions: Positions,
        retry_seconds: tuple[float, ...],
        turns: Turns,
        applier: Applier,
        together: Together | None,
    ) -> None:
        self.plan = plan
        self.number = number
        self.consumer = f"{plan.stream}.p{number}"
        self.may_take = True
        self.hand_over = False
        self.retry = False
        self._runtime = runtime
        self._positions = positions
        self._retry_seconds = retry_seconds
        self._turns = turns
        self._applier = applier
        self._together = together
        self._held_until = 0.0
        self._last_seq = 0
        self._applied = 0
        self._reader: Reader | None = None
        self._suspect_to = 0
        self._starts = 0
        self._deadly: int | None = None
        self._marked: tuple[int, int] | None = None
        self._in_hand: UUID | None = None

    @property
    def held(self) -> bool:
        """Whether the lease was ours when we last heard, and nobody can have taken it since."""
        return time.monotonic() < self._held_until

    def renewed(self) -> None:
        """The lease is ours for another while."""
        self._held_until = time.monotonic() + self._positions.lease_seconds

    def lose(self) -> None:
        """The lease is not ours any more."""
        self._held_until = 0.0

    async def pending(self) -> int | None:
        """Return how many messages are not applied yet; None if this worker cannot know."""
        reader = self._reader
        if not self.held or reader is None:
            return None
        try:
            return await reader.unapplied(self._applied)
        except PublishFailed:
            return None

    async def run(self) -> None:
        """Work for ever; cancelled at the stop."""
        pause = 0.1
        while True:
            started = time.monotonic()
            try:
                await self._hold()
            except LeaseLost:
                self.lose()
                log.warning("lease_lost", consumer=self.consumer)
            except ReaderBroken as error:
                log.info("reader_reopened", consumer=self.consumer, reason=str(error))
            except (PublishFailed, *DATABASE_GONE, asyncpg.PostgresError) as error:
                log.warning("consumer_waits", consumer=self.consumer, reason=f"{type(error).__name__}: {error}"[:200])
            except Exception:
                log.exception("consumer_failed", consumer=self.consumer)
            stop_if_cancelled()
            pause = 0.1 if time.monotonic() - started > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _hold(self) -> None:
        """Take the lease if it is free, and read until something breaks."""
        broker = self._runtime.broker
        if broker is None or not broker.connected or not (self.may_take or self.held):
            return
        position = await self._positions.take(self.consumer)
        if position is None:
            self.lose()
            return
        self.renewed()
        reader = Reader(
            broker,
            self.plan.stream,
            f"{self._runtime.service.name}_p{self.number}",
            self.plan.subjects(self.number),
            batch=self.plan.batch,
        )
        try:
            await self._start(reader, position)
            await self._read(reader)
        finally:
            self._reader = None
            await reader.close()

    async def _start(self, reader: Reader, position: Position) -> None:
        stream = await reader.broker.stream_state(self.plan.stream)
        self._last_seq = position.last_seq
        self._suspect_to, self._starts, self._deadly = 0, 0, None
        lost = position.stream_created not in (None, stream.created) or stream.last_seq < position.last_seq
        if lost:
            log.error("stream_is_new", consumer=self.consumer, last_seq=position.last_seq)
            self._last_seq = 0
        if lost or position.stream_created is None:
            await self._positions.reset(self.consumer, stream.created, self._last_seq)
        elif position.inflight_to is not None and self._marked != (position.inflight_from, position.inflight_to):
            # Not our own mark: after an outage of the database nobody has died.
            self._suspect_to, self._starts = position.inflight_to, position.starts
            if position.starts >= DEADLY_STARTS and position.inflight_from == position.inflight_to:
                self._deadly = position.inflight_to
            log.warning("found_in_flight", consumer=self.consumer, seq=position.inflight_from, count=position.starts)
        await quarantined.found_in_hand(self._runtime.worker_database.pool, self.consumer, self._in_hand)
        self._in_hand = None
        if self.plan.on_assigned is not None:
            done = self.plan.on_assigned(self._runtime, self.number)
            if inspect.isawaitable(done):
                await done
        self._applied = 0
        await reader.open(self._last_seq + 1)
        self._reader = reader

    async def _read(self, reader: Reader) -> None:
        verified = time.monotonic()
        while True:
            batch = await reader.next(self.plan.batch, _IDLE_SECONDS)
            stop_if_cancelled()
            if not self.held:
                raise LeaseLost(self.consumer)
            if batch:
                self._applied = await self._apply(reader, batch)
            else:
                if time.monotonic() - verified > _VERIFY_SECONDS:
                    verified = time.monotonic()
                    await reader.verify()
                await self._use_the_quiet()
            if self.retry:
                self.retry = False
                await self._retry_quarantined()
            if self.hand_over:
                await self._give_away()
                return

    async def _use_the_quiet(self) -> None:
        """There was no message just now: do what the service has to do then, if the partition is still ours."""
        todo = None if self.plan.on_quiet is None else self.plan.on_quiet(self._runtime, self.number)
        if todo is None:
            return
        async with self._turns.shared(), self._applier.transaction() as tx:
            await todo(tx)
            await self._positions.confirm(tx.conn, self.consumer, self._last_seq)

    async def _give_away(self) -> None:
        log.info("lease_handed_over", consumer=self.consumer)
        self.hand_over = self.may_take = False
        await self._positions.release(self.consumer)
        self.lose()

    # --- applying ----------------------------------------------------------------------------------------------------

    async def _apply(self, reader: Reader, batch: list[Delivered]) -> int:
        """Apply a batch at one go; what a dead process had in flight, and what fails, one by one.

        Returns the number of the last applied delivery: what came meanwhile may have gone along.
        """
        suspects = [m for m in batch if m.seq <= self._suspect_to]
        for message in suspects:
            if message.seq == self._deadly:
                await self._set_aside(message, f"in flight at {DEADLY_STARTS} deaths of the process")
            else:
                await self._apply_one(message, self._starts + 1)
        rest = batch[len(suspects) :]
        if not rest or await self._with_others(reader, rest):
            return (rest or batch)[-1].delivery
        try:
            async with self._turns.shared():
                await self._mark(rest[0].seq, rest[-1].seq, 1)
                failpoint("consumer.after_mark")
                await self._commit(rest)
            return rest[-1].delivery
        except LeaseLost:
            raise
        except Exception as error:
            await self._unless_outage(error)
            log.warning("batch_failed", consumer=self.consumer, rows=len(rest), exception=describe(error))
        for message in rest:
            await self._apply_one(message, 1)
        return rest[-1].delivery

    async def _with_others(self, reader: Reader, messages: list[Delivered]) -> bool:
        """Apply a batch, and what comes behind it until then, with other partitions'; False: nothing is done."""
        if self._together is None:
            return False
        part = self._part(messages)
        done = await self._together.applied(part, reader.more)
        self._marked = (messages[0].seq, part.last)
        if done:
            self._last_seq = part.last
        return done

    async def _apply_one(self, message: Delivered, starts: int) -> None:
        """Apply one message, with retries in place: the partition waits, so that nothing overtakes (P-05, P-08).

        A suspect (`starts` > 1) is tried while nothing else of this process is in flight: it accuses nobody else.
        """
        for pause in (*self._retry_seconds, None):
            try:
                async with self._turns.shared() if starts == 1 else self._turns.alone():
                    await self._mark(message.seq, message.seq, starts)
                    await self._commit([message])
                return
            except LeaseLost:
                raise
            except Exception as error:
                await self._unless_outage(error)
                log.warning("event_failed", consumer=self.consumer, seq=message.seq, exception=describe(error))
                if pause is None or isinstance(error, FatalEvent):
                    await self._set_aside(message, "\n".join(describe(error, with_message=True)))
                    return
                await self._positions.unmark(self.consumer)
                await asyncio.sleep(pause)
            if not self.held:
                raise LeaseLost(self.consumer)

    async def _mark(self, first: int, last: int, starts: int) -> None:
        self._marked = (first, last)
        await self._positions.mark(self.consumer, first, last, starts=starts)

    async def _unless_outage(self, error: Exception) -> None:
        """An error while the database does not answer is no event's fault: start over when it does."""
        if isinstance(error, FatalEvent) or await self._positions.alive():
            return
        raise ConnectionError("the database does not answer") from error

    async def _commit(self, messages: list[Delivered]) -> None:
        part = self._part(messages)
        await self._applier.commit([part])
        self._last_seq = part.last

    def _part(self, messages: list[Delivered]) -> Part:
        return Part(self.consumer, self.number, self._last_seq, messages)

    async def _retry_quarantined(self) -> None:
        """Apply what an operator wants tried again, as if it came now; its successors have long been applied (X7)."""
        pool = self._runtime.worker_database.pool
        while (taken := await quarantined.take(pool, self.consumer)) is not None:
            self._in_hand = taken.id
            try:
                async with self._turns.shared():
                    await self._apply_again(taken)
            except LeaseLost:
                raise
            except Exception as error:
                await self._unless_outage(error)
                log.warning("retry_failed", consumer=self.consumer, seq=taken.seq, exception=describe(error))
                await quarantined.hold_again(pool, taken.id, "\n".join(describe(error, with_message=True)))
            self._in_hand = None

    async def _apply_again(self, taken: quarantined.Taken) -> None:
        """Inbox, effects, events and the end of the quarantine in one transaction, if the partition is still ours."""
        message = Delivered(taken.seq, 0, nats_subject(taken.type, self.number), taken.payload)
        async with self._applier.transaction() as tx:
            await self._applier.again(tx, self._part([message]))
            await self._positions.confirm(tx.conn, self.consumer, self._last_seq)
            if not await quarantined.applied(tx.conn, taken.id):
                raise LeaseLost(self.consumer)

    async def _set_aside(self, message: Delivered, reason: str) -> None:
        """Quarantine a message and move past it, in one transaction."""
        async with self._runtime.worker_database.transaction() as tx:
            await write_quarantine(tx.conn, self.consumer, message, reason)
            await self._positions.move(tx.conn, [(self.consumer, self._last_seq, message.seq)])
        self._last_seq = message.seq
        log.error("event_quarantined", consumer=self.consumer, seq=message.seq, reason=reason.partition("\n")[0][:200])
