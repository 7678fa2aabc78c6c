"""Taking an import back: its files leave the months of the lake, or nothing happens and the reason is told.

Keyed states that read its facts are made anew afterwards, by the rebuild that any change of the past needs.
"""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.datasets import BEHAVIOURS, TRANSACTIONS, Dataset
from attune_contracts.eventing import TransactionsPublished
from attune_service_kit import lake_sql
from attune_service_kit.failpoints import failpoint
from attune_service_kit.files import runs
from attune_service_kit.files.runs import ImportInUse
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from eventing.jobs import workbench

_STANDING = """
SELECT coalesce(account_id, customer_id)::text AS subject, event_key FROM detection WHERE state <> 'withdrawn'"""
_FORGET = """
DELETE FROM posting p USING unnest($1::uuid[], $2::text[]) AS w (account_id, posting_id)
WHERE p.came = 'lake' AND (p.account_id, p.posting_id) = (w.account_id, w.posting_id)"""
_FORGET_BEHAVIOURS = """
DELETE FROM behaviour b USING unnest($1::uuid[], $2::text[]) AS w (customer_id, behaviour_id)
WHERE b.came = 'lake' AND (b.customer_id, b.behaviour_id) = (w.customer_id, w.behaviour_id)"""
# Whose a fact is and its key, as detections name them.
_SUBJECTS = {"transactions": "account_id, posting_id", "behaviours": "customer_id, behaviour_id"}
_REMEMBERED = "SELECT min(remembered_from) FROM ledger_partition"
_STATES = "SELECT EXISTS (SELECT FROM keyed_state)"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `import_id`, `only_check`. Result: `{import_id, undone, removed, rebuild}`; fails with ImportInUse."""
    origin = job.params["import_id"]
    async with workbench.only_writer(job.runtime):
        with workbench.opened(job.runtime) as con:
            # A run that was killed has taken some months back already: its cursor holds the whole count.
            rows = (job.cursor or {}).get("removed") or sum(
                sum(job.runtime.lake.brought_by(dataset.name, origin).values()) for dataset in workbench.DATASETS
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


def _files(runtime: Runtime, dataset: Dataset, origin: str) -> list[Path]:
    found = (runtime.lake.origins(pointer) for pointer in runtime.lake.pointers(dataset.name))
    return [path for files in found for path, brought in files.items() if brought == origin]


def _brought(con: duckdb.DuckDBPyConnection, runtime: Runtime, origin: str) -> None:
    """Make the views `brought_<dataset>` of the import's facts: whose, its key, its day."""
    for dataset in workbench.DATASETS:
        facts = lake_sql.scan(dataset, _files(runtime, dataset, origin))
        con.execute(
            f"CREATE OR REPLACE VIEW brought_{dataset.name} (subject, key, business_date) AS"  # noqa: S608
            f" SELECT {_SUBJECTS[dataset.name]}, business_date FROM ({facts})"
        )


async def _refuse_if_in_use(job: JobContext, con: duckdb.DuckDBPyConnection) -> None:
    rows = await job.runtime.worker_database.pool.fetch(_STANDING)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE standing AS SELECT unnest(?::VARCHAR[]) AS subject, unnest(?::VARCHAR[]) AS key",
        [[row["subject"] for row in rows], [row["event_key"] for row in rows]],
    )
    for dataset, en, zh in ((TRANSACTIONS, "postings", "流水"), (BEHAVIOURS, "behaviours", "行为")):
        statement = f"SELECT count(*) FROM standing SEMI JOIN brought_{dataset.name} USING (subject, key)"  # noqa: S608
        if found := con.execute(statement).fetchall()[0][0]:
            raise ImportInUse(f"{found} detections rest on its {en}", f"已有 {found} 条事件基于其{zh}")


Known = dict[str, list[tuple[str, str]]]


async def _known(job: JobContext, con: duckdb.DuckDBPyConnection) -> Known:
    """Those of its facts whose keys are kept, so that the stream does not bring them again; by dataset."""
    first = await job.runtime.worker_database.pool.fetchval(_REMEMBERED)
    if first is None:
        return {}
    kept = "SELECT subject, key FROM brought_{name} WHERE business_date >= $first"
    names = [dataset.name for dataset in workbench.DATASETS]
    return {name: con.execute(kept.format(name=name), {"first": first}).fetchall() for name in names}


def _withdraw(runtime: Runtime, origin: str) -> None:
    for dataset in workbench.DATASETS:
        for partition in runtime.lake.brought_by(dataset.name, origin):
            latest = runtime.lake.latest(dataset.name, partition)
            if latest is not None:
                runtime.lake.withdraw(dataset, partition, origin, as_of=latest.as_of)
            failpoint("eventing.undo.month_taken_back")


async def _complete(job: JobContext, import_id: UUID) -> str | None:
    """Say so, once, and have the states made anew if there are any; return that job."""
    lake, known = job.runtime.lake, (job.cursor or {})["known"]
    async with job.transaction() as tx:
        for name, statement in ((TRANSACTIONS.name, _FORGET), (BEHAVIOURS.name, _FORGET_BEHAVIOURS)):
            keys = known.get(name, [])
            await tx.conn.execute(statement, [UUID(subject) for subject, _ in keys], [key for _, key in keys])
        # Whoever works from the lake reads the months anew; the last pointer carries the import's id.
        told = lake.pointers(TRANSACTIONS.name)
        tx.emit(*(TransactionsPublished(pointer=pointer) for pointer in told[:-1]))
        tx.emit(*(TransactionsPublished(pointer=pointer, import_id=import_id) for pointer in told[-1:]))
        rebuild = None
        if await tx.conn.fetchval(_STATES):
            rebuild = str(await job.runtime.jobs.start(tx, "rebuild", {"before": None, "customers": None}))
        await runs.undone(tx, import_id)
    return rebuild
