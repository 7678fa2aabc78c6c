"""Keyed state anew from the lake, as streaming the days before would have left it (X4, X34)."""

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.identifiers import PARTITIONS
from attune_service_kit.database import Transaction
from attune_service_kit.failpoints import failpoint
from attune_service_kit.jobs import JobContext
from eventing.compiled import Compiled
from eventing.jobs import all_states, day_close, keyed_states, rebuild_now, workbench
from eventing.jobs.all_states import AllStates

_EPOCH = """
UPDATE ledger_partition p
SET epoch = epoch + 1, run = $1, event_time = NULL, beyond_watermark = 0, business_date = d.day
FROM unnest($2::smallint[], $3::date[]) AS d(number, day) WHERE p.partition = d.number"""


@dataclass(frozen=True)
class Rebuilt:
    """All keyed states as of the beginning of a day, ready to be swapped in."""

    before: date
    states: AllStates
    newest: list[date | None]  # by partition


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `before`, an ISO date, or null for all that is known; `customers`, ids, or null for all.

    Result: `{customers, before, raised, withdrawn}`.
    """
    if job.params.get("before") is None:
        return await rebuild_now.run(job)
    before = date.fromisoformat(job.params["before"])
    with workbench.opened(job.runtime) as con:
        await day_close.publish(job, con)
        await job.progress(0, 2, "postings gathered")
        await workbench.load_owners(con, job.runtime)
        rebuilt = await compute(job, con, before)
        await job.progress(1, 2, "states computed")
        failpoint("rebuild.computed")
        async with job.transaction() as tx:
            await keyed_states.remember_last_days(tx.conn, con, before, range(PARTITIONS))
            await swap(tx, rebuilt, run=None)
    await job.progress(2, 2, "states swapped in")
    customers = len(rebuilt.states.packed)
    return {"customers": customers, "before": before.isoformat(), "raised": 0, "withdrawn": 0}


async def compute(job: JobContext, con: duckdb.DuckDBPyConnection, before: date) -> Rebuilt:
    """The states that the lake's postings of days before `before` give; `account_owner` is loaded."""
    found, currency = await keyed_states.rules(job)
    workbench.load_behaviours(con)
    return await asyncio.to_thread(_compute, con, before, [trigger for trigger, _ in found], currency)


def _compute(con: duckdb.DuckDBPyConnection, before: date, found: list[Compiled], currency: str | None) -> Rebuilt:
    days = keyed_states.newest(con, before)
    everything = all_states.compute(con, found, currency, before, days) if currency else AllStates()
    return Rebuilt(before, everything, [days.get(number) for number in range(PARTITIONS)])


async def swap(tx: Transaction, rebuilt: Rebuilt, run: UUID | None) -> None:
    """Put the states in place under a new epoch; `run` is the replay whose postings count from now on, if any.

    A worker that has begun a batch finishes it first, and its states go; one that begins later sees the new epoch.
    """
    await keyed_states.stage(tx.conn, rebuilt.states.rows())
    await all_states.stage_timers(tx.conn, rebuilt.states.timers())
    await tx.conn.execute(keyed_states.LOCK)
    await all_states.put_in_place(tx.conn)
    await tx.conn.execute(_EPOCH, run, list(range(PARTITIONS)), rebuilt.newest)
