"""The ledger's stream, batch by batch: states, timers, detections, posting buffer in one transaction (X4, X5, X8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import asyncpg

from attune_contracts.eventing import BehaviourRecorded
from attune_contracts.identifiers import partition as number_of
from attune_service_kit.consumer import Event, FatalEvent
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from eventing import behaviours, booked, postings, triggers
from eventing.batch import Batch, Part
from eventing.booked import Posting
from eventing.business_clock import Pulse
from eventing.columns import taken_apart, words
from eventing.fact_index import FactIndex
from eventing.states import Memory

_OPEN = """
SELECT p.partition, p.epoch, p.business_date, p.run, (SELECT currency FROM base_currency) AS currency
FROM ledger_partition p WHERE p.partition = any($1::smallint[]) ORDER BY p.partition FOR UPDATE"""
_REPLAYS = "SELECT EXISTS (SELECT FROM job WHERE kind = 'replay' AND state IN ('queued', 'running'))"
_ADOPT = "INSERT INTO base_currency (id, currency) VALUES (1, $1) ON CONFLICT DO NOTHING"
_SENT = f"""
unnest($1::uuid[], $2::text[], {taken_apart(3, "date")}, $4::timestamptz[], {taken_apart(5, "text")},
       {taken_apart(6, "bigint")}, {taken_apart(7, "text")}, {taken_apart(8, "text")}, {taken_apart(9, "text")},
       $10::text[], {taken_apart(11, "text")}) AS s(a, p, b, t, d, m, c, k, ch, r, f)"""
_STORE = f"""
INSERT INTO posting (account_id, posting_id, business_date, booked_at, direction, amount_minor, currency, kind, channel,
                     reverses, flags)
