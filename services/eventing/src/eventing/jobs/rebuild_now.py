"""Keyed state of everybody, or of some, anew from everything that is known by now (X6, X8).

The lake gives the states; what has come by the stream since it was read is booked on top, under the partitions' locks,
so that no posting is lost or booked twice. Detections of streamed postings then follow the lake: those that a posting
beyond the watermark made true are raised, those that it made untrue are withdrawn.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import duckdb

from attune_contracts.identifiers import PARTITIONS, partition
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from attune_service_kit.failpoints import failpoint
from attune_service_kit.jobs import JobContext
from eventing import behaviours, detections, facts, lake_facts, postings, states
from eventing.compiled import Compiled
from eventing.customers import SHARED, Shared
from eventing.detections import Finding
from eventing.fact_index import FactIndex
from eventing.facts import Fact
from eventing.jobs import all_states, day_close, keyed_states, workbench
from eventing.jobs.all_states import AllStates
from eventing.verdicts import Raised, Verdict, Withdrawn

# The last day of all: nothing lies after it.
END = date(9999, 12, 31)
ATTEMPTS = 5

_EPOCHS = "SELECT partition, epoch FROM ledger_partition ORDER BY partition"
_SINCE = """
SELECT p.account_id, p.posting_id, p.business_date, p.booked_at, p.direction, p.amount_minor, p.currency, p.kind,
       p.channel, p.flags, p.reverses, o.customer_id, o.kind AS account_kind
FROM posting p JOIN account_owner o USING (account_id)
WHERE NOT p.in_lake AND ($1::uuid[] IS NULL OR o.customer_id = any($1))
ORDER BY p.business_date, coalesce(p.booked_at, (p.business_date + time '12:00') AT TIME ZONE 'UTC'), p.posting_id"""
_EPOCH = """
UPDATE ledger_partition p
SET epoch = epoch + 1, beyond_watermark = CASE WHEN $4 THEN 0 ELSE beyond_watermark END,
    business_date = greatest(p.business_date, d.day)
FROM unnest($1::smallint[], $2::date[]) AS d(number, day)
WHERE p.partition = d.number AND p.partition = any($3::smallint[])"""
_JUDGED = """
UPDATE posting p SET came = 'stream' FROM account_owner o
WHERE o.account_id = p.account_id AND p.came = 'beyond' AND p.in_lake
  AND ($1::uuid[] IS NULL OR o.customer_id = any($1))"""

_HITS = """
CREATE TEMP TABLE hit (customer_id uuid, event_key text, account_id uuid, day date, amount bigint, compared_with bigint)
ON COMMIT DROP"""
_HIT_COLUMNS = ("customer_id", "event_key", "account_id", "day", "amount", "compared_with")
# Only what came by the stream since this version holds: files raise nothing, earlier versions judged for themselves.
_MISSING = """
SELECT h.customer_id, h.event_key, h.account_id, h.day, h.amount, h.compared_with, o.branch_id
FROM hit h JOIN posting p ON p.account_id = h.account_id AND p.posting_id = h.event_key
LEFT JOIN detection d ON d.trigger = $1 AND d.customer_id = h.customer_id AND d.event_key = h.event_key
LEFT JOIN account_owner o ON o.account_id = h.account_id
WHERE p.came <> 'lake' AND p.in_lake AND p.received_at >= $2 AND (d.detection_id IS NULL OR d.state = 'withdrawn')
ORDER BY h.day, h.event_key"""
_UNTRUE = """
SELECT d.customer_id, d.event_key, d.business_date, d.branch_id
FROM detection d JOIN posting p ON p.account_id = d.account_id AND p.posting_id = d.event_key
WHERE d.trigger = $1 AND d.trigger_version = $3 AND d.state = 'raised' AND p.came <> 'lake' AND p.in_lake
  AND p.received_at >= $2 AND ($4::uuid[] IS NULL OR d.customer_id = any($4))
  AND NOT EXISTS (SELECT FROM hit h WHERE h.customer_id = d.customer_id AND h.event_key = d.event_key)
ORDER BY d.business_date, d.event_key"""


class StatesMoved(Conflict):
    """Owners changed, or another rebuild came between, each time that this one was ready."""

    code = "states_moved"


News = list[tuple[UUID, Fact]]
"""What has come by the stream since the lake was read, by customer."""


@dataclass
class Computed:
    """What the lake gives, and since when each trigger's version holds."""

    triggers: list[tuple[Compiled, datetime]]
    currency: str
    newest: dict[int, date]
    everything: AllStates = field(default_factory=AllStates)


