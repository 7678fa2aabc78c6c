"""A feature snapshot in batches: the next one is read while every core scores one. Memory holds a few, never all."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from attune_contracts.datasets import FEATURES, Dataset
from attune_contracts.scoring import HASH_DIGITS
from attune_measure.arms import ModelArm, model_arm_sql
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.lake_sql import quote
from scoring.arms import Shares
from scoring.features import NUMERIC, Floats, fingerprints
from scoring.model import Model
from scoring.outputs import UnfitModel
from scoring.settings import ScoringSettings

CORES = os.cpu_count() or 1
_READING = "256MB"  # DuckDB's: the rows stream through it

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One version's scores in one dataset: of which arms' customers (None = all), and why beside the decisions."""

    model: Model
    purpose: str
    arms: frozenset[ModelArm] | None
    dataset: Dataset
    why: str | None = None

    @property
    def file(self) -> str:
        """A name of its own."""
        return f"{self.dataset.name}.{self.model.name}.{self.model.version}.parquet"


@dataclass(frozen=True)
class Batch:
    """Customers, their numeric features in the order of NUMERIC (NaN = NULL), and by purpose their arms.

    A purpose that sets nobody apart has no arms.
    """

    customers: pa.Array
    values: NDArray[np.float64]
    arms: Mapping[str, NDArray[np.str_]]


def read(
    lake: Lake, settings: ScoringSettings, files: Sequence[Path], parts: Sequence[Part], shares: Mapping[str, Shares]
) -> Generator[Batch, None, None]:
    """Read a snapshot's files, in the snapshot's order."""
    rows = lake_sql.scan(FEATURES, files)
    names = ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in NUMERIC)
    drawn = sorted({part.purpose for part in parts if part.arms is not None})
    arms = "".join(f", {_arm(shares[purpose])} AS arm_{i}" for i, purpose in enumerate(drawn))
    with lake_sql.connect(lake, settings, memory_limit=_READING) as con:
        # A relation streams; what `execute` returns holds every row.
        query = con.sql(f"SELECT customer_id, {names}{arms} FROM ({rows})")  # noqa: S608 - names of the contract
        for batch in query.to_arrow_reader(settings.batch_rows):
            columns = np.empty((len(NUMERIC), len(batch)))
            for column, name in zip(columns, NUMERIC, strict=True):
                column[:] = batch.column(name).to_numpy(zero_copy_only=False)
            found = {p: batch.column(f"arm_{i}").to_numpy(zero_copy_only=False) for i, p in enumerate(drawn)}
            yield Batch(batch.column("customer_id"), columns.T, found)


def _arm(shares: Shares) -> str:
    return model_arm_sql(
        "customer_id",
        salt_expr=quote(shares.salt),
        no_model_bp=shares.no_model_bp,
        challenger_bp=shares.challenger_bp,
    )


async def in_turn(batches: Iterator[Batch], work: Callable[[Batch], T]) -> AsyncGenerator[tuple[Batch, T], None]:
    """Each batch with what `work` makes of it, in their order; every core works on one, the next is read meanwhile."""
    loop, under_way = asyncio.get_running_loop(), deque[tuple[Batch, asyncio.Future[T]]]()
    with ThreadPoolExecutor(CORES + 1) as pool:
        more = True
        while more or under_way:
            while more and len(under_way) <= CORES:
                batch = await loop.run_in_executor(pool, next, batches, None)
                more = batch is not None
                if batch is not None:
                    under_way.append((batch, loop.run_in_executor(pool, work, batch)))
            if under_way:
                batch, told = under_way.popleft()
                yield batch, await told


Seen = tuple[Floats, pa.Array]
"""What a model sees of a batch, and the hash of each row of it."""


def scored(parts: Sequence[Part], batch: Batch, scored_at: datetime) -> dict[str, pa.Table | UnfitModel]:
    """Score a batch: by file the rows of each part, or why its model has no answer."""
    features = batch.values.T.astype(np.float32)
    seen: dict[tuple[str, ...], Seen] = {}
    told: dict[str, pa.Table | UnfitModel] = {}
    for part in parts:
        names = part.model.features
        try:
            if names not in seen:
                rows = np.ascontiguousarray(features[[NUMERIC.index(name) for name in names]].T)
                seen[names] = rows, pa.array(fingerprints(rows), pa.string())
            told[part.file] = _table(part, batch, *seen[names], scored_at)
        except UnfitModel as unfit:
            told[part.file] = unfit
    return told


def _table(part: Part, batch: Batch, rows: Floats, hashes: pa.Array, scored_at: datetime) -> pa.Table:
    model, customers = part.model, batch.customers.cast(pa.string())
    if part.arms is not None:
        chosen = np.flatnonzero(np.isin(batch.arms[part.purpose].astype(str), [str(arm) for arm in part.arms]))
        rows, customers, hashes = rows[chosen], customers.take(pa.array(chosen)), hashes.take(pa.array(chosen))
    answer = model.answer(rows)
    size = len(answer)
    columns = [
        customers,
        pa.repeat(pa.scalar(model.name), size),
        pa.repeat(pa.scalar(model.version, pa.int32()), size),
        pa.array(answer.max(axis=1) if model.output.classes else answer[:, 0]),
        pa.repeat(pa.scalar(scored_at, pa.timestamp("us", "UTC")), size),
        pa.array(model.likeliest(answer), pa.string()) if model.output.classes else pa.nulls(size, pa.string()),
        hashes,
        pa.repeat(pa.scalar(model.sha256[:HASH_DIGITS]), size),
    ]
    if part.why is not None:
        columns.append(pa.repeat(pa.scalar(part.why), size))
    return pa.table(columns, schema=arrow_schema(part.dataset))
