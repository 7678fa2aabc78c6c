"""Constants: what a written number, day or moment is, and whether a value lies within a shape. Pure."""

import math
import re
from datetime import date, datetime
from decimal import Decimal

from attune_expressions.tree import Const, Shape, Value

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)
_NOT_IN_TEXT = re.compile("[\x00\ud800-\udfff]")
EPOCH = date(1970, 1, 1)
EPOCH_MOMENT = datetime(1970, 1, 1)


def exact(stored: int, scale: int = 0, *, money: bool = False, open_: bool = False) -> Const:
    """An exact constant without decimals that are 0."""
    while scale and stored % 10 == 0:
        stored, scale = stored // 10, scale - 1
    return Const(Shape("fixed", money, scale, abs(stored)), stored, open_)


def number(written: str) -> Const:
    """A number as it is written, without a unit yet."""
    whole, _, decimals = written.partition(".")
    return exact(int(whole + decimals), len(decimals), open_=True)


def double(value: float, *, money: bool = False) -> Const:
    """A constant double."""
    return Const(Shape("float", money, 0, abs(value), abs(value) or 1.0), value)


def as_double(constant: Const, shift: int = 0) -> float:
    """The double that is nearest to an exact constant times 10**shift."""
    return float(Decimal(constant.stored).scaleb(shift - constant.shape.scale))


def text(value: str) -> Const:
    """A text that may yet turn out to be a day or a moment."""
    return Const(Shape("text", bound=len(value)), value, open=True)


def day(written: str) -> Const | None:
    """`2024-02-29` as a day; None if it is none."""
    try:
        value = date.fromisoformat(written) if _DAY.fullmatch(written) else None
    except ValueError:
        return None
    return None if value is None else Const(Shape("date", bound=abs((value - EPOCH).days)), value)


def moment(written: str) -> Const | None:
    """`2024-02-29 08:30:00` as a moment in UTC, a day alone as its first; None if it is none."""
    try:
        if not _MOMENT.fullmatch(written) and not _DAY.fullmatch(written):
            return None
        value = datetime.fromisoformat(written)
    except ValueError:
        return None
    return Const(Shape("ts", bound=math.ceil(abs((value - EPOCH_MOMENT).total_seconds()))), value)


def in_range(value: Value, shape: Shape) -> bool:
    """Whether a value that is not NULL lies within a shape's bounds."""
    match value:
        case bool() | None:
            return True
        case int():
            return abs(value) <= shape.bound
        case float():
            return value == 0 or shape.tiny <= abs(value) <= shape.bound
        case str():
            return len(value) <= shape.bound and not _NOT_IN_TEXT.search(value)
        case datetime():
            return value.tzinfo is None and abs((value - EPOCH_MOMENT).total_seconds()) <= shape.bound
        case date():
            return abs((value - EPOCH).days) <= shape.bound
