"""The job `features`: a snapshot of every customer's features as of a day, and the segments' sizes with it."""

import asyncio
from typing import Any

from attune_contracts.datasets import FEATURES
from attune_contracts.insight import FeaturesPublished
from attune_contracts.pointer import Pointer
from attune_service_kit import branch_scope, lake_sql
from attune_service_kit.database import Transaction
from attune_service_kit.jobs import JobContext
from insight import models
from insight.settings import InsightSettings
from insight.snapshot import QuadrantSize, build_features, choose_day, last_business_date, quadrant_sizes
from insight.value_quadrant import quadrant_parameters

SEGMENT = "value_quadrant"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `as_of`, an ISO date or null for the ledger's last day. Publishes `features`, partition `as_of=…`."""
    if job.cursor is not None:  # published before it was interrupted
        return job.cursor
    settings = job.runtime.settings
    assert isinstance(settings, InsightSettings)  # noqa: S101 - the service declares it
    with lake_sql.connect(job.runtime.lake, settings, memory_limit=settings.memory_limit) as con:
        lake_sql.register(con, job.runtime.lake, *models.DATASETS, "branches")
        as_of = choose_day(last_business_date(con), job.params.get("as_of"))
        parameters = quadrant_parameters()
        total = len(models.ORDER) + 1
        steps = build_features(con, as_of, parameters)
        done = 0
        while (name := await asyncio.to_thread(next, steps, None)) is not None:
            done += 1
            await job.progress(done, total, name)
        pointer = await asyncio.to_thread(
            lake_sql.write_query,
            con, job.runtime.lake, FEATURES, f"as_of={as_of}", "FROM features", as_of=as_of,
        )  # fmt: skip
        sizes = quadrant_sizes(con)
        tree = con.execute(branch_scope.CLOSURE).fetchall()
    async with job.transaction() as tx:
        await branch_scope.replace(tx.conn, tree)
        await _store(tx, pointer, parameters.version, sizes)
        tx.emit(FeaturesPublished(pointer=pointer))
        job.cursor = {"as_of": as_of.isoformat(), "rows": pointer.rows, "manifest": pointer.manifest}
    await job.progress(total, total, "published")
    return job.cursor


async def _store(tx: Transaction, pointer: Pointer, version: int, sizes: list[QuadrantSize]) -> None:
    """Put the snapshot and its sizes in place of those that stood for the day."""
    await tx.conn.execute(
        """
        INSERT INTO feature_snapshot (as_of, manifest, rows, checksum, quadrant_version, published_at)
        VALUES ($1, $2, $3, $4, $5, now())
        ON CONFLICT (as_of) DO UPDATE SET (manifest, rows, checksum, quadrant_version, published_at) =
            (excluded.manifest, excluded.rows, excluded.checksum, excluded.quadrant_version, excluded.published_at)
        """,
        pointer.as_of, pointer.manifest, pointer.rows, pointer.checksum, version,
    )  # fmt: skip
    await tx.conn.execute("DELETE FROM segment_size WHERE as_of = $1 AND segment = $2", pointer.as_of, SEGMENT)
    await tx.conn.executemany(
        "INSERT INTO segment_size (as_of, segment, branch_id, value, customers) VALUES ($1, $2, $3, $4, $5)",
        [(pointer.as_of, SEGMENT, size.branch_id or "", size.quadrant, size.customers) for size in sizes],
    )