SELECT a, p, b, t, d, m, c, k, ch, r, coalesce(string_to_array(f, ','), '{{}}') FROM {_SENT}
ON CONFLICT DO NOTHING"""  # noqa: S608 - a constant
# Which of them this transaction has stored: a row says so itself, and to have all said again costs more.
_STORED = """
SELECT p.account_id, p.posting_id FROM unnest($1::uuid[], $2::text[]) AS s(a, p)
JOIN posting p ON (p.account_id, p.posting_id) = (s.a, s.p) WHERE p.xmin = pg_current_xact_id()::xid"""
# Of what came again: whether any of it says something else than what came first. Of what the lake had only the figures
# are known.
_CLASHES = f"""
SELECT EXISTS (
    SELECT FROM {_SENT} JOIN posting o ON (o.account_id, o.posting_id) = (s.a, s.p)
    WHERE (o.business_date, o.direction, o.amount_minor, o.currency) <> (s.b, s.d, s.m, s.c)
       OR o.came <> 'lake' AND (o.booked_at, o.kind, o.channel, o.reverses, o.flags)
          IS DISTINCT FROM (s.t, s.k, s.ch, s.r, coalesce(string_to_array(s.f, ','), '{{}}')))"""  # noqa: S608
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
        """Apply the events of one partition or of several, each one's in order."""
        # On the wall clock a day far ahead is an error of the sender; it would push the watermark over everybody.
        wall = runtime.settings.clock == "wall"
        furthest = runtime.clock.business_date() + timedelta(days=1) if wall else date.max
        read = [(event, _read(event, furthest)) for event in events]
        postings_ = [(event, one) for event, one in read if isinstance(one, Posting)]
        done = [(event, one) for event, one in read if isinstance(one, BehaviourRecorded)]
        currency = postings_[0][1].currency if postings_ else None
        batch = await self.open(runtime, tx, {event.partition for event in events}, currency)
        parts = batch.parts
        fresh = await _store(tx.conn, [(e, p) for e, p in postings_ if parts[e.partition].counts(p)])
        new = await behaviours.store(tx.conn, [one for e, one in done if parts[e.partition].counts(one)])
        for event, posting in fresh:
            if posting.currency == batch.currency:
                parts[event.partition].wanted.add(posting.customer_id)
        for event, behaviour in done:
            parts[event.partition].wanted.add(behaviour.customer_id)
        await batch.load()
        known = {id(event) for event, _ in fresh}
        for event, one in read:
            part = parts[event.partition]
            if event.time > part.latest:
                part.latest = event.time
            if isinstance(one, Posting):
                if id(event) in known:
                    part.apply(event, one)
            elif (key := (one.customer_id, one.behaviour_id)) in new:
                new.discard(key)
                part.late += part.take(event, one.customer_id, behaviours.fact(one))
        await batch.fire()
        await batch.close()
        latest = max(part.latest for part in parts.values())
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
        batch = await self.open(runtime, tx, {partition}, None)
        await batch.fire(through)
        await batch.close()

        def over() -> None:
            self.silent_through[partition] = through

        tx.after_commit(over)

    async def open(self, runtime: Runtime, tx: Transaction, partitions: set[int], currency: str | None) -> Batch:
        """Lock the partitions' rows, so that no rebuild comes between, and read what counts now."""
        rows = await tx.conn.fetch(_OPEN, sorted(partitions))
        if rows[0]["currency"] is None and currency is not None:
            await tx.conn.execute(_ADOPT, currency)
        base = rows[0]["currency"] or currency or ""
        index = await self._index(tx.conn, base)
        today = runtime.clock.business_date().toordinal()
        parts = {}
        for row in rows:
            memory = self.memory(row["partition"])
            memory.begin(row["epoch"])
            newest = row["business_date"].toordinal() if row["business_date"] else 0
            parts[row["partition"]] = Part(row["partition"], memory, base, index, newest, row["run"], today)
        return Batch(tx, index, base, parts)

    async def _index(self, conn: asyncpg.Connection, currency: str) -> FactIndex:
        """The triggers in force, compiled once for each version. Asked under the lock: a backfill ends beneath it."""
        known = currency, await triggers.signature(conn)
        if self.in_force is None or self.in_force[0] != known:
            rows = await triggers.in_force(conn)
            self.in_force = known, FactIndex(triggers.compiled(row, currency) for row in rows)
        return self.in_force[1]


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
    """Keep live postings for the lake; return the events that are no duplicates. A replay's lie there already.

    A posting id that comes again and says something else is no duplicate: FatalEvent, and what came first holds (I68).
    """
    live = [posting for _, posting in arrived if posting.origin == "live"]
    if not live:
        return list(arrived)
    columns = _columns(live)
    stored = await conn.execute(_STORE, *columns)
    if stored == f"INSERT 0 {len(live)}":
        return list(arrived)
    new = {(row["account_id"], row["posting_id"]) for row in await conn.fetch(_STORED, *columns[:2])}
    fresh: list[Arrived] = []
    again: list[Posting] = []
    for event, posting in arrived:
        key = posting.account_id, posting.posting_id
        if posting.origin == "replay" or key in new:
            new.discard(key)
            fresh.append((event, posting))
        else:
            again.append(posting)
    if await conn.fetchval(_CLASHES, *_columns(again)):
        raise FatalEvent("id clash: the posting came before and said something else")
    return fresh


def _columns(live: Sequence[Posting]) -> list[Any]:
    """The columns of _SENT: what has a form of its own as words, what is anybody's text, or mostly missing, as arrays.

    One without any value is empty, which PostgreSQL fills up with NULL.
    """
    return [
        [p.account_id for p in live], [p.posting_id for p in live], words([p.business_date.isoformat() for p in live]),
        [p.booked_at for p in live] if any(p.booked_at for p in live) else [], words([p.direction for p in live]),
        words([str(p.amount_minor) for p in live]), words([p.currency for p in live]), words([p.kind for p in live]),
        words([p.channel or "" for p in live]),
        [p.reverses for p in live] if any(p.reverses for p in live) else [],
        words([",".join(p.flags) for p in live]),
    ]  # fmt: skip
