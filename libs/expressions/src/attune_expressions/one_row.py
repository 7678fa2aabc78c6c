"""A condition as a function of one row, composed of closures: no text is ever evaluated.

Two forms of each truth. `value` has three values, None for NULL. `holds` asks whether it is TRUE (or FALSE) and is what
matching needs: it stops at the first part that decides, and NOT costs nothing, for it asks the other question.
"""

import math
import operator
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, timedelta
from typing import Any

from attune_expressions import likes
from attune_expressions.condition import Condition
from attune_expressions.sql import Unbound
from attune_expressions.tree import (
    Absolute,
    AddDays,
    AddMonths,
    AddSeconds,
    Arith,
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
    Parameter,
    Round,
    Scale,
    ToFloat,
)

Row = Mapping[str, Any]
"""What is known of one subject, by column; NULL is None. Every field that a condition reads stands in it."""
Ask = Callable[[Row], bool]
Get = Callable[[Row], Any]

OPPOSITE: dict[Comparison, Comparison] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "+": operator.add, "-": operator.sub, "*": operator.mul,
}  # fmt: skip


def compiled(condition: Condition) -> Ask:
    """Whether a row matches: the condition is TRUE of it."""
    return _holds(_ready(condition), True)


def compiled_value(condition: Condition) -> Callable[[Row], bool | None]:
    """What the condition is of a row: TRUE, FALSE or None for NULL."""
    return _value(_ready(condition))


def value_of(node: Node) -> Get:
    """What any node is of a row."""
    return _value(node)


def _ready(condition: Condition) -> Node:
    if condition.parameters:
        raise Unbound(", ".join(condition.parameters))
    return condition.root


# --- whether it holds ---


def _holds(node: Node, wanted: bool) -> Ask:
    match node:
        case Logic():
            parts = tuple(_holds(part, wanted) for part in node.parts)
            return _all(parts) if (node.op == "and") is wanted else _any(parts)
        case Not():
            return _holds(node.of, not wanted)
        case Compare():
            return _compared(node.op if wanted else OPPOSITE[node.op], node.left, node.right)
        case Between():
            return _between(node, wanted)
        case InList():
            return _listed(node, wanted)
        case IsNull():
            get = _value(node.of)
            return (lambda row: get(row) is None) if wanted else (lambda row: get(row) is not None)
        case IsTruth() if wanted:
            return _holds(node.of, node.truth)
        case _:
            get = _value(node)
            return lambda row: get(row) is wanted


def _all(parts: tuple[Ask, ...]) -> Ask:
    if len(parts) == 2:
        one, two = parts
        return lambda row: one(row) and two(row)

    def ask(row: Row) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the parts
            if not part(row):
                return False
        return True

    return ask


def _any(parts: tuple[Ask, ...]) -> Ask:
    if len(parts) == 2:
        one, two = parts
        return lambda row: one(row) or two(row)

    def ask(row: Row) -> bool:
        for part in parts:  # noqa: SIM110
            if part(row):
                return True
        return False

    return ask


def _compared(op: Comparison, left: Node, right: Node) -> Ask:
    if isinstance(left, FieldRef) and isinstance(right, Const) and left.shape.base != "ts":
        return _field_against(op, left.column, right.value)
    one, two, compare = _value(left), _value(right), _OPERATORS[op]

    def ask(row: Row) -> bool:
        a = one(row)
        if a is None:
            return False
        b = two(row)
        return b is not None and compare(a, b)

    return ask


def _field_against(op: Comparison, name: str, value: Any) -> Ask:
    """The commonest atom, without a call."""
    match op:
        case "=":
            return lambda row: row[name] == value  # the constant is never NULL
        case "<>":
            return lambda row: (v := row[name]) is not None and v != value
        case "<":
            return lambda row: (v := row[name]) is not None and v < value
        case "<=":
            return lambda row: (v := row[name]) is not None and v <= value
        case ">":
            return lambda row: (v := row[name]) is not None and v > value
        case ">=":
            return lambda row: (v := row[name]) is not None and v >= value


def _between(node: Between, wanted: bool) -> Ask:
    if not wanted or not (isinstance(node.low, Const) and isinstance(node.high, Const)):
        low, high = (">=", "<=") if wanted else ("<", ">")
        sides = _compared(low, node.of, node.low), _compared(high, node.of, node.high)  # type: ignore[arg-type]
        return _all(sides) if wanted else _any(sides)
    first: Any = node.low.value
    last: Any = node.high.value
    if isinstance(node.of, FieldRef) and node.of.shape.base != "ts":
        name = node.of.column
        return lambda row: (v := row[name]) is not None and first <= v <= last
    get = _value(node.of)
    return lambda row: (v := get(row)) is not None and first <= v <= last


def _listed(node: InList, wanted: bool) -> Ask:
    get, values = _value(node.of), frozenset(constant.value for constant in node.values)
    if wanted and isinstance(node.of, FieldRef) and node.of.shape.base != "ts":
        name = node.of.column
        return lambda row: row[name] in values
    if wanted:
        return lambda row: get(row) in values
    return lambda row: (v := get(row)) is not None and v not in values


# --- what it is ---


