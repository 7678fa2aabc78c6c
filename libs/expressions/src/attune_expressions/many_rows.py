"""A condition over many rows at once, by numpy. A column is its values and a mask of where it is NULL.

Truths are asked as in `one_row`: `_holds` gives the mask of where a node is TRUE (or FALSE), so that NOT costs nothing.
Where a value is NULL, what stands in its place is reckoned with and never seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from attune_expressions import likes
from attune_expressions.condition import Condition
from attune_expressions.one_row import OPPOSITE
from attune_expressions.sql import Unbound
from attune_expressions.tree import (
    Absolute,
    AddDays,
    AddMonths,
    AddSeconds,
    Arith,
    Base,
    Between,
    Case,
    Coalesce,
    Compare,
    Comparison,
    Const,
    DatePart,
    DaysBetween,
    Divide,
    Extreme,
    FieldRef,
    HasTag,
    InList,
    IsNull,
    IsTruth,
    Length,
    Like,
    Logic,
    Modulo,
    Negate,
    Node,
    Not,
    Round,
    Scale,
    ToFloat,
)

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Null = Mask | None
"""Where a value is NULL; None where it is nowhere."""

_TYPES: dict[Base, str] = {
    "bool": "bool", "fixed": "int64", "float": "float64", "text": "object", "date": "M8[D]", "ts": "M8[us]",
    "tags": "object",
}  # fmt: skip
_ZERO: dict[Base, Any] = {
    "bool": False, "fixed": 0, "float": 0.0, "text": "", "date": np.datetime64(0, "D"), "ts": np.datetime64(0, "us"),
    "tags": (),
}  # fmt: skip
_COMPARE: dict[Comparison, Callable[[Any, Any], Any]] = {
    "=": np.equal, "<>": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
_RECKON: dict[str, Callable[[Any, Any], Any]] = {"+": np.add, "-": np.subtract, "*": np.multiply}
_FEW = 8


@dataclass(frozen=True)
class Column:
    """Numbers, truths, `datetime64` days or moments in UTC, or objects for texts and tags; and where they are NULL."""

    values: Array
    null: Null = None


def matches(condition: Condition, columns: Mapping[str, Column], rows: int) -> Mask:
    """Where the condition is TRUE, of `rows` rows."""
    if condition.parameters:
        raise Unbound(", ".join(condition.parameters))
    with np.errstate(all="ignore"):
        return _Rows(columns, rows).holds(condition.root, True)


def values(condition: Condition, columns: Mapping[str, Column], rows: int) -> tuple[Mask, Mask]:
    """Where the condition is TRUE, and where it is NULL."""
    if condition.parameters:
        raise Unbound(", ".join(condition.parameters))
    with np.errstate(all="ignore"):
        found = _Rows(columns, rows)
        true, false = found.holds(condition.root, True), found.holds(condition.root, False)
    return true, ~(true | false)


def column(listed: list[Any], base: Base) -> Column:
    """A column of Python values, None for NULL."""
    null = np.fromiter((value is None for value in listed), np.bool_, len(listed))
    found = np.empty(len(listed), dtype=_TYPES[base])
    for i, value in enumerate(listed):
        found[i] = _ZERO[base] if value is None else value
    return Column(found, null if null.any() else None)


@dataclass
class _Rows:
    columns: Mapping[str, Column]
    rows: int
    _read: dict[str, tuple[Array, Null]] = field(default_factory=dict)

    # --- whether it holds ---

    def holds(self, node: Node, wanted: bool) -> Mask:
        match node:
            case Logic():
                together = np.logical_and if (node.op == "and") is wanted else np.logical_or
                found = self.holds(node.parts[0], wanted).copy()
                for part in node.parts[1:]:
                    together(found, self.holds(part, wanted), out=found)
                return found
            case Not():
                return self.holds(node.of, not wanted)
            case Compare():
                return self._compared(node.op if wanted else OPPOSITE[node.op], node.left, node.right)
            case Between():
                low = self._compared(">=" if wanted else "<", node.of, node.low)
                high = self._compared("<=" if wanted else ">", node.of, node.high)
                return low & high if wanted else low | high
            case InList():
                of, null = self.value(node.of)
                listed = self._spread(_listed(of, [_array_constant(value) for value in node.values]))
                return _where(listed if wanted else ~listed, null)
            case IsNull():
                _, null = self.value(node.of)
                empty = np.zeros(self.rows, np.bool_) if null is None else null.copy()
                return empty if wanted else ~empty
            case IsTruth():
                found = self.holds(node.of, node.truth)
                return found if wanted else ~found
            case Like():
                of, null = self.value(node.of)
                found = self._each(likes.matcher(node.pattern), of, np.bool_)
                return _where(found if wanted else ~found, null)
            case HasTag():
                of, null = self.value(node.of)
                found = _where(self._each(lambda tags: node.tag in tags, of, np.bool_), null)
                return found if wanted else ~found
            case _:
                of, null = self.value(node)
                return _where(self._spread(of if wanted else ~of), null)

    def _compared(self, op: Comparison, left: Node, right: Node) -> Mask:
        (one, null), (other, null2) = self.value(left), self.value(right)
        found = np.asarray(_COMPARE[op](one, other), dtype=np.bool_)
        return _where(self._spread(found), _either(null, null2))

    # --- what it is ---

    def value(self, node: Node) -> tuple[Array, Null]:
        match node:
            case Const():
                if node.value is None:
                    return _constant_of(node.shape.base, None), np.ones(self.rows, np.bool_)
                return _array_constant(node), None
            case FieldRef():
                return self._field(node)
            case Case():
                return self._case(node)
            case Coalesce():
                return self._coalesce(node)
            case Extreme():
                return self._extreme(node)
            case _ if node.shape.base == "bool":
                true = self.holds(node, True)
                return true, ~(true | self.holds(node, False))
            case Arith() | AddDays() | Divide() | DaysBetween():
                return self._of_two(node)
            case _:
                return self._of_one(node)

    def _field(self, node: FieldRef) -> tuple[Array, Null]:
        if node.column not in self._read:
            found = self.columns[node.column]
            null = None if found.null is None or not found.null.any() else found.null
            listed = found.values
            if null is not None and node.shape.base in ("text", "date", "ts", "tags"):
                listed = listed.copy()
                listed[null] = _ZERO[node.shape.base] if node.shape.base != "tags" else None
                if node.shape.base == "tags":
                    listed = _without_none(listed)
            self._read[node.column] = listed.astype(_TYPES[node.shape.base], copy=False), null
        return self._read[node.column]

    def _of_two(self, node: Arith | AddDays | Divide | DaysBetween) -> tuple[Array, Null]:
        match node:
            case AddDays():
                (day, null), (days, null2) = self.value(node.of), self.value(node.days)
                return day + np.asarray(days).astype("m8[D]"), _either(null, null2)
            case DaysBetween():
                (one, null), (other, null2) = self.value(node.earlier), self.value(node.later)
                return np.asarray(other - one).astype("int64"), _either(null, null2)
            case Arith():
                (one, null), (other, null2) = self.value(node.left), self.value(node.right)
                return _RECKON[node.op](one, other), _either(null, null2)
            case Divide():
                (one, null), (other, null2) = self.value(node.left), self.value(node.right)
                zero = self._spread(np.asarray(other == 0, dtype=np.bool_))
                return one / other, _either(_either(null, null2), zero if zero.any() else None)

    def _of_one(self, node: Node) -> tuple[Array, Null]:
        of, null = self.value(cast(Any, node).of)
        match node:
            case Scale(power=power):
                return of * np.int64(10**power), null
            case ToFloat():
                scale = node.of.shape.scale
                found = np.asarray(of).astype("float64")
                return (found / float(10**scale) if scale else found), null
            case Modulo(by=by):
                return np.fmod(of, np.int64(by)), null
            case Negate():
                return -of, null
            case Absolute():
                return np.abs(of), null
            case Round():
                return _rounded(node, of), null
            case Length():
                return self._each(len, of, np.int64), null
            case DatePart(part=part):
                return _date_part(part, np.asarray(of)), null
            case AddMonths(months=months):
                return _add_months(np.asarray(of), months), null
            case AddSeconds(seconds=seconds):
                return of + np.timedelta64(seconds, "s"), null
            case _:
                raise TypeError(type(node).__name__)

    def _case(self, node: Case) -> tuple[Array, Null]:
        """From the last branch to the first: who comes first overwrites."""
        found, null = self._whole(node.otherwise)
        for test, value in reversed(node.branches):
            here = self.holds(test, True)
            one, null2 = self._whole(value)
            found, null = np.where(here, one, found), np.where(here, null2, null)
        return found, null

    def _coalesce(self, node: Coalesce) -> tuple[Array, Null]:
        found, null = self._whole(node.parts[0])
        for part in node.parts[1:]:
            one, null2 = self._whole(part)
            found, null = np.where(null, one, found), null & null2
        return found, null

    def _extreme(self, node: Extreme) -> tuple[Array, Null]:
        better = np.greater if node.greatest else np.less
        found, null = self._whole(node.parts[0])
        for part in node.parts[1:]:
            one, null2 = self._whole(part)
            take = ~null2 & (null | np.asarray(better(one, found), dtype=np.bool_))
            found, null = np.where(take, one, found), null & null2
        return found, null

    def _whole(self, node: Node) -> tuple[Array, Mask]:
        """With a value and a mask for every row."""
        found, null = self.value(node)
        return self._spread(found), np.zeros(self.rows, np.bool_) if null is None else null

    def _spread(self, found: Array) -> Array:
        return found if found.ndim else np.broadcast_to(found, (self.rows,))

    def _each(self, function: Callable[[Any], Any], of: Array, kind: type[Any]) -> Array:
        """A function of every object, by Python."""
        if not np.ndim(of):
            return np.full(self.rows, function(of.item()), kind)
        return np.fromiter(map(function, of), kind, self.rows)


def _constant_of(base: Base, value: Any) -> Array:
    return np.array(_ZERO[base] if value is None else value, dtype=_TYPES[base])


def _array_constant(node: Const) -> Array:
    return _constant_of(node.shape.base, node.value)


def _either(one: Null, other: Null) -> Null:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _where(found: Mask, null: Null) -> Mask:
    return found if null is None else found & ~null


def _listed(of: Array, constants: list[Array]) -> Mask:
    if of.dtype == object:
        known = {constant.item() for constant in constants}
        if not of.ndim:
            return np.array(of.item() in known)
        return np.fromiter(map(known.__contains__, of), np.bool_, len(of))
    if len(constants) > _FEW:
        return np.isin(of, np.array(constants))
    found = of == constants[0]
    for constant in constants[1:]:
        found = found | (of == constant)
    return np.asarray(found, dtype=np.bool_)


def _without_none(listed: Array) -> Array:
    found = np.empty(len(listed), dtype=object)
    found[:] = [() if tags is None else tags for tags in listed]
    return found


def _rounded(node: Round, of: Array) -> Array:
    found: Array
    if node.shape.base == "fixed":
        unit = np.int64(10**node.power)
        found = np.sign(of) * ((np.abs(of) + unit // 2) // unit) * unit
        return found
    factor = float(10 ** abs(node.power))
    size = np.abs(of) * factor if node.power <= 0 else np.abs(of) / factor
    whole = np.copysign(np.floor(size + 0.5), of)
    found = whole / factor if node.power <= 0 else whole * factor
    return found


def _date_part(part: str, day: Array) -> Array:
    found: Array
    months, year = day.astype("M8[M]"), day.astype("M8[Y]")
    match part:
        case "isodow":
            found = (day.astype("int64") + 3) % 7 + 1  # 1970-01-01 was a Thursday
        case "day":
            found = (day - months.astype("M8[D]")).astype("int64") + 1
        case "month":
            found = (months - year.astype("M8[M]")).astype("int64") + 1
        case _:
            found = year.astype("int64") + 1970
    return found


def _add_months(day: Array, months: int) -> Array:
    """Clamped to the month's end."""
    month = day.astype("M8[M]")
    into = day - month.astype("M8[D]")
    first = (month + np.timedelta64(months, "M")).astype("M8[D]")
    last = (month + np.timedelta64(months + 1, "M")).astype("M8[D]") - np.timedelta64(1, "D")
    return cast(Array, np.minimum(first + into, last))
