"""The ledger's stream, batch by batch: states, timers, detections, posting buffer in one transaction (X4, X5, X8)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from attune_contracts.eventing import BehaviourRecorded
from attune_contracts.identifiers import partition as number_of
from attune_service_kit.consumer import Event, FatalEvent
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from eventing import behaviours, booked, detections, facts, postings, states, timers, triggers
from eventing.booked import Posting
from eventing.business_clock import Pulse
from eventing.compiled import Compiled
from eventing.customers import Customer, Found, Key, emitted
from eventing.detections import Finding
from eventing.fact_index import FactIndex
from eventing.facts import Fact
from eventing.shapes.dated import DatedFact
from eventing.states import Memory

log = structlog.get_logger(__name__)

_OPEN = """
SELECT p.epoch, p.business_date, p.run, (SELECT currency FROM base_currency) AS currency
FROM ledger_partition p WHERE p.partition = $1 FOR UPDATE"""
_ADVANCE = """
UPDATE ledger_partition
SET business_date = greatest(business_date, $2), event_time = greatest(event_time, $3),
    beyond_watermark = beyond_watermark + $4
WHERE partition = $1"""
_REPLAYS = "SELECT EXISTS (SELECT FROM job WHERE kind = 'replay' AND state IN ('queued', 'running'))"
_ADOPT = "INSERT INTO base_currency (id, currency) VALUES (1, $1) ON CONFLICT DO NOTHING"
# Says how many were new, and only if that were not all, which.
_STORE = """
WITH new AS (
    INSERT INTO posting (account_id, posting_id, business_date, booked_at, direction, amount_minor, currency, kind,
                         channel, reverses, flags)
    SELECT a, p, b, t, d, m, c, k, ch, r, coalesce(string_to_array(f, ','), '{}')
    FROM unnest($1::uuid[], $2::text[], $3::date[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[],
                $8::text[], $9::text[], $10::text[], $11::text[]) AS s(a, p, b, t, d, m, c, k, ch, r, f)
    ON CONFLICT DO NOTHING RETURNING account_id, posting_id
), stored AS (SELECT count(*) AS number FROM new)
SELECT number, CASE WHEN number < $12 THEN (SELECT array_agg(account_id || posting_id) FROM new) END AS keys
FROM stored"""
_BEYOND = """
UPDATE posting p SET came = 'beyond' FROM unnest($1::uuid[], $2::text[]) AS b(account, posting)
WHERE p.account_id = b.account AND p.posting_id = b.posting"""

# Of so many looks at a partition without messages one asks for timers that a job has set.
CALENDAR_TICKS = 5

Arrived = tuple[Event, Posting]


@dataclass
class Ledger:
    """What a worker remembers of each partition; the database is the truth.

    `quiet` has, for a partition that was found without messages, the business day of the last such moment, and how many
    there were.
    """

    size: int = 2_500
    pulse: Pulse = field(default_factory=Pulse)
    memories: dict[int, Memory] = field(default_factory=dict)
    quiet: dict[int, tuple[int, int]] = field(default_factory=dict)
    silent_through: dict[int, int] = field(default_factory=dict)
    in_force: tuple[object, FactIndex] | None = None

    def memory(self, partition: int) -> Memory:
        """The partition's memory."""
        return self.memories.setdefault(partition, Memory(self.size))

    def forget(self, partition: int) -> None:
        """Another worker may have written meanwhile."""
        self.memory(partition).clear()
        self.quiet.pop(partition, None)
        self.silent_through.pop(partition, None)

    async def on_batch(self, runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
        """Apply one partition's events in order."""
        # On the wall clock a day far ahead is an error of the sender; it would push the watermark over everybody.
        wall = runtime.settings.clock == "wall"
        furthest = runtime.clock.business_date() + timedelta(days=1) if wall else date.max
        read = [(event, _read(event, furthest)) for event in events]
        postings_ = [(event, one) for event, one in read if isinstance(one, Posting)]
        done = [one for _, one in read if isinstance(one, BehaviourRecorded)]
        currency = postings_[0][1].currency if postings_ else None
        batch = await self.open(runtime, tx, events[0].partition, currency)
        fresh = {id(event) for event, _ in await _store(tx.conn, [(e, p) for e, p in postings_ if batch.counts(p)])}
        new = await behaviours.store(tx.conn, [one for one in done if batch.counts(one)])
        await batch.memory.load(
            tx.conn,
            {b.customer_id for b in done}
            | {p.customer_id for e, p in postings_ if id(e) in fresh and p.currency == batch.currency},
        )
        for event, one in read:
            if isinstance(one, Posting):
                if id(event) in fresh:
                    batch.apply(event, one)
            elif (key := (one.customer_id, one.behaviour_id)) in new:
                new.discard(key)
                batch.late += batch.take(event, one.customer_id, behaviours.fact(one))
        latest = max(event.time for event in events)
        await batch.fire(latest)
        await batch.close(latest)
        tx.after_commit(lambda: self.pulse.observe(latest))

    def silence(self, runtime: Runtime, partition: int) -> int | None:
        """Up to which business day a partition without messages may have timers that are due; None if it has none.

        Called when there was no message just now. Business time counts that was known when there was none once before:
        whatever was booked by then has come.
        """
        known, times = self.quiet.get(partition, (0, 0))
        today = runtime.clock.business_date().toordinal()
        self.quiet[partition] = today, times + 1
        looks = self.memory(partition).overdue or (times % CALENDAR_TICKS == 0 and self.has_calendar)
        return known if known and (looks or known > self.silent_through.get(partition, 0)) else None

    @property
    def has_calendar(self) -> bool:
        """Whether a job may have set timers: that of the dates does."""
        return self.in_force is not None and any(t.kind == "calendar" for t in self.in_force[1].triggers)

    async def on_silence(self, runtime: Runtime, tx: Transaction, partition: int, through: int) -> None:
        """No facts come: the days that business time has left behind are over here, too (X35).

        Not while a replay sends facts of days that business time knows already.
        """
        if await tx.conn.fetchval(_REPLAYS):
            return
        batch = await self.open(runtime, tx, partition, None)
        await batch.fire(tx.now, through)
        await batch.close(None)

        def over() -> None:
            self.silent_through[partition] = through

        tx.after_commit(over)

    async def open(self, runtime: Runtime, tx: Transaction, partition: int, currency: str | None) -> "Batch":
        """Lock the partition's row, so that no rebuild comes between, and read what counts now."""
        row = await tx.conn.fetchrow(_OPEN, partition)
        assert row is not None  # noqa: S101 - the first migration makes the eight rows
        memory = self.memory(partition)
        memory.begin(row["epoch"])
        if row["currency"] is None and currency is not None:
            await tx.conn.execute(_ADOPT, currency)
        base = row["currency"] or currency or ""
        index = await self._index(tx.conn, base)
        newest = row["business_date"].toordinal() if row["business_date"] else 0
        today = runtime.clock.business_date().toordinal()
        return Batch(tx, memory, partition, base, index, newest, row["run"], today)

    async def _index(self, conn: asyncpg.Connection, currency: str) -> FactIndex:
        """The triggers in force, compiled once for each version. Asked under the lock: a backfill ends beneath it."""
        known = currency, await triggers.signature(conn)
        if self.in_force is None or self.in_force[0] != known:
            rows = await triggers.in_force(conn)
            self.in_force = known, FactIndex(triggers.compiled(row, currency) for row in rows)
        return self.in_force[1]


@dataclass
class Batch:
    """One transaction's work on one partition."""

    tx: Transaction
    memory: Memory
    partition: int
    currency: str
    index: FactIndex
    newest: int
    run: UUID | None
    today: int
    findings: list[Finding] = field(default_factory=list)
    touched: dict[UUID, Customer] = field(default_factory=dict)
    dues: dict[tuple[UUID, Key], int | None] = field(default_factory=dict)
    beyond: list[tuple[UUID, str]] = field(default_factory=list)
    late: int = 0

    def counts(self, posting: Posting | BehaviourRecorded) -> bool:
        """Whether the posting is to be applied: what an abandoned replay left on the stream is not."""
        return posting.origin == "live" or posting.run == self.run

    def apply(self, event: Event, posting: Posting) -> None:
        """Book one posting under every trigger that it concerns, and judge what it touches."""
        self._reach(facts.ordinal(posting.business_date))
        if posting.currency != self.currency:
            return
        if self.take(event, posting.customer_id, posting.fact()):
            self.beyond.append((posting.account_id, posting.posting_id))

    def take(self, event: Event, customer_id: UUID, fact: Fact) -> bool:
        """Take in a fact of a customer in memory; return whether it came at or before the watermark of a trigger."""
        self._reach(fact.day)
        customer = self.memory.customers[customer_id]
        taken = customer.apply(self.index, fact, self.newest)
        self.touched[customer_id] = customer
        self._find(customer_id, customer, taken.found, event.time, event)
        return any(fact.day < self.newest - trigger.lateness for trigger, _ in taken.concerned)

    def _reach(self, day: int) -> None:
        """The partition's largest business day moves on: timers may be due."""
        if day > self.newest:
            self.newest, self.memory.overdue = day, True

    def _find(
        self, customer_id: UUID, customer: Customer, found: Iterable[Found], time: datetime, cause: Event | None
    ) -> None:
        for one in map(emitted, found):
            who = customer_id, customer.branch_id
            self.findings.append(Finding(one.trigger, *who, self.currency, time, cause, one.verdict))

    async def fire(self, time: datetime, silent: int = 0) -> None:
        """Let the timers fire whose day the watermark has passed, or business time less the lateness (`silent`)."""
        timed = {trigger.name: trigger for trigger in self.index.triggers if trigger.has_timer}
        await self._arm(timed)
        if not timed or (not self.memory.overdue and not silent):
            return
        newest = max(self.newest, silent)
        through = {
            name: self.today if trigger.kind == "calendar" else newest - trigger.lateness - 1
            for name, trigger in timed.items()
        }
        due = await timers.due(self.tx.conn, self.partition, through)
        if due:
            await self.memory.load(self.tx.conn, {timer.customer_id for timer in due})
            calendar = {t.customer_id for t in due if timed[t.key[0]].kind == "calendar"}
            dates = await timers.dates(self.tx.conn, calendar) if calendar else {}
            for customer_id, key in due:
                customer = self.memory.customers[customer_id]
                self.touched[customer_id] = customer
                found = self._fire(customer_id, key, timed[key[0]], through[key[0]], dates.get(customer_id, ()))
                self._find(customer_id, customer, found, time, None)
        left = len(due) == timers.AT_ONCE
        self.tx.after_commit(lambda: setattr(self.memory, "overdue", left))
        await timers.write(self.tx.conn, self.partition, self.dues)

    def _fire(
        self, customer_id: UUID, key: Key, trigger: Compiled, through: int, dates: Sequence[DatedFact]
    ) -> list[Found]:
        """What one timer finds. One that fails is no event's fault: it is set aside, and said."""
        customer = self.memory.customers[customer_id]
        self.dues[customer_id, key] = None
        try:
            if trigger.kind == "calendar":
                found, dues = customer.reach_all(trigger, self.today, dates)
                self.dues |= {(customer_id, at): day for at, day in dues.items()}
            else:
                found = customer.fire(trigger, key[1], through)
                self.dues[customer_id, key] = customer.due(trigger, key[1])
        except Exception:
            log.exception("timer_set_aside", trigger=trigger.name, partition=self.partition)
            customer.touched.discard(key)
            return []
        return found

    async def _arm(self, timed: dict[str, Compiled]) -> None:
        """Set the timers of the states that facts have touched."""
        dues = {
            (customer_id, key): customer.due(timed[key[0]], key[1])
            for customer_id, customer in self.touched.items()
            for key in customer.touched
            if key[0] in timed
        }
        if dues:
            await timers.write(self.tx.conn, self.partition, dues)
            if min((day for day in dues.values() if day is not None), default=self.newest) < self.newest:
                self.memory.overdue = True

    async def close(self, latest: datetime | None) -> None:
        """Write what was touched; `latest` is the largest business time of the batch."""
        await states.save(self.tx.conn, self.partition, self.touched.items())
        for customer in self.touched.values():
            customer.touched.clear()
        await detections.apply(self.tx, self.findings)
        if latest is not None:
            day = date.fromordinal(self.newest)
            await self.tx.conn.execute(_ADVANCE, self.partition, day, latest, len(self.beyond) + self.late)
        self.tx.after_commit(self.memory.settle)
        if self.beyond:
            await self.tx.conn.execute(_BEYOND, *map(list, zip(*self.beyond, strict=True)))
            log.warning("postings_beyond_watermark", partition=self.partition, count=len(self.beyond))


def _read(event: Event, furthest: date) -> Posting | BehaviourRecorded:
    try:
        is_behaviour = event.type == BehaviourRecorded.TYPE
        found = behaviours.read(event.data) if is_behaviour else booked.read(event.data)
    except (postings.UnreadablePosting, behaviours.UnreadableBehaviour) as error:
        raise FatalEvent(str(error)) from error
    if number_of(found.customer_id) != event.partition:
        raise FatalEvent("the event lies in another partition than its customer's")
    if found.business_date > furthest:
        raise FatalEvent("the business date lies in the future")
    return found


async def _store(conn: asyncpg.Connection, arrived: Sequence[Arrived]) -> list[Arrived]:
    """Keep live postings for the lake; return the events that are no duplicates. A replay's lie there already."""
    live = [posting for _, posting in arrived if posting.origin == "live"]
    if not live:
        return list(arrived)
    stored = await conn.fetchrow(_STORE, *_columns(live), len(live))
    assert stored is not None  # noqa: S101 - an aggregate has one row
    if stored["number"] == len(live):
        return list(arrived)
    new = set(stored["keys"] or ())
    fresh: list[Arrived] = []
    for event, posting in arrived:
        key = f"{posting.account_id}{posting.posting_id}"
        if posting.origin == "replay" or key in new:
            new.discard(key)
            fresh.append((event, posting))
    return fresh


def _columns(live: Sequence[Posting]) -> Iterator[list[Any]]:
    """The columns of _STORE; one without any value is empty, which PostgreSQL fills up with NULL."""
    rows = (
        (
            p.account_id, p.posting_id, p.business_date, p.booked_at, p.direction, p.amount_minor, p.currency, p.kind,
            p.channel, p.reverses, ",".join(p.flags) or None,
        )
        for p in live
    )  # fmt: skip
    for column in zip(*rows, strict=True):
        yield list(column) if any(value is not None for value in column) else []
