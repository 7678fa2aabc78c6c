"""Calendar months and weeks by their last days; days are ordinals. Pure."""

from datetime import date
from functools import lru_cache
from typing import Literal

Every = Literal["month", "week"]


@lru_cache(maxsize=8_192)
def end_of(every: Every, day: int) -> int:
    """The last day of the month, or of the week from Monday to Sunday, that a day lies in."""
    if every == "week":
        return day + 6 - (day - 1) % 7
    then = date.fromordinal(day)
    year, month = (then.year + 1, 1) if then.month == 12 else (then.year, then.month + 1)
    return date(year, month, 1).toordinal() - 1


@lru_cache(maxsize=8_192)
def before(every: Every, end: int) -> int:
    """The last day of the period before the one that ends on this day."""
    return end - 7 if every == "week" else date.fromordinal(end).replace(day=1).toordinal() - 1


@lru_cache(maxsize=8_192)
def ends_before(every: Every, end: int, number: int) -> tuple[int, ...]:
    """The last days of so many periods before, the latest first."""
    found: list[int] = []
    for _ in range(number):
        end = before(every, end)
        found.append(end)
    return tuple(found)


def day_of(ordinal: int) -> str:
    """A day as it is written."""
    return date.fromordinal(ordinal).isoformat()