class Beside(Protocol):
    """What else a job looks at in the lake that states are made from, and says with them."""

    told: dict[str, dict[str, int]]
    """What was said, by trigger."""

    def judge(self, con: duckdb.DuckDBPyConnection, triggers: Iterable[Compiled], currency: str) -> None:
        """Look."""

    async def say(self, tx: Transaction, computed: Computed, news: News) -> tuple[int, int]:
        """Raise and withdraw, in the states' own transaction; return how many of each."""


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `customers`, ids, or null for all. Result: `{customers, before: null, raised, withdrawn}`."""
    wanted = job.params.get("customers")
    return await _made(job, None if wanted is None else sorted(UUID(customer) for customer in wanted), None)


async def everybody(job: JobContext, beside: Beside) -> dict[str, Any]:
    """The states of everybody anew, and what is looked at beside; `triggers` in the result: what that has said."""
    return await _made(job, None, beside)


async def _made(job: JobContext, chosen: Sequence[UUID] | None, beside: Beside | None) -> dict[str, Any]:
    if job.cursor is not None:
        return job.cursor  # it was through when its process died
    with workbench.opened(job.runtime) as con:
        async with workbench.only_writer(job.runtime):
            for _ in range(ATTEMPTS):
                done = await _attempt(job, con, chosen, beside)
                if done is not None:
                    await job.progress(2, 2, "states swapped in")
                    return done
    raise StatesMoved("owners keep changing: try again when no import runs", "账户归属持续变化，请在导入结束后重试")


async def _attempt(
    job: JobContext, con: duckdb.DuckDBPyConnection, chosen: Sequence[UUID] | None, beside: Beside | None
) -> dict[str, Any] | None:
    """Compute and swap; None if owners or states changed between the two."""
    epochs = [tuple(row) for row in await job.runtime.worker_database.pool.fetch(_EPOCHS)]
    await day_close.publish_alone(job, con)
    await job.progress(0, 2, "postings gathered")
    await workbench.load_owners(con, job.runtime)
    if chosen is not None:
        ids = {"ids": [str(customer) for customer in chosen]}
        con.execute("DELETE FROM account_owner WHERE NOT list_contains($ids, customer_id)", ids)
    workbench.load_behaviours(con)
    if chosen is not None:
        con.execute("DELETE FROM behaviour WHERE NOT list_contains($ids, customer_id)", ids)
    found, currency = await keyed_states.rules(job)
    in_force = [(trigger, row["created_at"]) for trigger, row in found]
    computed = Computed(in_force, currency or "", keyed_states.newest(con, END))
    if currency:
        await asyncio.to_thread(_compute, con, computed, beside)
    await job.progress(1, 2, "states computed")
    failpoint("rebuild.computed")
    async with job.transaction() as tx:
        locked = await tx.conn.fetch(keyed_states.LOCK)
        if [(row["partition"], row["epoch"]) for row in locked] != epochs:
            return None
        days = {row["partition"]: row["business_date"] for row in locked}
        compiled = [trigger for trigger, _ in computed.triggers]
        news = await since(tx.conn, computed.currency, chosen)
        await book_since(tx.conn, computed.everything, compiled, news, days)
        numbers = sorted({partition(c) for c in chosen}) if chosen is not None else list(range(PARTITIONS))
        await _swap(tx.conn, computed, chosen, numbers, whole=chosen is None and beside is None)
        if computed.newest:
            last = max(computed.newest.values()) + timedelta(1)
            await keyed_states.remember_last_days(tx.conn, con, last, numbers)
        said = _repaired(tx, computed, chosen) if beside is None else beside.say(tx, computed, news)
        raised, withdrawn = await said
        done = {"customers": len(computed.everything.packed), "before": None, "raised": raised, "withdrawn": withdrawn}
        job.cursor = done if beside is None else done | {"triggers": beside.told}
        failpoint("rebuild.swapped")
    return job.cursor


def _compute(con: duckdb.DuckDBPyConnection, computed: Computed, beside: Beside | None) -> None:
    found = [trigger for trigger, _ in computed.triggers]
    if beside is not None:
        beside.judge(con, found, computed.currency)
    computed.everything = all_states.compute(con, found, computed.currency, END, computed.newest)


async def since(conn: asyncpg.Connection, currency: str, chosen: Sequence[UUID] | None) -> News:
    """What has come by the stream since the day's close put the others into the lake, in order."""
    fields = [dict(row) for row in await conn.fetch(_SINCE, chosen)]
    booked = [one for one in map(postings.read, fields) if one.currency == currency]
    done = await behaviours.since(conn, chosen)
    news = [(one.customer_id, facts.of_posting(one)) for one in booked]
    news += [(one.customer_id, behaviours.fact(one)) for one in done]
    return sorted(news, key=lambda one: one[1].place)


