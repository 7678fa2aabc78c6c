"""The job `score`: every champion over a whole snapshot, and the feature rows that renewals start from.

Params: `model` (null = every champion), `as_of` (null = the newest snapshot).
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from attune_contracts.datasets import FEATURES, SCORES
from attune_contracts.pointer import Pointer
from attune_contracts.scoring import ScoresPublished
from attune_service_kit import lake_sql
from attune_service_kit.errors import Invalid
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from scoring import feature_rows
from scoring.features import NUMERIC, Floats, fingerprints
from scoring.model import Model
from scoring.registry import champions
from scoring.settings import ScoringSettings

_LOCK = "SELECT pg_advisory_lock(hashtext('scoring.score'))"
_SCHEMA = arrow_schema(SCORES)


@dataclass(frozen=True)
class Plan:
    """What this run does: which snapshot, which models, and into which slot the rows go, if they are newer."""

    pointer: Pointer
    models: Sequence[Model]
    slot: int | None
    scored_at: datetime


async def run(job: JobContext) -> dict[str, Any]:
    """Score the snapshot in batches; publish one `scores` partition a model, with all events in one transaction."""
    if job.cursor is not None:  # published before it was interrupted
        return job.cursor
    async with _alone(job):
        plan = await _plan(job)
        if plan is None:
            return {"superseded": True, "scored": {}}
        with TemporaryDirectory(dir=job.runtime.lake.scratch, prefix="scores-") as folder:
            files = await _score(job, plan, Path(folder))
            pointers = {
                m.name: job.runtime.lake.write(SCORES, f"model={m.name}", [files[m.name]], as_of=plan.pointer.as_of)
                for m in plan.models
            }
        async with job.transaction() as tx:
            if plan.slot is not None:
                await feature_rows.switch(tx.conn, plan.slot, plan.pointer, NUMERIC)
            tx.emit(*(ScoresPublished(pointer=pointers[m.name], output=m.output.kind) for m in plan.models))
            job.cursor = {
                "as_of": plan.pointer.as_of.isoformat(),
                "rows": plan.pointer.rows,
                "loaded": plan.slot is not None,
                "scored": {m.name: {"version": m.version, "rows": pointers[m.name].rows} for m in plan.models},
            }
    return job.cursor


@asynccontextmanager
async def _alone(job: JobContext) -> AsyncIterator[None]:
    """Hold the loading lock: two runs at once would fill the same slot."""
    connection = await job.runtime.worker_database.connect()
    try:
        await connection.execute(_LOCK)
        yield
    finally:
        await connection.close()


async def _plan(job: JobContext) -> Plan | None:
    """Decide what to do; None if a newer snapshot answers already and nobody asked for this one by its day."""
    asked = job.params.get("as_of")
    pointer = _snapshot(job.runtime.lake, asked)
    async with job.transaction() as tx:
        loaded = await feature_rows.loaded_snapshot(tx.conn)
        if loaded and pointer.as_of < loaded[0] and not asked:
            return None
        wanted = job.params.get("model")
        # A model of another table's columns answers rows on request, not the customers of a snapshot.
        models = [c.model for c in await champions(tx.conn, wanted) if c.model.of_snapshot]
        newer = loaded is None or (pointer.as_of >= loaded[0] and pointer.manifest != loaded[1])
        slot = await feature_rows.empty_slot(tx.conn) if newer else None
        return Plan(pointer, models, slot, tx.now)


def _snapshot(lake: Lake, as_of: str | None) -> Pointer:
    if as_of is not None:
        found = lake.latest("features", f"as_of={date.fromisoformat(as_of)}")
    else:
        found = max(lake.pointers("features"), key=lambda pointer: pointer.as_of, default=None)
    if found is None:
        raise Invalid("there is no such feature snapshot", "没有所需的特征快照")
    return found


async def _score(job: JobContext, plan: Plan, folder: Path) -> dict[str, Path]:
    """Write one Parquet file of scores a model, and copy the rows if they are newer; return the files by model."""
    files = {m.name: folder / f"{m.name}.parquet" for m in plan.models}
    writers = {m.name: parquet.ParquetWriter(files[m.name], _SCHEMA, compression="zstd") for m in plan.models}
    done = 0
    try:
        for customers, values in _batches(job, plan.pointer):
            rows = values.astype(np.float32)
            seen: dict[tuple[str, ...], list[str]] = {}
            for m in plan.models:
                mine = np.ascontiguousarray(rows[:, [NUMERIC.index(name) for name in m.features]])
                hashes = seen[m.features] = seen.get(m.features) or fingerprints(mine)
                writers[m.name].write_table(_table(customers, m, mine, hashes, plan.scored_at))
            if plan.slot is not None:
                async with job.transaction() as tx:
                    await feature_rows.copy_rows(tx.conn, plan.slot, customers.to_pylist(), values)
            done += len(values)
            await job.progress(done, plan.pointer.rows, "scored")
    finally:
        for writer in writers.values():
            writer.close()
    return files


def _batches(job: JobContext, pointer: Pointer) -> Iterator[tuple[pa.Array, NDArray[np.float64]]]:
    """Read the snapshot's customers and numeric features, in the snapshot's order; NaN = NULL."""
    settings = job.runtime.settings
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    rows = lake_sql.scan(FEATURES, job.runtime.lake.read_pointer(pointer))
    names = ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in NUMERIC)
    with lake_sql.connect(job.runtime.lake, settings, memory_limit=settings.memory_limit) as con:
        query = con.execute(f"SELECT customer_id, {names} FROM ({rows})")  # noqa: S608 - names of the contract
        for batch in query.to_arrow_reader(settings.batch_rows):
            columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in NUMERIC]
            yield batch.column("customer_id"), np.column_stack(columns).astype(np.float64)


def _table(customers: pa.Array, model: Model, rows: Floats, hashes: Sequence[str], scored_at: datetime) -> pa.Table:
    answer = model.answer_many(rows)
    size = len(rows)
    columns = [
        customers.cast(pa.string()),
        pa.repeat(pa.scalar(model.name), size),
        pa.repeat(pa.scalar(model.version, pa.int32()), size),
        pa.array(answer.max(axis=1)),
        pa.repeat(pa.scalar(scored_at, pa.timestamp("us", "UTC")), size),
        pa.array(model.likeliest(answer), pa.string()) if model.output.classes else pa.nulls(size, pa.string()),
        pa.array(hashes, pa.string()),
    ]
    return pa.table(columns, schema=_SCHEMA)
