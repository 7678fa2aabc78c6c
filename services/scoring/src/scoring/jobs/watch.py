"""The job `watch`: each version that answers or looks on against its training snapshot, by SQL on the lake.

Params: `model` (null = every one). After each batch; a repetition on the same snapshot replaces what was seen.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from attune_contracts.datasets import FEATURES, SCORES, SHADOW_SCORES
from attune_contracts.pointer import Pointer
from attune_service_kit import lake_sql
from attune_service_kit.errors import Invalid
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake import Lake
from attune_service_kit.runtime import Runtime
from scoring import registry, watch_settings, watches, watching
from scoring.jobs.outcomes import made
from scoring.model import Model
from scoring.settings import ScoringSettings
from scoring.watch_settings import WatchSettings
from scoring.watches import Watched
from scoring.watching import Counted, Thresholds

_RESPONSES = """
WITH ranked AS (
    SELECT customer_id, ntile(10) OVER (ORDER BY score DESC, customer_id) AS decile FROM scored
), responded AS (
    SELECT DISTINCT customer_id FROM made WHERE business_date > $1 AND business_date <= $2
)
SELECT r.decile, count(*), count(o.customer_id) FROM ranked r LEFT JOIN responded o USING (customer_id)
GROUP BY r.decile ORDER BY r.decile"""


@dataclass(frozen=True)
class Looked:
    """One version with all that looking at it needs."""

    watched: Watched
    model: Model
    settings: WatchSettings


async def run(job: JobContext) -> dict[str, Any]:
    """Look at each version, and keep what is seen."""
    pointer = newest(job.runtime.lake)
    if pointer is None:
        raise Invalid("there is no feature snapshot", "没有特征快照")
    async with job.transaction() as tx:
        todo = await _todo(tx.conn, job.params.get("model"))
    crossed = 0
    for done, one in enumerate(todo):
        await job.progress(done, len(todo), f"{one.watched.model} version {one.watched.version}")
        content = await asyncio.to_thread(look, job.runtime, one, pointer)
        async with job.transaction() as tx:
            crossed += await watches.keep(tx, one.watched.model, one.watched.version, pointer.as_of, content)
    return {"as_of": pointer.as_of.isoformat(), "versions": len(todo), "crossed": crossed}


def newest(lake: Lake) -> Pointer | None:
    """The newest feature snapshot."""
    return max(lake.pointers("features"), key=lambda pointer: pointer.as_of, default=None)


async def _todo(conn: Any, name: str | None) -> list[Looked]:
    models = {
        (model.name, model.version): model
        for one in await registry.answers(conn, name, shadows=True)
        for model in (one.champion, one.challenger, *one.shadows)
        if model is not None and model.of_snapshot
    }
    found = []
    for watched in await watches.versions(conn, name):
        if (model := models.get((watched.model, watched.version))) is not None:
            found.append(Looked(watched, model, await watch_settings.current(conn, watched.model)))
    return found


def look(runtime: Runtime, one: Looked, pointer: Pointer) -> dict[str, Any]:
    """What is seen of a version: its features and scores as they are now, and the responses of an earlier snapshot."""
    settings, lake, snapshot = runtime.settings, runtime.lake, one.watched.snapshot
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    thresholds = Thresholds(one.settings.moderate, one.settings.major)
    with lake_sql.connect(lake, settings, memory_limit=settings.memory_limit) as con:
        before = {name: snapshot["features"][name] for name in one.model.features if name in snapshot["features"]}
        now = counts(con, _as_learned(lake, pointer, list(before)), {n: b["edges"] for n, b in before.items()})
        lines = [
            {"feature": name, **watching.judged(watching.baseline(told), now[name], thresholds)}
            for name, told in before.items()
        ]
        score = _score(con, lake, one, thresholds)
        return {
            "rows": pointer.rows,
            "settings_version": one.settings.version,
            "moderate": thresholds.moderate,
            "major": thresholds.major,
            "features": sorted(lines, key=lambda line: (-(line["psi"] or 0.0), line["feature"])),
            "score": score,
            "responses": _responses(con, runtime, one),
        }


def _as_learned(lake: Lake, pointer: Pointer, names: Sequence[str]) -> str:
    """A snapshot's columns as a model sees them: float32, and no number is unknown."""
    columns = ", ".join(
        f"CASE WHEN NOT isnan(CAST({name} AS DOUBLE)) THEN CAST(CAST(CAST({name} AS DOUBLE) AS FLOAT) AS DOUBLE) END"
        f" AS {name}"
        for name in names
    )
    return f"SELECT {columns} FROM ({lake_sql.scan(FEATURES, lake.read_pointer(pointer))})"  # noqa: S608


