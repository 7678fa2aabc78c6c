"""Taking an import of postings back: its files leave the months of the lake, or nothing happens and the reason is told.

Keyed states that read its postings are made anew afterwards, by the rebuild that any change of the past needs.
"""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.datasets import TRANSACTIONS
from attune_contracts.eventing import TransactionsPublished
from attune_service_kit import lake_sql
from attune_service_kit.failpoints import failpoint
from attune_service_kit.files import runs
from attune_service_kit.files.runs import ImportInUse
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from eventing.jobs import workbench

_STANDING = "SELECT account_id::text AS account_id, event_key FROM detection WHERE state <> 'withdrawn'"
_FORGET = """
DELETE FROM posting p USING unnest($1::uuid[], $2::text[]) AS w (account_id, posting_id)
WHERE p.came = 'lake' AND (p.account_id, p.posting_id) = (w.account_id, w.posting_id)"""
_REMEMBERED = "SELECT min(remembered_from) FROM ledger_partition"
_STATES = "SELECT EXISTS (SELECT FROM keyed_state)"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `import_id`, `only_check`. Result: `{import_id, undone, removed, rebuild}`; fails with ImportInUse."""
    origin = job.params["import_id"]
    async with workbench.only_writer(job.runtime):
        with workbench.opened(job.runtime) as con:
            # A run that was killed has taken some months back already: its cursor holds the whole count.
            rows = (job.cursor or {}).get("removed") or sum(
                job.runtime.lake.brought_by(TRANSACTIONS.name, origin).values()
            )
            _brought(con, job.runtime, origin)
            await _refuse_if_in_use(job, con)
            if job.params["only_check"]:
                return {"import_id": origin, "undone": False, "removed": rows, "rebuild": None}
            known = await _known(job, con)
            async with job.transaction():
                job.cursor = {"removed": rows, "known": (job.cursor or {}).get("known") or known}
            await job.progress(1, 2, "taking back")
            await asyncio.to_thread(_withdraw, job.runtime, origin)
        rebuild = await _complete(job, UUID(origin))
    return {"import_id": origin, "undone": True, "removed": rows, "rebuild": rebuild}


def _files(runtime: Runtime, origin: str) -> list[Path]:
    found = (runtime.lake.origins(pointer) for pointer in runtime.lake.pointers(TRANSACTIONS.name))
    return [path for files in found for path, brought in files.items() if brought == origin]


def _brought(con: duckdb.DuckDBPyConnection, runtime: Runtime, origin: str) -> None:
    """Make the view `brought` of the import's postings."""
    con.execute(f"CREATE OR REPLACE VIEW brought AS {lake_sql.scan(TRANSACTIONS, _files(runtime, origin))}")


async def _refuse_if_in_use(job: JobContext, con: duckdb.DuckDBPyConnection) -> None:
    rows = await job.runtime.worker_database.pool.fetch(_STANDING)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE standing AS"
        " SELECT unnest(?::VARCHAR[]) AS account_id, unnest(?::VARCHAR[]) AS event_key",
        [[row["account_id"] for row in rows], [row["event_key"] for row in rows]],
    )
    found = con.execute(
        "SELECT count(*) FROM standing s SEMI JOIN brought b"
        " ON s.account_id = b.account_id AND s.event_key = b.posting_id"
    ).fetchall()[0][0]
    if found:
        raise ImportInUse(f"{found} detections rest on its postings", f"已有 {found} 条事件基于其流水")


async def _known(job: JobContext, con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Those of its postings whose keys are kept, so that the stream does not bring them again."""
    first = await job.runtime.worker_database.pool.fetchval(_REMEMBERED)
    if first is None:
        return []
    kept = "SELECT account_id, posting_id FROM brought WHERE business_date >= $first"
    return [(account, posting) for account, posting in con.execute(kept, {"first": first}).fetchall()]


def _withdraw(runtime: Runtime, origin: str) -> None:
    for partition in runtime.lake.brought_by(TRANSACTIONS.name, origin):
        latest = runtime.lake.latest(TRANSACTIONS.name, partition)
        if latest is not None:
            runtime.lake.withdraw(TRANSACTIONS, partition, origin, as_of=latest.as_of)
        failpoint("eventing.undo.month_taken_back")


async def _complete(job: JobContext, import_id: UUID) -> str | None:
    """Say so, once, and have the states made anew if there are any; return that job."""
    lake, known = job.runtime.lake, (job.cursor or {})["known"]
    async with job.transaction() as tx:
        await tx.conn.execute(_FORGET, [UUID(account) for account, _ in known], [posting for _, posting in known])
        # Whoever works from the lake reads the months anew; the last pointer carries the import's id.
        told = lake.pointers(TRANSACTIONS.name)
        tx.emit(*(TransactionsPublished(pointer=pointer) for pointer in told[:-1]))
        tx.emit(*(TransactionsPublished(pointer=pointer, import_id=import_id) for pointer in told[-1:]))
        rebuild = None
        if await tx.conn.fetchval(_STATES):
            rebuild = str(await job.runtime.jobs.start(tx, "rebuild", {"before": None, "customers": None}))
        await runs.undone(tx, import_id)
    return rebuild
