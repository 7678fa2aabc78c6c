"""The bank of B5: five models that answer, and a feature snapshot of everybody. Always the same.

`python -m benchmarks.bank_b5 COUNT FOLDER`, with the environment of scoring, fills its lake and registry and writes the
models to FOLDER as well, for the limit and the peer.
"""

import asyncio
import hashlib
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from benchmarks.model_rows import NAMES, rows
from benchmarks.models import spec, trained
from pyarrow import parquet

from attune_contracts.datasets import FEATURES
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.lifecycle import make_runtime, running
from scoring import registry
from scoring.app import SERVICE

MODELS = (1, 2, 3, 4, 5)
AS_OF = date(2026, 3, 17)
CHUNK = 100_000


def _snapshot(count: int, path: Path) -> Path:
    """Write a feature row of everybody."""
    with parquet.ParquetWriter(path, arrow_schema(FEATURES), compression="zstd") as writer:
        for seed, first in enumerate(range(0, count, CHUNK)):
            writer.write_table(_rows(first, min(CHUNK, count - first), seed))
    return path


def _rows(first: int, count: int, seed: int) -> pa.Table:
    drawn = dict(zip(NAMES, rows(count, 500 + seed).T, strict=True))
    told = {
        "customer_id": pa.array([f"00000000-0000-8000-8000-{number:012x}" for number in range(first, first + count)]),
        "as_of": pa.repeat(pa.scalar(AS_OF), count),
    }
    schema, columns = arrow_schema(FEATURES), []
    for field in schema:
        if field.name in drawn:
            values = drawn[field.name].astype(np.float64)
            unknown = np.isnan(values)
            filled = pa.array(np.where(unknown, 0, values), mask=unknown if field.nullable else None)
            columns.append(filled.cast(field.type))
        elif field.name in told:
            columns.append(told[field.name])
        elif field.nullable:
            columns.append(pa.nulls(count, field.type))
        else:
            columns.append(pa.repeat(pa.scalar("B" if field.type == pa.string() else 0).cast(field.type), count))
    return pa.table(columns, schema=schema)


async def fill(count: int, folder: Path) -> None:
    """Fill the lake and let the models answer."""
    runtime = make_runtime(SERVICE, SERVICE.settings(), "app")
    runtime.lake.write(FEATURES, f"as_of={AS_OF}", [_snapshot(count, folder / "features.parquet")], as_of=AS_OF)
    async with running(runtime):
        for number in MODELS:
            path = folder / f"{number}.onnx"
            if path.exists():  # it answers already, of a smaller bank
                continue
            onnx, _ = trained(number)
            path.write_bytes(onnx)
            async with runtime.database.transaction() as tx:
                digest, about = hashlib.sha256(onnx).hexdigest(), spec(number).about
                await registry.register(tx, about, onnx=onnx, sha256=digest, features=NAMES, metrics={}, card={})
                await registry.promote(tx, about.name, 1)


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1]), Path(sys.argv[2])))
