"""Does a model of the feature snapshot rank as well at other times? On the customers who are held back (M-22).

Each earlier and later snapshot with ledger enough after it is scored and its own answers are waited for. Where the lake
has only the one that was learned from, the days of its window are looked at in parts of about a month.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from attune_service_kit import lake_sql
from scoring import model
from scoring.model import Model
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import reports
from scoring.training.classifier import Days, window_of
from scoring.training.examples import read_answers
from scoring.training.source import Source
from scoring.training.trained import Trained

MOST = 12
"""Snapshots that are looked at, the newest."""
_MONTH = 30


def with_stability(trained: Trained, source: Source, spec: TrainingSpec) -> Trained:
    """The same with `stability` on its card: a line a snapshot, or a part of the window; a file's stands there."""
    if trained.as_of is None:
        return trained
    exported = model.load(spec.model, 0, trained.features, trained.onnx, output=trained.output)
    with source.tables("transactions", "accounts", "parties") as con:
        found = list(_by_snapshot(con, source, spec, exported))
        by = "snapshot"
        if len(found) < 2:
            # The names of the views are the same: the last one registered is the training's own.
            source.features(con, spec.model_copy(update={"as_of": trained.as_of}))
            found, by = list(_by_part(con, spec, exported, trained.as_of)), "window"
    return replace(trained, card=trained.card | {"stability": found, "stability_by": by})


def _by_snapshot(
    con: duckdb.DuckDBPyConnection, source: Source, spec: TrainingSpec, exported: Model
) -> Iterator[dict[str, Any]]:
    last = _last_day(con)
    fitting = []
    for day in sorted(pointer.as_of for pointer in source.lake.pointers("features")):
        try:
            fitting.append((day, window_of(spec, day, last)))
        except SpecRefused:  # it has seen the answer, or the answer has not come yet
            continue
    for day, window in fitting[-MOST:]:
        lake_sql.register(con, source.lake, "features", partition=f"as_of={day}")
        yield _measured(con, spec, exported, day, window)


def _by_part(
    con: duckdb.DuckDBPyConnection, spec: TrainingSpec, exported: Model, as_of: date
) -> Iterator[dict[str, Any]]:
    window = window_of(spec, as_of, _last_day(con))
    if window is None:  # seeds that are named one by one have no time
        return
    first, last = window
    count = max(1, round(((last - first).days + 1) / _MONTH))
    for number in range(count):
        begins = first + (last - first + timedelta(days=1)) * number // count
        ends = first + (last - first + timedelta(days=1)) * (number + 1) // count - timedelta(days=1)
        # Who leaves has left by the end of a part; what else is asked for happens inside it.
        yield _measured(con, spec, exported, begins, (first if spec.leaving else begins, ends))


def _measured(
    con: duckdb.DuckDBPyConnection, spec: TrainingSpec, exported: Model, day: date, window: Days | None
) -> dict[str, Any]:
    examples, answer = read_answers(con, spec, window, held_back=True)
    rows = examples.only(exported.features).rows
    if not len(rows):
        return {"from": str(day), "rows": 0, "auc": None}
    scores = exported.answer_many(rows)
    if spec.choice is None:
        return reports.span(str(day), examples.label, scores.max(axis=1))
    # Of several classes: each against the rest, their mean.
    each = [reports.span(str(day), answer == place, scores[:, place - 1]) for place in range(1, scores.shape[1] + 1)]
    known = [one["auc"] for one in each]
    mean = None if None in known else float(np.mean(np.array(known, np.float64)))
    return {"from": str(day), "rows": len(rows), "auc": mean}


def _last_day(con: duckdb.DuckDBPyConnection) -> date | None:
    row = con.execute("SELECT max(business_date) FROM transactions").fetchone()
    return row[0] if row else None
