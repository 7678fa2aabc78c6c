"""Rows as a matrix: a line of feature names, then the values row by row as little-endian float32, NaN = unknown. Pure.

As checked as rows by name are, but for whole numbers, whose last digits a float32 does not hold anyway.
"""

from collections.abc import Sequence

import numpy as np

from scoring.feature_specs import FeatureSpec
from scoring.feature_values import NAMED, Fault
from scoring.features import NUMERIC, Floats

MOST_BYTES = 8 << 20
MOST_ROWS = 50_000
_LONGEST_LINE = 200 * 65
_VALUE = np.dtype("<f4")


class NoMatrix(Exception):
    """The bytes are no matrix."""


def read(features: Sequence[FeatureSpec], body: bytes) -> Floats | list[Fault]:
    """The rows in the order of the model's features, or the first faults; raises NoMatrix."""
    end = body.find(b"\n", 0, _LONGEST_LINE + 1)
    line = body[: max(end, 0)]
    if not line or not line.isascii():
        raise NoMatrix
    names = line.decode().split(",")
    values = len(body) - end - 1
    rows, rest = divmod(values, _VALUE.itemsize * len(names))
    if rest or not rows or len(set(names)) != len(names):
        raise NoMatrix
    wanted = [feature.name for feature in features]
    if faults := [Fault(0, name, "missing") for name in wanted if name not in names] + [
        Fault(0, name, "extra" if name in NUMERIC else "unknown") for name in names if name not in wanted
    ]:
        return faults[:NAMED]
    given = np.frombuffer(body, dtype=_VALUE, offset=end + 1).reshape(rows, len(names))
    matrix = np.ascontiguousarray(given[:, [names.index(name) for name in wanted]], dtype=np.float32)
    return _faults(features, matrix) or matrix


def _faults(features: Sequence[FeatureSpec], matrix: Floats) -> list[Fault]:
    found: list[Fault] = []
    if not np.isfinite(matrix).all():
        unknown = np.isnan(matrix)
        needed = np.array([not feature.nullable for feature in features])
        infinite, missing = np.argwhere(np.isinf(matrix)), np.argwhere(unknown & needed)
        found += [Fault(int(row), features[at].name, "not_finite") for row, at in infinite[:NAMED]]
        found += [Fault(int(row), features[at].name, "missing") for row, at in missing[:NAMED]]
    flags = [at for at, feature in enumerate(features) if feature.type == "BOOLEAN"]
    if flags:
        told = matrix[:, flags]
        bad = ~((told == 0) | (told == 1) | np.isnan(told) | np.isinf(told))
        found += [Fault(int(row), features[flags[at]].name, "wrong_type") for row, at in np.argwhere(bad)[:NAMED]]
    return sorted(found, key=lambda fault: fault.row)[:NAMED]