def counts(con: duckdb.DuckDBPyConnection, rows: str, edges: Mapping[str, Sequence[float]]) -> dict[str, Counted]:
    """Rows of each column by bins: a bin holds what is above the bound before and not above its own."""
    if not edges:
        return {}
    asked = ["count(*)"]
    for name, bounds in edges.items():
        asked.append(f"count({name})")
        asked += [f"count(*) FILTER ({name} > '{bound!r}'::DOUBLE)" for bound in map(float, bounds)]
    row = con.execute(f"SELECT {', '.join(asked)} FROM ({rows})").fetchone()  # noqa: S608 - names of the contract
    assert row is not None  # noqa: S101 - an aggregate has one row
    total, *rest = row
    found = {}
    for name, bounds in edges.items():
        known, above, rest = rest[0], rest[1 : len(bounds) + 1], rest[len(bounds) + 1 :]
        least = [known, *above]
        found[name] = Counted([a - b for a, b in zip(least, [*above, 0], strict=True)], total - known)
    return found


def _score(con: duckdb.DuckDBPyConnection, lake: Lake, one: Looked, thresholds: Thresholds) -> dict[str, Any] | None:
    """The version's scores of the newest batch, decided by or not; None where it has given none."""
    told = one.watched.snapshot.get("scores")
    if not told:
        return None
    partition, version = f"model={one.watched.model}", one.watched.version
    rows = " UNION ALL ".join(
        f"SELECT score FROM ({lake_sql.scan(dataset, lake.files(dataset.name, partition))}) WHERE version = {version}"  # noqa: S608
        for dataset in (SCORES, SHADOW_SCORES)
    )
    now = counts(con, rows, {"score": told["edges"]})["score"]
    if not now.rows:
        return None
    return watching.judged(watching.baseline(told), now, thresholds) | {
        "rows": now.rows,
        "edges": told["edges"],
        "trained": told["counts"],
        "counts": list(now.counts),
    }


def _responses(con: duckdb.DuckDBPyConnection, runtime: Runtime, one: Looked) -> dict[str, Any] | None:
    """Response by tenth of an earlier snapshot's scores, as far as it has come; None where there is nothing to count.

    Its customers are scored once more: an equal row has an equal score (P-32), whichever batch it was in.
    """
    outcome, lake = one.settings.outcome, runtime.lake
    if outcome is None:
        return None
    last = made(con, lake, outcome, None)
    days = {pointer.as_of: pointer for pointer in lake.pointers("features")}
    trained = one.watched.snapshot.get("as_of")
    day = watching.cohort(days, date.fromisoformat(trained) if trained else None, last, outcome.within_days)
    if day is None or last is None:
        return None
    con.register("scored", _scored(con, runtime, one.model, days[day]))
    end = day + timedelta(days=outcome.within_days)
    came = con.execute(_RESPONSES, [day, min(end, last)]).fetchall()
    return {
        "outcome": outcome.model_dump(mode="json"),
        "as_of": day.isoformat(),
        "until": min(end, last).isoformat(),
        "final": last >= end,
        "deciles": watching.deciles(came, one.watched.snapshot.get("deciles") or ()),
    }


def _scored(con: duckdb.DuckDBPyConnection, runtime: Runtime, model: Model, pointer: Pointer) -> pa.Table:
    settings, lake = runtime.settings, runtime.lake
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    names = ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in model.features)
    rows = lake_sql.scan(FEATURES, lake.read_pointer(pointer))
    parts = []
    query = con.sql(f"SELECT customer_id, {names} FROM ({rows})")  # noqa: S608 - names of the contract
    for batch in query.to_arrow_reader(settings.batch_rows):
        columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in model.features]
        score = model.score_many(np.column_stack(columns).astype(np.float32))
        parts.append(pa.table({"customer_id": batch.column("customer_id"), "score": pa.array(score)}))
    return pa.concat_tables(parts)
