"""How often a customer may be assessed: at most twice a day and eight times in twelve months (R-14). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from customer_360.months import months_after, months_before

A_DAY = 2
A_YEAR = 8
MONTHS = 12
"""The year that counts, and the longest that a rating may hold."""


@dataclass(frozen=True)
class Allowed:
    """One more assessment may be made."""


@dataclass(frozen=True)
class Exhausted:
    """No assessment today: how many there were, and the first day on which one may be made."""

    today: int
    twelve_months: int
    next_on: date


def may_assess(days: Sequence[date], today: date) -> Allowed | Exhausted:
    """Whether a customer who was assessed on these days may be assessed today."""
    if _free(days, today):
        return Allowed()
    # The limits ease when a day ends, or when an assessment falls out of the twelve months.
    candidates = {today + timedelta(days=1)} | {
        months_after(d, MONTHS) + timedelta(days=n) for d in days for n in (0, 1)
    }
    next_on = next(day for day in sorted(candidates) if day > today and _free(days, day))
    return Exhausted(_on(days, today), _within(days, today), next_on)


def _free(days: Sequence[date], day: date) -> bool:
    return _on(days, day) < A_DAY and _within(days, day) < A_YEAR


def _on(days: Sequence[date], day: date) -> int:
    return sum(d == day for d in days)


def _within(days: Sequence[date], day: date) -> int:
    return sum(months_before(day, MONTHS) < d <= day for d in days)
