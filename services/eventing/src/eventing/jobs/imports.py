"""The import of postings and behaviours: files become months of the lake; keyed state is not touched (X3, X4)."""
# ruff: noqa: S608 - the statements are made of names that this package chose

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.datasets import DATASETS, TRANSACTIONS
from attune_contracts.eventing import TransactionsPublished
from attune_contracts.pointer import Pointer
from attune_service_kit.failpoints import failpoint
from attune_service_kit.files import Mapping, engine, load_mapping, runs
from attune_service_kit.files.rejects import join_reports
from attune_service_kit.files.requests import extract_of
from attune_service_kit.files.uploads import Uploads
from attune_service_kit.jobs import JobContext
from eventing.jobs import workbench

# Whose owner is not known (yet): by dataset the column, and what its rows are counted as.
_OWNED = {"transactions": ("account_id", "unknown_accounts"), "behaviours": ("customer_id", "unknown_customers")}
Counts = dict[str, int]


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `import_id`, `mapping`, `folder`, `datasets`. The same files twice add nothing.

    Result: `{datasets: {NAME: {read, accepted, rejected, unchanged, unknown_accounts or unknown_customers}},
    has_rejects, import_id}`.
    """
    import_id = UUID(job.params["import_id"])
    rejects = _reports(job)
    engine.sweep(rejects.parent)
    counts: dict[str, Counts] = {}
    steps = 2 * len(job.params["datasets"])
    pointers: list[Pointer] = []
    mapping, store = load_mapping(job.params["mapping"]), Uploads(job.runtime.settings)
    async with workbench.only_writer(job.runtime), extract_of(job.runtime.settings, job.params, "eventing") as folder:
        await runs.require_standing(job.runtime.database.pool, import_id)
        with workbench.opened(job.runtime, memory_limit=engine.MEMORY) as con:
            await asyncio.to_thread(engine.look_at, mapping, folder, job.params["datasets"], con, rejects)
            for name in job.params["datasets"]:
                with await _prepared(job, con, mapping, folder, name) as prepared:
                    await job.progress(2 * len(counts), steps, f"{name}: {prepared.accepted:,} rows read")
                    counts[name], grown = await _added(job, con, prepared)
                await job.progress(2 * len(counts), steps, f"{name}: in the lake")
                pointers += grown if name == TRANSACTIONS.name else []
                if prepared.rejects_file:
                    store.put_report(import_id, f"eventing.{name}", prepared.rejects_file)
            rejecting = [name for name, one in counts.items() if one["rejected"]]
            await asyncio.to_thread(join_reports, store, import_id, "eventing", rejecting, rejects)
            await _complete(job, counts, pointers, bool(rejecting))
    return {"datasets": counts, "has_rejects": bool(rejecting), "import_id": str(import_id)}


def _reports(job: JobContext) -> Path:
    return job.runtime.settings.scratch / "rejects" / str(job.params["import_id"])


async def _prepared(
    job: JobContext, con: duckdb.DuckDBPyConnection, mapping: Mapping, folder: Path, name: str
) -> engine.Prepared:
    def tell(rows: int) -> None:
        job.wait(job.progress(0, None, f"{name}: {rows:,} lines read"))

    return await asyncio.to_thread(engine.prepare, mapping, folder, name, con, _reports(job), (), tell)


async def _added(
    job: JobContext, con: duckdb.DuckDBPyConnection, prepared: engine.Prepared
) -> tuple[Counts, list[Pointer]]:
    """Add to the lake what it has not yet; return the counts, and a pointer for each month that grew."""
    origin, name = str(job.params["import_id"]), prepared.dataset
    pointers, _ = await asyncio.to_thread(workbench.add, con, job.runtime, DATASETS[name], prepared.relation, origin)
    failpoint("eventing.import.added")
    # Of a run that was killed some lay there already: what counts is what this import has brought.
    added = sum(job.runtime.lake.brought_by(name, origin).values())
    # As late as may be: the accounts of the same import are on their way.
    await workbench.load_owners(con, job.runtime)
    column, word = _OWNED[name]
    unknown = con.execute(f"SELECT count(*) FROM {prepared.relation} ANTI JOIN account_owner USING ({column})")
    return {
        "read": prepared.read,
        "accepted": prepared.accepted,
        "rejected": prepared.rejected,
        "unchanged": prepared.accepted - added,
        word: int(unknown.fetchall()[0][0]),
    }, pointers


async def _complete(job: JobContext, counts: dict[str, Counts], pointers: list[Pointer], rejecting: bool) -> None:
    """Remember what has come of it, and tell the postings."""
    import_id = UUID(job.params["import_id"])
    async with job.transaction() as tx:
        for name, one in counts.items():
            await runs.note(tx.conn, import_id, datetime.now(UTC), _in_words(name, one))
        await runs.completed(tx, import_id, counts, rejecting)
        if TRANSACTIONS.name not in counts:
            return
        # Nothing added: the import is told all the same, whoever waits for it goes on.
        told = pointers or job.runtime.lake.pointers(TRANSACTIONS.name)[-1:]
        # The last pointer carries the import's id: whoever reads it finds all months in the lake.
        tx.emit(*(TransactionsPublished(pointer=pointer) for pointer in told[:-1]))
        tx.emit(*(TransactionsPublished(pointer=pointer, import_id=import_id) for pointer in told[-1:]))


def _in_words(name: str, counts: Counts) -> str:
    *kinds, unknown = counts
    parts = [f"{counts[kind]:,} {kind}" for kind in kinds]
    return f"{name}: {', '.join(parts)}, {counts[unknown]:,} of {unknown.replace('_', ' ')}"
