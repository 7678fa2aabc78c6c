"""Rows of feature values as somebody sends them: by name, every name of the model and no other, each of its type. Pure.

null says that a value is unknown; a name that is left out is a mistake. A value that a float32 cannot hold is refused
too: the model would see infinity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np

from scoring.feature_specs import FeatureSpec
from scoring.features import NUMERIC, Floats

Kind = Literal["unknown", "extra", "missing", "wrong_type", "not_finite", "out_of_range"]

NAMED = 20
"""So many faults are named, in the order of the rows."""

_WHOLE: Mapping[str, int] = {"INTEGER": 1 << 31, "BIGINT": 1 << 63}
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one value. `unknown`: no such feature; `extra`: a feature that this model does not use."""

    row: int
    feature: str
    fault: Kind


def matrix(features: Sequence[FeatureSpec], rows: Sequence[Mapping[str, object]]) -> Floats | list[Fault]:
    """The rows in the order of the model's features, or the first faults."""
    faults: list[Fault] = []
    wanted = {feature.name: feature.type for feature in features}
    needed = [feature.name for feature in features if not feature.nullable]
    values = np.empty((len(rows), len(features)), dtype=np.float32)
    for number, row in enumerate(rows):
        if row.keys() != wanted.keys():
            faults += [Fault(number, name, "missing") for name in wanted if name not in row]
            faults += [
                Fault(number, name, "extra" if name in NUMERIC else "unknown") for name in row if name not in wanted
            ]
        faults += [Fault(number, name, "missing") for name in needed if name in row and row[name] is None]
        for column, (name, kind) in enumerate(wanted.items()):
            fault, values[number, column] = _read(kind, row.get(name))
            if fault is not None:
                faults.append(Fault(number, name, fault))
        if len(faults) >= NAMED:
            break
    return faults[:NAMED] if faults else values


def _read(kind: str, value: object) -> tuple[Kind | None, float]:
    """What is wrong with a value, and what the model sees of it."""
    if value is None:
        return None, np.nan
    if isinstance(value, bool) or kind == "BOOLEAN":
        return (None, float(value)) if isinstance(value, bool) and kind == "BOOLEAN" else ("wrong_type", np.nan)
    if isinstance(value, int):
        most = _WHOLE.get(kind, 1 << 63)
        return (None, float(value)) if -most <= value < most else ("out_of_range", np.nan)
    if not isinstance(value, float) or kind in _WHOLE:
        return "wrong_type", np.nan
    if not isfinite(value):
        return "not_finite", np.nan
    return (None, value) if abs(value) <= _LARGEST else ("out_of_range", np.nan)