async def book_since(
    conn: asyncpg.Connection,
    everything: AllStates,
    found: Sequence[Compiled],
    news: News,
    days: Mapping[int, date | None],
) -> None:
    """Book what has come, as the worker did, and let the timers follow."""
    customers = await states.load(conn, sorted({customer_id for customer_id, _ in news}), states=False)
    for customer_id, customer in customers.items():
        packed = dict(everything.packed.get(customer_id, {}))
        if (known := packed.pop((SHARED, b""), None)) is not None:
            customer.shared = Shared.unpack(known)
        customer.states.update(packed)
    index = FactIndex(found)
    for customer_id, fact in news:
        newest = days[partition(customer_id)]
        latest = fact.day if newest is None else max(fact.day, newest.toordinal())
        customers[customer_id].apply(index, fact, latest)
    for customer_id, customer in customers.items():
        number = partition(customer_id)
        newest = days[number]
        if newest is not None:
            lake_facts.fire(lake_facts.Judged(customer_id, number, customer), index, newest.toordinal())
        everything.take(customer_id, number, customer, found)


async def _swap(
    conn: asyncpg.Connection,
    computed: Computed,
    chosen: Sequence[UUID] | None,
    numbers: Sequence[int],
    *,
    whole: bool,
) -> None:
    await keyed_states.stage(conn, computed.everything.rows())
    await all_states.stage_timers(conn, computed.everything.timers())
    await all_states.put_in_place(conn, customers=chosen)
    await conn.execute(
        _EPOCH, list(range(PARTITIONS)), [computed.newest.get(n) for n in range(PARTITIONS)], numbers, whole
    )


async def _repaired(tx: Transaction, computed: Computed, chosen: Sequence[UUID] | None) -> tuple[int, int]:
    raised = withdrawn = 0
    for trigger, since_when in computed.triggers:
        more, fewer = await _repair(tx, computed, trigger, since_when, chosen)
        raised, withdrawn = raised + more, withdrawn + fewer
    await tx.conn.execute(_JUDGED, chosen)
    return raised, withdrawn


async def _repair(
    tx: Transaction, computed: Computed, trigger: Compiled, since: datetime, chosen: Sequence[UUID] | None
) -> tuple[int, int]:
    """Raise and withdraw until the streamed postings' detections are the lake's; return how many of each.

    What days have found that are over is settled, and stays as it is.
    """
    if trigger.has_timer:
        return 0, 0
    hits = [
        (customer, hit.key, UUID(bytes=hit.account), date.fromordinal(hit.day), hit.amount, hit.compared_with)
        for customer, hit in computed.everything.standing.get(trigger.name, ())
        if hit.account
    ]
    await tx.conn.execute("DROP TABLE IF EXISTS hit")
    await tx.conn.execute(_HITS)
    await tx.conn.copy_records_to_table("hit", records=hits, columns=_HIT_COLUMNS)
    missing = await tx.conn.fetch(_MISSING, trigger.name, since) if trigger.enabled else []
    untrue = await tx.conn.fetch(_UNTRUE, trigger.name, since, trigger.version, chosen)
    verdicts: list[tuple[asyncpg.Record, Verdict]] = [(row, _raised(row)) for row in missing]
    verdicts += [(row, _withdrawn(row)) for row in untrue]
    findings = [
        Finding(trigger, row["customer_id"], row["branch_id"], computed.currency, tx.now, None, verdict)
        for row, verdict in verdicts
    ]
    await detections.apply(tx, findings)
    return len(missing), len(untrue)


def _raised(row: asyncpg.Record) -> Raised:
    account = row["account_id"].bytes
    return Raised(row["event_key"], row["day"].toordinal(), row["amount"], account, row["compared_with"], True)


def _withdrawn(row: asyncpg.Record) -> Withdrawn:
    return Withdrawn(row["event_key"], row["business_date"].toordinal(), "late_posting")
