"""The ledger's stream, batch by batch: state, detections, posting buffer and clock in one transaction (X4, X5, X8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import asyncpg
import structlog

from attune_contracts.identifiers import partition as number_of
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.consumer import Event, FatalEvent
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from eventing import detections, postings, states, triggers
from eventing.business_clock import Pulse
from eventing.detections import Finding
from eventing.judging import Rule, Subject, is_beyond
from eventing.states import Memory
from eventing.trigger_index import TriggerIndex, seen_by

log = structlog.get_logger(__name__)

_OPEN = """
SELECT p.epoch, p.business_date, p.run, (SELECT currency FROM base_currency) AS currency
FROM ledger_partition p WHERE p.partition = $1 FOR UPDATE"""
_ADVANCE = """
UPDATE ledger_partition
SET business_date = greatest(business_date, $2), event_time = greatest(event_time, $3),
    beyond_watermark = beyond_watermark + $4
WHERE partition = $1"""
_ADOPT = "INSERT INTO base_currency (id, currency) VALUES (1, $1) ON CONFLICT DO NOTHING"
_STORE = """
INSERT INTO posting (account_id, posting_id, business_date, booked_at, direction, amount_minor, currency, kind, channel,
                     flags, reverses)
SELECT a, p, b, t, d, m, c, k, ch, coalesce(string_to_array(nullif(f, ''), ','), '{}'), r
FROM unnest($1::uuid[], $2::text[], $3::date[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[]) AS s(a, p, b, t, d, m, c, k, ch, f, r)
ON CONFLICT DO NOTHING RETURNING account_id, posting_id"""
_BEYOND = """
UPDATE posting p SET came = 'beyond' FROM unnest($1::uuid[], $2::text[]) AS b(account, posting)
WHERE p.account_id = b.account AND p.posting_id = b.posting"""

Arrived = tuple[Event, TransactionPosted]


@dataclass
class Ledger:
    """What a worker remembers of each partition; the database is the truth."""

    size: int = 2_500
    pulse: Pulse = field(default_factory=Pulse)
    memories: dict[int, Memory] = field(default_factory=dict)

    def memory(self, partition: int) -> Memory:
        """The partition's memory."""
        return self.memories.setdefault(partition, Memory(self.size))

    def forget(self, partition: int) -> None:
        """Another worker may have written meanwhile."""
        self.memory(partition).clear()

    async def on_batch(self, runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
        """Apply one partition's events in order."""
        arrived = [(event, _read(event, runtime)) for event in events]
        partition = events[0].partition
        batch = await Batch.open(tx, self.memory(partition), partition, arrived[0][1].currency)
        fresh = await _store(tx.conn, [(event, p) for event, p in arrived if batch.counts(p)])
        await batch.memory.load(tx.conn, {posting.customer_id for _, posting in fresh if postings.is_deposit(posting)})
        for event, posting in fresh:
            batch.apply(event, posting)
        latest = max(event.time for event in events)
        await batch.close(latest)
        tx.after_commit(lambda: self.pulse.observe(latest))


@dataclass
class Batch:
    """One transaction's work on one partition."""

    tx: Transaction
    memory: Memory
    partition: int
    currency: str
    rules: list[Rule]
    index: TriggerIndex
    newest: int
    run: UUID | None
    findings: list[Finding] = field(default_factory=list)
    touched: dict[tuple[UUID, str], Subject] = field(default_factory=dict)
    beyond: int = 0
    beyond_keys: list[tuple[UUID, str]] = field(default_factory=list)

    @staticmethod
    async def open(tx: Transaction, memory: Memory, partition: int, currency: str) -> "Batch":
        """Lock the partition's row, so that no rebuild comes between, and read what counts now."""
        row = await tx.conn.fetchrow(_OPEN, partition)
        assert row is not None  # noqa: S101 - the first migration makes the eight rows
        memory.begin(row["epoch"])
        if row["currency"] is None:
            await tx.conn.execute(_ADOPT, currency)
        rows = [r for r in await triggers.current(tx.conn) if r["kind"] == "own_history"]
        rules = [triggers.rule(r) for r in rows]
        index = TriggerIndex.of((r["event_type"], rule) for r, rule in zip(rows, rules, strict=True))
        newest = row["business_date"].toordinal() if row["business_date"] else 0
        return Batch(tx, memory, partition, row["currency"] or currency, rules, index, newest, row["run"])

    def counts(self, posting: TransactionPosted) -> bool:
        """Whether the posting is to be applied: what an abandoned replay left on the stream is not."""
        return posting.origin == "live" or posting.run == self.run

    def apply(self, event: Event, posting: TransactionPosted) -> None:
        """Book one posting under every rule and judge what it touches."""
        movement = postings.movement(posting)
        self.newest = max(self.newest, movement.day)
        before = self.beyond
        if not postings.is_deposit(posting) or posting.currency != self.currency:
            return
        customer = self.memory.customers[posting.customer_id]
        can_fire = self.index.candidates(event.type, posting.amount_minor) if movement.candidate else ()
        for rule in self.rules:
            subject = customer.subjects.get(rule.name)
            if subject is None:
                subject = customer.subjects[rule.name] = Subject()
            self.beyond += is_beyond(movement.day, self.newest, rule)
            for verdict in subject.apply(seen_by(rule, movement, can_fire), rule, customer.opening, self.newest):
                who = posting.customer_id, customer.branch_id
                self.findings.append(Finding(rule, *who, self.currency, event.time, event, verdict))
            self.touched[posting.customer_id, rule.name] = subject
        if self.beyond > before:
            self.beyond_keys.append((posting.account_id, posting.posting_id))

    async def close(self, latest: datetime) -> None:
        """Write what was touched; `latest` is the largest business time of the batch."""
        await states.save(self.tx.conn, self.partition, [(c, t, subject) for (c, t), subject in self.touched.items()])
        await detections.apply(self.tx, self.findings)
        await self.tx.conn.execute(_ADVANCE, self.partition, date.fromordinal(self.newest), latest, self.beyond)
        self.tx.after_commit(self.memory.settle)
        if self.beyond:
            await self.tx.conn.execute(_BEYOND, *map(list, zip(*self.beyond_keys, strict=True)))
            log.warning("postings_beyond_watermark", partition=self.partition, count=self.beyond)


def _read(event: Event, runtime: Runtime) -> TransactionPosted:
    try:
        posting = postings.read(event.data)
    except postings.UnreadablePosting as error:
        raise FatalEvent(str(error)) from error
    if number_of(posting.customer_id) != event.partition:
        raise FatalEvent("the event lies in another partition than its customer's")
    # On the wall clock a day far ahead is an error of the sender; it would push the watermark over everybody.
    if runtime.settings.clock == "wall" and (posting.business_date - runtime.clock.business_date()).days > 1:
        raise FatalEvent("the business date lies in the future")
    return posting


async def _store(conn: asyncpg.Connection, arrived: Sequence[Arrived]) -> list[Arrived]:
    """Keep live postings for the lake; return the events that are no duplicates. A replay's lie there already."""
    live = [posting for _, posting in arrived if posting.origin == "live"]
    if not live:
        return list(arrived)
    columns = zip(*(_columns(posting) for posting in live), strict=True)
    new = {(row["account_id"], row["posting_id"]) for row in await conn.fetch(_STORE, *map(list, columns))}
    fresh: list[Arrived] = []
    for event, posting in arrived:
        key = (posting.account_id, posting.posting_id)
        if posting.origin == "replay" or key in new:
            new.discard(key)
            fresh.append((event, posting))
    return fresh


def _columns(posting: TransactionPosted) -> tuple[object, ...]:
    return (
        posting.account_id,
        posting.posting_id,
        posting.business_date,
        posting.booked_at,
        posting.direction.value,
        posting.amount_minor,
        posting.currency,
        posting.kind,
        posting.channel,
        ",".join(posting.flags),
        posting.reverses,
    )