def _value(node: Node) -> Get:
    match node:
        case Parameter():
            raise Unbound(node.name)
        case Const():
            constant = node.value
            return lambda _: constant
        case FieldRef():
            return _field(node)
        case Logic():
            return _logic(node)
        case Not():
            of = _value(node.of)
            return lambda row: None if (v := of(row)) is None else not v
        case Compare():
            return _strict(_OPERATORS[node.op], node.left, node.right)
        case Between():
            return _three_valued(node)
        case InList():
            get, values = _value(node.of), frozenset(constant.value for constant in node.values)
            return lambda row: None if (v := get(row)) is None else v in values
        case IsNull():
            return _holds(node, True)
        case IsTruth():
            return _holds(node.of, node.truth)
        case Like():
            return _of(node.of, likes.matcher(node.pattern))
        case HasTag():
            get, tag = _field(node.of), node.tag
            return lambda row: tag in (get(row) or ())
        case Case() | Coalesce() | Extreme():
            return _choice(node)
        case _:
            return _reckoned(node)


def _field(node: FieldRef) -> Get:
    name = node.column
    if node.shape.base != "ts":
        return lambda row: row[name]
    return lambda row: v if (v := row[name]) is None or v.tzinfo is None else v.astimezone(UTC).replace(tzinfo=None)


def _logic(node: Logic) -> Callable[[Row], bool | None]:
    """The first part that decides; else NULL if a part is."""
    parts, decides = tuple(_value(part) for part in node.parts), node.op == "or"

    def get(row: Row) -> bool | None:
        found: bool | None = not decides
        for part in parts:
            value: bool | None = part(row)
            if value is decides:
                return value
            if value is None:
                found = None
        return found

    return get


def _three_valued(node: Between) -> Get:
    both = Logic("and", (Compare(">=", node.of, node.low), Compare("<=", node.of, node.high)))
    return _logic(both)


def _of(node: Node, function: Callable[[Any], Any]) -> Get:
    """A function of one value; NULL of NULL."""
    get = _value(node)
    return lambda row: None if (v := get(row)) is None else function(v)


def _strict(function: Callable[[Any, Any], Any], left: Node, right: Node) -> Get:
    """A function of two values; NULL where one is."""
    one, two = _value(left), _value(right)

    def get(row: Row) -> Any:
        a = one(row)
        if a is None:
            return None
        b = two(row)
        return None if b is None else function(a, b)

    return get


def _choice(node: Case | Coalesce | Extreme) -> Get:
    if isinstance(node, Case):
        branches = tuple((_holds(test, True), _value(value)) for test, value in node.branches)
        otherwise = _value(node.otherwise)
        return lambda row: next((value for test, value in branches if test(row)), otherwise)(row)
    parts = tuple(_value(part) for part in node.parts)
    if isinstance(node, Coalesce):
        return lambda row: next((v for part in parts if (v := part(row)) is not None), None)
    pick: Callable[..., Any] = max if node.greatest else min
    return lambda row: pick((v for part in parts if (v := part(row)) is not None), default=None)


def _reckoned(node: Node) -> Get:
    match node:
        case Arith():
            return _strict(_OPERATORS[node.op], node.left, node.right)
        case Divide():
            return _strict(lambda a, b: a / b if b else None, node.left, node.right)
        case Scale(power=power):
            factor = 10**power
            return _of(node.of, lambda v: v * factor)
        case ToFloat():
            scale = 10**node.of.shape.scale
            return _of(node.of, (lambda v: v / scale) if scale > 1 else float)
        case Modulo(by=by):
            return _of(node.of, lambda v: v % by if v >= 0 else -(-v % by))
        case Negate():
            return _of(node.of, operator.neg)
        case Absolute():
            return _of(node.of, abs)
        case Round():
            return _of(node.of, rounding(node))
        case Length():
            return _of(node.of, len)
        case DatePart(part=part):
            return _of(node.of, date.isoweekday if part == "isodow" else operator.attrgetter(part))
        case AddDays():
            return _strict(lambda day, days: day + timedelta(days), node.of, node.days)
        case AddMonths(months=months):
            return _of(node.of, lambda day: add_months(day, months))
        case AddSeconds(seconds=seconds):
            delta = timedelta(seconds=seconds)
            return _of(node.of, lambda moment: moment + delta)
        case DaysBetween():
            return _strict(lambda a, b: (b - a).days, node.earlier, node.later)
        case _:
            raise TypeError(type(node).__name__)


def rounding(node: Round) -> Callable[[Any], Any]:
    """The rounding function of a node, for one number."""
    if node.shape.base == "fixed":
        unit = 10**node.power
        return lambda v: (1 if v >= 0 else -1) * ((abs(v) + unit // 2) // unit) * unit
    factor = float(10 ** abs(node.power))

    def round_double(value: float) -> float:
        size = abs(value) * factor if node.power <= 0 else abs(value) / factor
        whole = float(math.floor(size + 0.5))
        signed = -whole if value < 0 else whole
        return signed / factor if node.power <= 0 else signed * factor

    return round_double


def add_months(day: date, months: int) -> date:
    """Clamped to the month's end."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
