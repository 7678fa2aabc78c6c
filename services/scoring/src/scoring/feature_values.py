"""Rows of feature values as somebody sends them: by name, every name of the model and no other, each of its type. Pure.

null says that a value is unknown; a name that is left out is a mistake. A value that a float32 cannot hold is refused
too: the model would see infinity.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scoring.feature_specs import FeatureSpec
from scoring.features import NUMERIC, Floats

Kind = Literal["unknown", "extra", "missing", "wrong_type", "not_finite", "out_of_range"]

NAMED = 20
"""So many faults are named, in the order of the rows."""

# What is read at once: JSON's own types. Lists of such types stand for no others, a bool is no int here.
_NONE = type(None)
_ORDINARY: Mapping[str, frozenset[type]] = {
    "BOOLEAN": frozenset({bool, _NONE}),
    "INTEGER": frozenset({int, _NONE}),
    "BIGINT": frozenset({int, _NONE}),
    "DOUBLE": frozenset({int, float, _NONE}),
}

WHOLE: Mapping[str, int] = {"INTEGER": 1 << 31, "BIGINT": 1 << 63}
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one value. `unknown`: no such feature; `extra`: a feature that this model does not use."""

    row: int
    feature: str
    fault: Kind


class Ordinary:
    """Reads rows that nothing is wrong with, all at once; a tenth of what `matrix` takes."""

    def __init__(self, features: Sequence[FeatureSpec]) -> None:
        self._features = {feature.name: at for at, feature in enumerate(features)}
        self._types = [_ORDINARY[feature.type] for feature in features]
        self._needed = [at for at, feature in enumerate(features) if not feature.nullable]
        self._limits = np.array([float(WHOLE.get(feature.type, 1 << 63)) for feature in features])
        # How the last rows were written: programs write all of theirs alike.
        self._written = _Written(tuple(self._features), tuple(self._types), np.arange(len(features)))

    def read(self, rows: Sequence[Mapping[str, object]], *, finite: bool = False) -> Floats | None:
        """What `matrix` makes of them; None of rows with a fault, and of some without: written unlike, at a limit.

        `finite`: whoever parsed the rows has seen to it that every number is.
        """
        if set(map(type, rows)) != _DICTS:
            return None
        names = tuple(rows[0])
        # No row holds a name twice: all names in a line are the first row's again and again only if each row's are.
        if len(rows) > 1 and list(chain.from_iterable(rows)) != [*names] * len(rows):
            return None
        if (written := self._as(names)) is None:
            return None
        told: list[Any] = list(chain.from_iterable(map(_values, rows)))
        width = len(written.names)
        fits = all(types.issuperset(map(type, told[at::width])) for at, types in enumerate(written.types))
        nulls = None if finite else told.count(None)
        return self._floats(told, (len(rows), width), written, nulls) if fits else None

    def read_columns(self, columns: Mapping[str, object], *, finite: bool = False) -> Floats | None:
        """What `read` makes of the same values told by feature, a list of each with a value a row."""
        lists: list[Any] = list(columns.values())
        if set(map(type, lists)) != _LISTS or len(set(map(len, lists))) > 1 or not lists[0]:
            return None
        if (written := self._as(tuple(columns))) is None:
            return None
        if not all(types.issuperset(map(type, told)) for types, told in zip(written.types, lists, strict=True)):
            return None
        nulls = None if finite else sum(told.count(None) for told in lists)
        return self._floats(chain.from_iterable(lists), (len(lists[0]), len(lists)), written, nulls, turned=True)

    def _as(self, names: tuple[str, ...]) -> "_Written | None":
        """How features in this order are read; None if they are not the model's."""
        written = self._written
        if names != written.names:
            if len(names) != len(self._features) or not self._features.keys() >= set(names):
                return None
            at = {name: place for place, name in enumerate(names)}
            written = self._written = _Written(
                names,
                tuple(self._types[self._features[name]] for name in names),
                np.array([at[name] for name in self._features]),
            )
        return written

    def _floats(
        self,
        told: Iterable[Any],
        shape: tuple[int, int],
        written: "_Written",
        nulls: int | None,
        *,
        turned: bool = False,
    ) -> Floats | None:
        """Values row by row, or column by column, as the model takes them; None if one is at a limit or missing.

        `nulls`: so many are unknown; None of numbers that are known to be finite.
        """
        try:
            flat = np.fromiter(told, np.float64, shape[0] * shape[1])
        except OverflowError:
            return None
        # `turned`: a line a feature, which are put in order and turned at once.
        told_as = flat.reshape(shape[::-1]) if turned else flat.reshape(shape)
        values = told_as.take(written.columns, 0).T if turned else told_as.take(written.columns, 1)
        if np.count_nonzero(np.abs(values) >= self._limits):
            return None
        # NaN stands for null; one that somebody wrote is a fault.
        if nulls is not None and np.count_nonzero(np.isnan(values)) != nulls:
            return None
        if self._needed and np.isnan(values[:, self._needed]).any():
            return None
        return values.astype(np.float32, order="C")


@dataclass(frozen=True)
class _Written:
    """Names in the order of a row's text, the types of each, and where the model's features stand among them."""

    names: tuple[str, ...]
    types: tuple[frozenset[type], ...]
    columns: NDArray[np.intp]


_DICTS, _LISTS = {dict}, {list}
_values: Callable[[Any], Iterable[Any]] = dict.values  # of rows that are dicts, as has been seen


def rows_of(columns: Mapping[str, Sequence[object]]) -> list[dict[str, object]] | None:
    """The rows that columns tell; None where one has more values than another."""
    if len({len(told) for told in columns.values()}) != 1:
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


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
        most = WHOLE.get(kind, 1 << 63)
        return (None, float(value)) if -most <= value < most else ("out_of_range", np.nan)
    if not isinstance(value, float) or kind in WHOLE:
        return "wrong_type", np.nan
    if not isfinite(value):
        return "not_finite", np.nan
    return (None, value) if abs(value) <= LARGEST else ("out_of_range", np.nan)
