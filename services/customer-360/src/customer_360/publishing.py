"""Publish the whole of customer-360's datasets to the lake. In a job's process only: it needs DuckDB."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from attune_contracts.datasets import Dataset
from attune_contracts.pointer import Pointer
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake_sql import connect, quote, write_query
from attune_service_kit.runtime import Runtime
from customer_360.loads import LOADS, OWN_DATASETS, snapshot

PARTITION = "all"


async def publish(job: JobContext) -> list[Pointer]:
    """Write every dataset of one moment as it stands in PostgreSQL; return the pointers, in import order."""
    runtime = job.runtime
    scratch = runtime.settings.scratch
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, prefix="snapshot-") as folder:
        files = await _export(runtime, Path(folder))
        return [await asyncio.to_thread(_write, runtime, LOADS[name].dataset, file) for name, file in files.items()]


async def _export(runtime: Runtime, folder: Path) -> dict[str, Path]:
    """Every dataset as CSV without identity columns, all seen in one snapshot of the database."""
    files: dict[str, Path] = {}
    conn = await runtime.worker_database.connect()
    try:
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            for name in OWN_DATASETS:
                files[name] = folder / f"{name}.csv"
                await conn.copy_from_query(snapshot(name), output=files[name], format="csv")
    finally:
        await conn.close()
    return files


def _write(runtime: Runtime, dataset: Dataset, file: Path) -> Pointer:
    columns = ", ".join(f"{quote(c.name)}: {quote(c.type)}" for c in dataset.columns)
    rows = (
        f"SELECT * FROM read_csv({quote(str(file))}, auto_detect = false, header = false, delim = ',', quote = '\"',"  # noqa: S608
        f" escape = '\"', nullstr = '', allow_quoted_nulls = false, columns = {{{columns}}})"
    )
    con = connect(runtime.lake, runtime.settings)
    try:
        return write_query(con, runtime.lake, dataset, PARTITION, rows, as_of=runtime.clock.business_date())
    finally:
        con.close()
