"""The typed tree of a condition: small, closed, and all that any back end sees. Text of a user never passes it.

Exact numbers are whole numbers with a static decimal scale: the value is `stored / 10**scale`, of minor units
for money.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

Base = Literal["bool", "fixed", "float", "text", "date", "ts", "tags", "null"]
Comparison = Literal["=", "<>", "<", "<=", ">", ">="]
Value = bool | int | float | str | date | datetime | None

LARGEST_EXACT = 2**61
LARGEST_AS_DOUBLE = 2**53
LARGEST_FLOAT, SMALLEST_FLOAT = 1e150, 1e-150
LAST_DAY = 700_000
"""Days from 1970-01-01, either way, that a day may be reckoned to."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a node's value is, whatever the row. `bound` is its largest magnitude: of the stored whole number, of the
    double, of a text's length, of a day's distance from 1970-01-01 in days (a moment's in seconds).

    `tiny` is the least magnitude of a double that is not 0.
    """

    base: Base
    money: bool = False
    scale: int = 0
    bound: float = 0
    tiny: float = 0.0


BOOL = Shape("bool")
NULL = Shape("null")


@dataclass(frozen=True, slots=True)
class Const:
    """A constant. One that was written as a bare number, text or NULL is `open`: it takes the type of what it meets."""

    shape: Shape
    value: Value
    open: bool = False

    @property
    def stored(self) -> int:
        """The stored number of an exact constant; 0 for NULL."""
        return self.value if isinstance(self.value, int) else 0


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of the row; `column` is what the rows call it."""

    shape: Shape
    name: str
    column: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared `:name`; a value takes its place before anything runs."""

    shape: Shape
    name: str


@dataclass(frozen=True, slots=True)
class Logic:
    """All of the parts (`and`), or any (`or`)."""

    op: Literal["and", "or"]
    parts: tuple["Node", ...]
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class Not:
    of: "Node"
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class Compare:
    """Both sides have the same base and scale."""

    op: Comparison
    left: "Node"
    right: "Node"
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class Between:
    """Both ends belong to it."""

    of: "Node"
    low: "Node"
    high: "Node"
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class InList:
    of: "Node"
    values: tuple[Const, ...]
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class IsNull:
    of: "Node"
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class IsTruth:
    """`IS TRUE` or `IS FALSE`: never NULL itself."""

    of: "Node"
    truth: bool
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class Like:
    """The pattern as tokens: a text, `_` as 1, `%` as 0; no two texts stand side by side, no two `%`."""

    of: "Node"
    pattern: tuple[str | int, ...]
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class HasTag:
    of: "FieldRef"
    tag: str
    shape: Shape = BOOL


@dataclass(frozen=True, slots=True)
class Arith:
    """Both sides exact, or both double."""

    op: Literal["+", "-", "*"]
    left: "Node"
    right: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class Scale:
    """An exact number with more decimals: the stored number times 10**`power`."""

    of: "Node"
    power: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class ToFloat:
    """An exact number as a double: the stored number / 10**scale."""

    of: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class Divide:
    """Of doubles; NULL where the divisor is 0."""

    left: "Node"
    right: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class Modulo:
    """Of a whole number by a positive constant; the sign is the dividend's."""

    of: "Node"
    by: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class Negate:
    of: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class Absolute:
    of: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class Round:
    """Half away from zero, to multiples of 10**`power`: of the stored number where it is exact (power > 0)."""

    of: "Node"
    power: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first branch whose condition is TRUE."""

    branches: tuple[tuple["Node", "Node"], ...]
    otherwise: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class Coalesce:
    parts: tuple["Node", ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Extreme:
    """The greatest or least of the parts; NULL parts are passed over."""

    greatest: bool
    parts: tuple["Node", ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Length:
    """In code points."""

    of: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class DatePart:
    """`isodow`: 1 = Monday, 7 = Sunday."""

    part: Literal["year", "month", "day", "isodow"]
    of: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class AddDays:
    """A day and a whole number of days."""

    of: "Node"
    days: "Node"
    shape: Shape


@dataclass(frozen=True, slots=True)
class AddMonths:
    """A day and a constant number of months, clamped to the month's end."""

    of: "Node"
    months: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class AddSeconds:
    """A moment and a constant number of seconds."""

    of: "Node"
    seconds: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class DaysBetween:
    """Days from the earlier to the later day."""

    earlier: "Node"
    later: "Node"
    shape: Shape


Node = (
    Const
    | FieldRef
    | Parameter
    | Logic
    | Not
    | Compare
    | Between
    | InList
    | IsNull
    | IsTruth
    | Like
    | HasTag
    | Arith
    | Scale
    | ToFloat
    | Divide
    | Modulo
    | Negate
    | Absolute
    | Round
    | Case
    | Coalesce
    | Extreme
    | Length
    | DatePart
    | AddDays
    | AddMonths
    | AddSeconds
    | DaysBetween
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes below, in the order in which they are written."""
    match node:
        case Const() | FieldRef() | Parameter():
            return ()
        case Logic(parts=parts) | Coalesce(parts=parts) | Extreme(parts=parts):
            return parts
        case Compare() | Arith() | Divide():
            return node.left, node.right
        case Between():
            return node.of, node.low, node.high
        case InList():
            return node.of, *node.values
        case AddDays():
            return node.of, node.days
        case DaysBetween():
            return node.earlier, node.later
        case Case():
            return *(side for branch in node.branches for side in branch), node.otherwise
        case _:
            return (node.of,)


def leaves(node: Node) -> list[Node]:
    """Fields, parameters and constants, in the order in which they are written."""
    below = children(node)
    return [leaf for child in below for leaf in leaves(child)] if below else [node]


def rebuilt(node: Node, below: tuple[Node, ...]) -> Node:
    """The same node over other children; they are as many as it has."""
    match node:
        case Const() | FieldRef() | Parameter():
            return node
        case Logic() | Coalesce() | Extreme():
            return replace(node, parts=below)
        case Compare() | Arith() | Divide():
            return replace(node, left=below[0], right=below[1])
        case Between():
            return replace(node, of=below[0], low=below[1], high=below[2])
        case InList():
            return replace(node, of=below[0])
        case AddDays():
            return replace(node, of=below[0], days=below[1])
        case DaysBetween():
            return replace(node, earlier=below[0], later=below[1])
        case Case():
            pairs = tuple(zip(below[:-1:2], below[1:-1:2], strict=True))
            return replace(node, branches=pairs, otherwise=below[-1])
        case HasTag():
            assert isinstance(below[0], FieldRef)  # noqa: S101 - it had one
            return replace(node, of=below[0])
        case _:
            return replace(node, of=below[0])
