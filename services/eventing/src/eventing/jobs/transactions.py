"""The import of `transactions`: the bank's file becomes months of the lake; keyed state is not touched (X3, X4)."""
# ruff: noqa: S608 - the statements are made of names that this package chose

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.eventing import TransactionsPublished
from attune_service_kit.failpoints import failpoint
from attune_service_kit.files import engine, load_mapping, runs
from attune_service_kit.files.requests import folder_of
from attune_service_kit.files.uploads import Uploads
from attune_service_kit.jobs import JobContext
from eventing.jobs import workbench

DATASET = "transactions"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `import_id`, `mapping`, `folder`. The same file twice adds nothing.

    Result: `{datasets: {transactions: {read, accepted, rejected, unchanged, unknown_accounts}}, rejects_file,
    import_id}`.
    """
    import_id = UUID(job.params["import_id"])
    rejects = job.runtime.settings.scratch / "rejects" / str(import_id)
    engine.sweep(rejects.parent)
    async with workbench.only_writer(job.runtime):
        await runs.require_standing(job.runtime.database.pool, import_id)
        with workbench.opened(job.runtime) as con, await _prepared(job, con, rejects) as prepared:
            await job.progress(1, 3, f"{prepared.accepted} postings read")
            counts = await _added(job, con, prepared)
    return {
        "datasets": {DATASET: counts},
        "rejects_file": str(prepared.rejects_file) if prepared.rejects_file else None,
        "import_id": str(import_id),
    }


async def _prepared(job: JobContext, con: duckdb.DuckDBPyConnection, rejects: Path) -> engine.Prepared:
    mapping = load_mapping(job.params["mapping"])
    folder = await asyncio.to_thread(folder_of, job.runtime.settings, job.params, "eventing")

    def tell(rows: int) -> None:
        job.wait(job.progress(0, 3, f"{rows:,} lines read"))

    return await asyncio.to_thread(engine.prepare, mapping, folder, DATASET, con, rejects, (), tell)


async def _added(job: JobContext, con: duckdb.DuckDBPyConnection, prepared: engine.Prepared) -> dict[str, int]:
    """Add to the lake what it has not yet, and tell it; return the counts."""
    origin, lake = str(job.params["import_id"]), job.runtime.lake
    pointers, _ = await asyncio.to_thread(workbench.add, con, job.runtime, prepared.relation, origin)
    failpoint("eventing.import.added")
    # Of a run that was killed some lay there already: what counts is what this import has brought.
    added = sum(lake.brought_by(DATASET, origin).values())
    await job.progress(2, 3, f"{added} postings added")
    await workbench.load_owners(con, job.runtime)
    unknown = con.execute(f"SELECT count(*) FROM {prepared.relation} ANTI JOIN account_owner USING (account_id)")
    counts = {
        "read": prepared.read,
        "accepted": prepared.accepted,
        "rejected": prepared.rejected,
        "unchanged": prepared.accepted - added,
        "unknown_accounts": int(unknown.fetchall()[0][0]),
    }
    if prepared.rejects_file:
        await asyncio.to_thread(
            Uploads(job.runtime.settings).put_report, UUID(origin), "eventing", prepared.rejects_file
        )
    async with job.transaction() as tx:
        await runs.note(tx.conn, UUID(origin), datetime.now(UTC), _in_words(counts))
        await runs.completed(tx, UUID(origin), {DATASET: counts}, prepared.rejects_file is not None)
        # Nothing added: the import is told all the same, whoever waits for it goes on.
        told = pointers or lake.pointers(DATASET)[-1:]
        # The last pointer carries the import's id: whoever reads it finds all months in the lake.
        tx.emit(*(TransactionsPublished(pointer=pointer) for pointer in told[:-1]))
        tx.emit(*(TransactionsPublished(pointer=pointer, import_id=UUID(origin)) for pointer in told[-1:]))
    return counts


def _in_words(counts: dict[str, int]) -> str:
    return (
        f"{DATASET}: {counts['read']:,} read, {counts['accepted']:,} accepted, {counts['rejected']:,} rejected,"
        f" {counts['unchanged']:,} unchanged, {counts['unknown_accounts']:,} of unknown accounts"
    )
