"""The job `features`: a snapshot of every customer's features as of a day, the segments that follow, and their rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import duckdb

from attune_contracts.datasets import FEATURES, SEGMENTS
from attune_contracts.insight import FeaturesPublished, SegmentsPublished
from attune_contracts.pointer import Pointer
from attune_service_kit import branch_scope, lake_sql
from attune_service_kit.database import Transaction
from attune_service_kit.failpoints import failpoint
from attune_service_kit.jobs import JobContext
from insight import feature_rows, freshness, models, parameters
from insight.jobs import loading
from insight.settings import settings_of
from insight.snapshot import SegmentCount, build_features, choose_day, last_business_date, segment_counts
from insight.value_quadrant import QuadrantParameters

# Two runs at once would fill the same slot.
_LOCK = "SELECT pg_advisory_lock(hashtext('insight.features'))"
_SNAPSHOT = """
INSERT INTO feature_snapshot (as_of, manifest, rows, checksum, quadrant_version, published_at)
VALUES ($1, $2, $3, $4, $5, now())
ON CONFLICT (as_of) DO UPDATE SET (manifest, rows, checksum, quadrant_version, published_at) =
    (excluded.manifest, excluded.rows, excluded.checksum, excluded.quadrant_version, excluded.published_at)"""
_SIZE = "INSERT INTO segment_size (as_of, segment, branch_id, value, customers) VALUES ($1, $2, $3, $4, $5)"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `as_of`, an ISO date or null for the ledger's last day. Publishes `features` and `segments` of the day.

    Result: `{as_of, rows, manifest, quadrant_version, loaded}`; one older than the one that answers is not loaded.
    """
    if job.cursor is not None:  # published before it was interrupted
        return job.cursor
    settings = settings_of(job.runtime)
    async with _alone(job):
        with lake_sql.connect(job.runtime.lake, settings, memory_limit=settings.memory_limit) as con:
            return await _snapshot(job, con)


@asynccontextmanager
async def _alone(job: JobContext) -> AsyncIterator[None]:
    connection = await job.runtime.worker_database.connect()
    try:
        await connection.execute(_LOCK)
        yield
    finally:
        await connection.close()


async def _snapshot(job: JobContext, con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    lake = job.runtime.lake
    lake_sql.register(con, lake, *models.DATASETS, "branches")
    last = last_business_date(con)
    as_of = choose_day(last, job.params.get("as_of"))
    async with job.runtime.worker_database.pool.acquire() as conn:
        used = parameters.parameters(await parameters.current(conn))
    total = len(models.ORDER) + 3
    done = await _build(job, con, as_of, used, total)
    partition = f"as_of={as_of}"
    write = lake_sql.write_query
    found = await asyncio.to_thread(write, con, lake, FEATURES, partition, "FROM features", as_of=as_of)
    segments = await asyncio.to_thread(write, con, lake, SEGMENTS, partition, "FROM segments", as_of=as_of)
    await job.progress(done + 1, total, "written")
    slot = await _load(job, con, found)
    await job.progress(done + 2, total, "loaded")
    failpoint("features.loaded")
    counts, tree = segment_counts(con), con.execute(branch_scope.CLOSURE).fetchall()
    async with job.transaction() as tx:
        await _store(tx, found, used, counts)
        await branch_scope.replace(tx.conn, tree)
        # The ledger's last day lies in the lake, whoever said so or did not.
        await freshness.heard(tx.conn, [("transactions", last or as_of)])
        if slot is not None:
            await feature_rows.switch(tx.conn, slot, found)
        tx.emit(FeaturesPublished(pointer=found), SegmentsPublished(pointer=segments))
        job.cursor = {
            "as_of": as_of.isoformat(),
            "rows": found.rows,
            "manifest": found.manifest,
            "quadrant_version": used.version,
            "loaded": slot is not None,
        }
    await job.progress(total, total, "published")
    return job.cursor


async def _build(
    job: JobContext, con: duckdb.DuckDBPyConnection, as_of: date, used: QuadrantParameters, total: int
) -> int:
    """Run the models one after the other; return how many there are."""
    steps = build_features(con, as_of, used)
    done = 0
    while (name := await asyncio.to_thread(next, steps, None)) is not None:
        done += 1
        await job.progress(done, total, name)
    return done


async def _load(job: JobContext, con: duckdb.DuckDBPyConnection, pointer: Pointer) -> feature_rows.Slot | None:
    """Fill the slot that does not answer; None if the one that answers is of a later day."""
    async with job.transaction() as tx:
        slot = await feature_rows.empty_slot(tx.conn, pointer)
    if slot is not None:
        async with job.transaction() as tx:
            await loading.load_rows(job.runtime, tx.conn, con, slot)
    return slot


async def _store(tx: Transaction, pointer: Pointer, used: QuadrantParameters, counts: list[SegmentCount]) -> None:
    """Put the snapshot and its sizes in place of those that stood for the day."""
    await tx.conn.execute(_SNAPSHOT, pointer.as_of, pointer.manifest, pointer.rows, pointer.checksum, used.version)
    await tx.conn.execute("DELETE FROM segment_size WHERE as_of = $1", pointer.as_of)
    await tx.conn.executemany(
        _SIZE, [(pointer.as_of, c.segment, c.branch_id or "", c.value, c.customers) for c in counts]
    )
