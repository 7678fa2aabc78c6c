"""Days and moments: what is added to them and read from them. Pure."""

from dataclasses import replace
from typing import Literal

from sqlglot import exp

from attune_expressions.tree import (
    LAST_DAY,
    AddDays,
    AddMonths,
    AddSeconds,
    Const,
    DatePart,
    DaysBetween,
    Node,
    Shape,
)
from attune_expressions.types import Types, Unfit, checked, is_open, not_alike, wanted

Part = Literal["year", "month", "day", "isodow"]
PARTS: dict[type, Part] = {exp.Year: "year", exp.Month: "month", exp.Day: "day", exp.DayOfWeekIso: "isodow"}
_BOUNDS = {"year": 9999, "month": 12, "day": 31, "isodow": 7}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_ANY_DAY = Shape("date")


def bad_interval() -> Unfit:
    """An interval in another form."""
    return Unfit("interval_form", "an interval is written like INTERVAL 3 MONTH", "时间间隔应写作 INTERVAL 3 MONTH")


def as_day(types: Types, node: Node) -> Node:
    """A date, also where it is written as a bare text."""
    if is_open(node) and node.shape.base == "text":
        fitted, _ = types.fit([node, Const(_ANY_DAY, None)])
        node = fitted[0]
    if node.shape.base != "date":
        raise wanted("date", node.shape)
    return node


def add_days(types: Types, left: Node, right: Node, *, minus: bool) -> Node:
    """A date and a whole number of days."""
    if right.shape.base == "date" or (is_open(right) and right.shape.base == "text"):
        raise Unfit("type_mismatch", "use days_between(earlier, later)", "请用 days_between(较早, 较晚)")
    if right.shape.base != "fixed" or right.shape.money or right.shape.scale:
        raise (
            not_alike(left.shape, right.shape)
            if right.shape.base != "fixed"
            else Unfit("type_mismatch", "whole days are added to a date", "日期只能加减整天数")
        )
    days = types.negate(right) if minus else right
    return AddDays(left, days, _reckoned(left.shape, right.shape.bound))


def add_interval(left: Node, number: str, unit: str, *, minus: bool) -> Node:
    """A date and days, weeks, months, quarters or years; a moment and seconds to days."""
    digits = number.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise bad_interval()
    count = -int(number) if minus else int(number)
    if left.shape.base == "ts":
        if unit not in _SECONDS:
            raise Unfit("interval_form", "to a moment only seconds to days are added", "时刻只能加减秒、分、时、天")
        seconds = count * _SECONDS[unit]
        bound = left.shape.bound + abs(seconds)
        if bound > LAST_DAY * 86_400:
            raise _too_far()
        return AddSeconds(left, seconds, replace(left.shape, bound=bound))
    if left.shape.base != "date":
        raise wanted("date", left.shape)
    if unit in _MONTHS:
        months = count * _MONTHS[unit]
        return AddMonths(left, months, _reckoned(left.shape, abs(months) * 31))
    if unit not in _DAYS:
        raise Unfit("interval_form", "to a date whole days are added", "日期只能加减整天、周、月、季、年")
    days = count * _DAYS[unit]
    return AddDays(left, Const(Shape("fixed", bound=abs(days)), days), _reckoned(left.shape, abs(days)))


def part(name: Part, of: Node) -> Node:
    """Year, month, day or ISO day of the week of a date."""
    return DatePart(name, of, Shape("fixed", bound=_BOUNDS[name]))


def days_between(earlier: Node, later: Node) -> Node:
    """Days from the first to the second."""
    return DaysBetween(earlier, later, checked(Shape("fixed", bound=earlier.shape.bound + later.shape.bound)))


def _reckoned(shape: Shape, days: float) -> Shape:
    if shape.bound + days > LAST_DAY:
        raise _too_far()
    return replace(shape, bound=shape.bound + days)


def _too_far() -> Unfit:
    return Unfit("too_large", "the date could leave the calendar", "日期计算可能超出范围")
