"""The nearest change of a row that would flip a condition: found by asking the condition itself, so it is never wrong.

Of each statement the fields are moved one at a time, up and down, until it flips; what is found is put together as AND
and OR want it and asked of the whole condition once more. What nothing flips has no change.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, product
from typing import Any

from attune_expressions.condition import Condition
from attune_expressions.likes import ANY
from attune_expressions.literals import EPOCH, EPOCH_MOMENT, in_range
from attune_expressions.one_row import Row, compiled_value, value_of
from attune_expressions.tree import Const, FieldRef, HasTag, Like, Logic, Node, Not, children, leaves

# A double is moved on this grid: four decimals are what people read.
_GRID = 10_000
_OTHER = "…"
_MOST = 24


@dataclass(frozen=True)
class Change:
    """One field with another value; `anything` where any other would do, `of` the statement that it flips."""

    field: FieldRef
    value: Any
    cost: float
    of: Node
    anything: bool = False


Changes = tuple[Change, ...]


def nearest_change(condition: Condition, row: Row) -> Changes | None:
    """The fewest and then the smallest changes that flip whether the row matches; None if none was found."""
    value = compiled_value(condition)
    wanted = value(row) is not True
    found = sorted(_ways(condition.root, wanted, row), key=_cost)
    return next((changes for changes in found if (value(_changed(row, changes)) is True) is wanted), None)


def _cost(changes: Changes) -> tuple[int, float]:
    return len(changes), sum(change.cost for change in changes)


def _changed(row: Row, changes: Changes) -> dict[str, Any]:
    new = dict(row)
    for change in changes:
        if isinstance(change.of, HasTag):
            tags = set(new[change.field.column] or ())
            new[change.field.column] = sorted(tags | {change.of.tag} if change.value else tags - {change.of.tag})
        else:
            new[change.field.column] = change.value
    return new


def _ways(node: Node, wanted: bool, row: Row) -> list[Changes]:
    """Ways to make a node TRUE (or FALSE); the empty one where it is so already."""
    if isinstance(node, Not):
        return _ways(node.of, not wanted, row)
    if value_of(node)(row) is wanted:
        return [()]
    if not isinstance(node, Logic):
        return [(change,) for change in sorted(_moves(node, wanted, row), key=lambda change: change.cost)]
    below = [_ways(part, wanted, row) for part in node.parts]
    if (node.op == "and") is not wanted:
        return sorted((way for ways in below for way in ways), key=_cost)[:_MOST]
    # Every part has to be changed: the cheapest of each first, and a few others.
    together = islice(product(*(ways[:3] for ways in below)), _MOST)
    return sorted((tuple(change for way in ways for change in way) for ways in together), key=_cost)


def _moves(node: Node, wanted: bool, row: Row) -> Iterator[Change]:
    """One change each of the fields that a statement reads."""
    value = value_of(node)
    read = {leaf.column: leaf for leaf in leaves(node) if isinstance(leaf, FieldRef)}
    for column, field in read.items():

        def holds(new: Any, column: str = column) -> bool:
            return value({**row, column: new}) is wanted

        yield from _moved(node, field, row[column], holds, wanted)


def _moved(node: Node, field: FieldRef, now: Any, holds: Callable[[Any], bool], wanted: bool) -> Iterator[Change]:
    match field.shape.base:
        case "tags":
            if isinstance(node, HasTag):
                yield Change(field, wanted, 1.0, node)
        case "bool":
            yield from (Change(field, new, 1.0, node) for new in (True, False) if new is not now and holds(new))
        case "text":
            known = [text for text in _texts(node) if text != now and in_range(text, field.shape)]
            yield from (Change(field, text, 1.0, node) for text in known if holds(text))
            if not any(holds(text) for text in known) and holds(_OTHER):
                yield Change(field, _OTHER, 1.0, node, anything=True)
        case _:
            yield from _along(node, field, now, holds)
    if now is not None and holds(None):
        yield Change(field, None, 9.0, node)


def _texts(node: Node) -> list[str]:
    """Texts that a statement speaks of."""
    found = [str(leaf.value) for leaf in leaves(node) if isinstance(leaf, Const) and leaf.shape.base == "text"]
    if isinstance(node, Like):
        found.append("".join(step if isinstance(step, str) else "" if step == ANY else "x" for step in node.pattern))
    return found + [text for child in children(node) if not isinstance(child, Const) for text in _texts(child)]


def _along(node: Node, field: FieldRef, now: Any, holds: Callable[[Any], bool]) -> Iterator[Change]:
    """A number or day, moved up and down: ever wider, then back to where it just flips."""
    start, back = _line(field, now)

    def flips(place: int) -> bool:
        value = back(place)
        return value is not None and holds(value)

    span = abs(start) or 1
    if now is None and flips(start):
        yield Change(field, back(start), 0.5, node)
        return
    limit = int(field.shape.bound) * (_GRID if field.shape.base == "float" else 1)
    for direction in (1, -1):
        place = _first(start, direction, limit - direction * start, flips)
        if place is not None:
            yield Change(field, back(place), abs(place - start) / span, node)
    for constant in leaves(node):
        if (
            isinstance(constant, Const)
            and constant.shape.base in ("fixed", "date", "ts")
            and constant.value is not None
        ):
            place, _ = _line(field, constant.value)
            if place != start and flips(place):
                yield Change(field, back(place), abs(place - start) / span, node)


def _first(start: int, direction: int, room: int, flips: Callable[[int], bool]) -> int | None:
    """The nearest place that flips, where all beyond do too; where they do not, one that flips."""
    short, far = 0, min(1, room)
    while far > short and not flips(start + direction * far):
        short, far = far, min(far * 2, room)
    if far == short:
        return None
    while far - short > 1:
        middle = (short + far) // 2
        if flips(start + direction * middle):
            far = middle
        else:
            short = middle
    return start + direction * far


def _line(field: FieldRef, value: Any) -> tuple[int, Callable[[int], Any]]:
    """A value as a place on a line of whole numbers, and the way back; None beyond the field's bounds."""
    shape = field.shape

    def kept(found: Any) -> Any:
        return found if in_range(found, shape) else None

    match shape.base:
        case "date":
            days = (value - EPOCH).days if type(value) is date else 0
            return days, lambda place: kept(EPOCH + timedelta(place)) if abs(place) <= shape.bound else None
        case "ts":
            seconds = int((value - EPOCH_MOMENT).total_seconds()) if isinstance(value, datetime) else 0
            return (
                seconds,
                lambda place: kept(EPOCH_MOMENT + timedelta(seconds=place)) if abs(place) <= shape.bound else None,
            )
        case "float":
            place = round(value * _GRID) if isinstance(value, int | float) and abs(value) < 1e12 else 0
            return place, lambda place: kept(place / _GRID)
        case _:
            return (value if type(value) is int else 0), kept
