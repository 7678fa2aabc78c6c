"""Rows that a model must answer before it may answer anybody: drawn inside its features' specs, and on their edges."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scoring.feature_specs import FeatureSpec
from scoring.features import Floats
from scoring.vetting.reasons import Reason

DRAWN = 100
SLOWEST = 0.02
"""Seconds of processor time that one row may take."""

if TYPE_CHECKING:  # the runtime starts a thread with its import: not before a fork
    from scoring.model import Model

_SEED = 20_260_101
# Where a spec names no bounds: what is drawn from, and how far a value of this type may lie out.
_USUAL = {"INTEGER": (0.0, 400.0), "BIGINT": (-1e9, 1e9), "DOUBLE": (0.0, 1.0), "BOOLEAN": (0.0, 1.0)}
_FARTHEST = {"INTEGER": 2.0**31, "BIGINT": 1e15, "DOUBLE": 1e9, "BOOLEAN": 1.0}


def rows(specs: Sequence[FeatureSpec]) -> Floats:
    """The drawn rows, the same every time, and the edges: lowest, highest, zeros, extremes, unknown one by one."""
    low, high = (np.array([_bound(spec, end) for spec in specs]) for end in (0, 1))
    rng = np.random.default_rng(_SEED)
    drawn = rng.uniform(low, high, size=(DRAWN, len(specs)))
    whole = np.array([spec.type != "DOUBLE" for spec in specs])
    drawn[:, whole] = drawn[:, whole].round()
    lowest, highest = (np.array([_extreme(spec, end) for spec in specs]) for end in (0, 1))
    unknown = np.array([spec.nullable for spec in specs])
    missing = np.where(unknown, np.nan, low)
    one_by_one = np.where(np.eye(len(specs), dtype=bool) & unknown, np.nan, drawn[0])
    edges = np.vstack([low, high, np.clip(0.0, low, high), lowest, highest, missing, one_by_one])
    return np.ascontiguousarray(np.vstack([drawn, edges]), dtype=np.float32)


def check(model: "Model", probes: Floats) -> tuple[list[Reason], dict[str, float]]:
    """What is wrong with a loaded model's answers to these rows, and what it took to answer one; raises UnfitModel."""
    together = model.answer(probes)
    for size in (1, 7, 100):
        parts = [model.answer(probes[at : at + size]) for at in range(0, len(probes), size)]
        if not _equal(np.concatenate(parts), together):
            return [Reason("rows_depend", f"in batches of {size}")], {}
    if not _equal(model.answer(np.ascontiguousarray(probes[::-1]))[::-1], together):
        return [Reason("rows_depend", "in another order")], {}
    # The processor's clock may tick by hundredths of a second: many rows are told apart by it, one is not.
    began = time.process_time()
    for row in probes[:50]:
        model.answer(row[None])
    took = (time.process_time() - began) / len(probes[:50])
    facts = {"row_micros": round(took * 1e6), "lowest": float(together.min()), "highest": float(together.max())}
    return ([Reason("too_slow", f"{facts['row_micros']} microseconds")] if took > SLOWEST else []), facts


def _equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return one.tobytes() == np.ascontiguousarray(other).tobytes()


def _bound(spec: FeatureSpec, end: int) -> float:
    usual = _USUAL[spec.type]
    given = (spec.min, spec.max)
    found = given[end]
    if found is not None:
        return found
    other = given[1 - end]
    # One bound alone: as wide as usual from there.
    return usual[end] if other is None else other + (usual[1] - usual[0]) * (1 if end else -1)


def _extreme(spec: FeatureSpec, end: int) -> float:
    given = (spec.min, spec.max)[end]
    if given is not None:
        return given
    if spec.type == "BOOLEAN":
        return float(end)
    return _FARTHEST[spec.type] * (1 if end else -1)
