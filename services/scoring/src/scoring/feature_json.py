"""Feature values from the bytes of a JSON body to the model's matrix, in one pass. Pure.

A model's rows are a type here: whatever is not of it, by name, type or limit, the decoder refuses while it reads. A
body that is refused is read again by the layers, where `feature_values` says what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np

from scoring.feature_specs import FeatureSpec
from scoring.feature_values import LARGEST, WHOLE
from scoring.features import Floats

_COLON, _SHORT = ord(":"), 4_000
_fields: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple

# Whoever writes rows has an order of their own. A decoder that knows it takes half as long as one that looks for each
# name; a model has so many of them, and what comes in yet another order is read by the first.
_ORDERS = 8

# What stands before the first value is short, unless somebody took pains.
_HEAD = 256


def _whole(limit: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=-limit, le=limit - 1)]


_TYPES: Mapping[str, Any] = {
    "BOOLEAN": bool,
    "INTEGER": _whole(WHOLE["INTEGER"]),
    "BIGINT": _whole(WHOLE["BIGINT"]),
    "DOUBLE": _whole(WHOLE["BIGINT"]) | Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)],
}


class Asked(NamedTuple):
    """What a body seems to be: `rows` or `columns` for a model, and the features in the order of the first row."""

    model: str
    kind: bytes
    names: tuple[bytes, ...]


def asked(body: bytes) -> Asked | None:
    """A guess by some of the body's words: who decodes it finds out."""
    first = body[:_HEAD].split(b'"', 6)
    if len(first) > 6 and first[1] == b"model":
        model, kind, before = first[3], first[5], 3
    elif len(first) > 2 and len(last := body[body.rfind(b"]") :].split(b'"')) == 5 and last[1] == b"model":
        model, kind, before = last[3], first[1], 1
    else:
        return None
    names = body[: body.find(b"}")].split(b'"')[2 * before + 1 :: 2] if kind == b"rows" else ()
    return Asked(model.decode("latin-1"), kind, tuple(names))


class Bodies:
    """Reads bodies with values for one model."""

    def __init__(self, model: str, features: Sequence[FeatureSpec]) -> None:
        self._model, self._features = model, {feature.name.encode(): feature for feature in features}
        self._columns = _Columns(model, features)
        self._rows: dict[tuple[bytes, ...], _Rows] = {}

    def read(self, body: bytes, told: Asked) -> Floats | None:
        """The values in the model's order; None of a body that is not ordinary in every way."""
        if told.kind == b"columns":
            return self._columns.read(body)
        order = self._rows.get(told.names) or self._order(told.names)
        return None if order is None else order.read(body)

    def _order(self, names: tuple[bytes, ...]) -> "_Rows | None":
        """A decoder for this order, or the first; None of names that are not the model's."""
        if len(names) != len(self._features) or self._features.keys() != set(names):
            return None
        if len(self._rows) >= _ORDERS:
            return next(iter(self._rows.values()))
        at = {name: place for place, name in enumerate(names)}
        places = [at[name] for name in self._features]
        made = self._rows[names] = _Rows(self._model, [self._features[name] for name in names], places)
        return made


class _Rows:
    """Reads rows whose features stand in one order; `places` says where the model's stand in it."""

    def __init__(self, model: str, features: Sequence[FeatureSpec], places: Sequence[int]) -> None:
        row = _struct({feature.name: _type(feature) for feature in features})
        self._decode = _decoder(model, "rows", list[row])  # type: ignore[valid-type]
        self._width = len(features)
        self._places = None if list(places) == sorted(places) else np.array(places)

    def read(self, body: bytes) -> Floats | None:
        """As `Bodies.read`."""
        try:
            _, rows = _fields(self._decode(body))
        except (ValueError, RecursionError):
            return None
        size = len(rows) * self._width
        if not rows or not _told_once(body, 2 + size):
            return None
        values = np.fromiter(chain.from_iterable(map(_fields, rows)), np.float32, size).reshape(-1, self._width)
        return values if self._places is None else values.take(self._places, 1)


class _Columns:
    """Reads columns, in any order: a name each is soon found."""

    def __init__(self, model: str, features: Sequence[FeatureSpec]) -> None:
        lists = _struct({feature.name: list[_type(feature)] for feature in features})  # type: ignore[misc]
        self._decode = _decoder(model, "columns", lists)
        self._width = len(features)

    def read(self, body: bytes) -> Floats | None:
        """As `Bodies.read`."""
        try:
            _, columns = _fields(self._decode(body))
        except (ValueError, RecursionError):
            return None
        lists: tuple[list[Any], ...] = _fields(columns)
        rows = len(lists[0])
        if not rows or len(set(map(len, lists))) > 1 or not _told_once(body, 2 + self._width):
            return None
        values = np.fromiter(chain.from_iterable(lists), np.float32, rows * self._width)
        return np.ascontiguousarray(values.reshape(-1, rows).T)


def _told_once(body: bytes, names: int) -> bool:
    """Whether a body in which so many different names stand has none of them twice: each has its colon."""
    if len(body) < _SHORT:
        return body.count(b":") == names
    # A search for each, as bytes have it, takes eight times as long where there are thousands.
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON)) == names


def _decoder(model: str, kind: str, values: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(_struct({"model": Literal[model], kind: values})).decode


def _type(feature: FeatureSpec) -> Any:
    return _TYPES[feature.type] | None if feature.nullable else _TYPES[feature.type]


def _struct(fields: Mapping[str, Any]) -> type[msgspec.Struct]:
    """A type of exactly these fields, whatever they are called."""
    named = [(f"f{at}", kind) for at, kind in enumerate(fields.values())]
    renamed = dict(zip((name for name, _ in named), fields, strict=True))
    return msgspec.defstruct("Told", named, rename=renamed, forbid_unknown_fields=True, gc=False)
