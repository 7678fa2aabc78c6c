"""Keyed state anew from the lake, as streaming the days before would have left it (X4, X34)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import duckdb

from attune_contracts.identifiers import PARTITIONS
from attune_service_kit.database import Transaction
from attune_service_kit.jobs import JobContext
from eventing import lake_history, triggers
from eventing.jobs import day_close, workbench
from eventing.judging import Rule

_LOCK = "SELECT partition FROM ledger_partition ORDER BY partition FOR UPDATE"
_EPOCH = """
UPDATE ledger_partition p
SET epoch = epoch + 1, run = $1, event_time = NULL, beyond_watermark = 0, business_date = d.day
FROM unnest($2::smallint[], $3::date[]) AS d(number, day) WHERE p.partition = d.number"""
_STAGE = "CREATE TEMP TABLE rebuilt (LIKE keyed_state) ON COMMIT DROP"
_COLUMNS = ("customer_id", "trigger", "partition", "packed")
_SWAP = "TRUNCATE keyed_state; INSERT INTO keyed_state SELECT * FROM rebuilt"
# The stream may still bring what the lake has of the last days: those postings are known already.
_KNOWN = """
INSERT INTO posting (account_id, posting_id, business_date, direction, amount_minor, currency, kind, in_lake)
SELECT account_id, posting_id, business_date, direction, amount_minor, currency, kind, true FROM known_posting
ON CONFLICT DO NOTHING"""
_KNOWN_COLUMNS = ("account_id", "posting_id", "business_date", "direction", "amount_minor", "currency", "kind")
_KNOWN_DAYS = 31
_CURRENCY = "SELECT currency FROM base_currency"

State = tuple[UUID, str, int, bytes]


@dataclass(frozen=True)
class Rebuilt:
    """All keyed states as of the beginning of a day, ready to be swapped in."""

    before: date
    states: list[State]
    newest: list[date | None]  # by partition


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `before`, an ISO date. Result: `{customers, before}`."""
    before = date.fromisoformat(job.params["before"])
    with workbench.opened(job.runtime) as con:
        await day_close.publish(job, con)
        await job.progress(0, 2, "postings gathered")
        await workbench.load_owners(con, job.runtime)
        rebuilt = await compute(job, con, before)
        await job.progress(1, 2, "states computed")
        async with job.transaction() as tx:
            await remember_last_days(tx.conn, con, before)
            await swap(tx, rebuilt, run=None)
    await job.progress(2, 2, "states swapped in")
    return {"customers": len({state[0] for state in rebuilt.states}), "before": before.isoformat()}


async def compute(job: JobContext, con: duckdb.DuckDBPyConnection, before: date) -> Rebuilt:
    """The states that the lake's postings of days before `before` give; `account_owner` is loaded."""
    async with job.runtime.worker_database.pool.acquire() as conn:
        rows = [row for row in await triggers.current(conn) if row["kind"] == "own_history"]
        currency = await conn.fetchval(_CURRENCY)
    return await asyncio.to_thread(_compute, con, before, [triggers.rule(row) for row in rows], currency)


def _compute(con: duckdb.DuckDBPyConnection, before: date, rules: list[Rule], currency: str | None) -> Rebuilt:
    states = [state for rule in rules for state in _states(con, rule, before, currency)] if currency else []
    newest = dict(
        con.execute(
            "SELECT o.partition, max(t.business_date) FROM transactions t JOIN account_owner o USING (account_id)"
            " WHERE t.business_date < $before GROUP BY o.partition",
            {"before": before},
        ).fetchall()
    )
    return Rebuilt(before, states, [newest.get(number) for number in range(PARTITIONS)])


def _states(con: duckdb.DuckDBPyConnection, rule: Rule, before: date, currency: str) -> Iterator[State]:
    partitions = dict(con.execute("SELECT DISTINCT customer_id, partition FROM account_owner").fetchall())
    lake_history.prepare(con, rule, currency, before)
    for customer, subject in lake_history.subjects(con, rule):
        yield UUID(customer), rule.name, partitions[customer], subject.pack()


async def swap(tx: Transaction, rebuilt: Rebuilt, run: UUID | None) -> None:
    """Put the states in place under a new epoch; `run` is the replay whose postings count from now on, if any.

    A worker that has begun a batch finishes it first, and its states go; one that begins later sees the new epoch.
    """
    await tx.conn.execute(_STAGE)
    await tx.conn.copy_records_to_table("rebuilt", records=rebuilt.states, columns=_COLUMNS)
    await tx.conn.execute(_LOCK)
    await tx.conn.execute(_SWAP)
    await tx.conn.execute(_EPOCH, run, list(range(PARTITIONS)), rebuilt.newest)


async def remember_last_days(conn: asyncpg.Connection, con: duckdb.DuckDBPyConnection, before: date) -> None:
    """Mark the lake's postings of the last days as known, so that the live stream does not apply them again."""
    rows = con.execute(
        f"SELECT {', '.join(_KNOWN_COLUMNS)} FROM transactions"  # noqa: S608 - names of this module
        " WHERE business_date < $before AND business_date >= $before - CAST($days AS INTEGER)",
        {"before": before, "days": _KNOWN_DAYS},
    ).fetchall()
    await conn.execute("CREATE TEMP TABLE known_posting (LIKE posting) ON COMMIT DROP")
    for name in ("flags", "in_lake", "received_at"):
        await conn.execute(f"ALTER TABLE known_posting ALTER {name} DROP NOT NULL")
    records = [(UUID(account), *rest) for account, *rest in rows]
    await conn.copy_records_to_table("known_posting", records=records, columns=_KNOWN_COLUMNS)
    await conn.execute(_KNOWN)
