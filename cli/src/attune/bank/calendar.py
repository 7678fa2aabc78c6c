"""The bank's days: business days as campaign counts them, and the thirteen months of ledger as day numbers."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import chinese_calendar
import numpy as np
from chinese_calendar import constants

from attune.bank.randomness import Bools, Ints

MONTHS = 13
TARGET_DAYS = 60
"""The last days of the ledger, in which the large deposits of the demo fall."""

_KNOWN_YEARS = range(min(constants.holidays).year, max(constants.holidays).year + 1)


def is_business_day(day: date) -> bool:
    """Whether the bank works: the Chinese calendar where it is known, Monday to Friday in other years."""
    if day.year in _KNOWN_YEARS:
        return bool(chinese_calendar.is_workday(day))
    return day.weekday() < 5


@lru_cache(maxsize=8192)
def add_business_days(day: date, number: int) -> date:
    """The `number`-th business day after `day`, which itself never counts."""
    while number > 0:
        day += timedelta(days=1)
        number -= is_business_day(day)
    return day


def six_months_before(day: date) -> date:
    """Six calendar months earlier, clamped to the month's end (X37)."""
    months = day.year * 12 + day.month - 1 - 6
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Period:
    """The ledger's days, numbered from 0."""

    first: date
    last: date

    @staticmethod
    def ending(last: date) -> "Period":
        """The thirteen calendar months whose last one holds `last`."""
        months = last.year * 12 + last.month - MONTHS
        return Period(date(months // 12, months % 12 + 1, 1), last)

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def target_day(self) -> int:
        """The first of the days on which large deposits are made."""
        return self.days - TARGET_DAYS

    def day(self, number: int) -> date:
        """The date of a day's number; numbers outside the period are dates outside it."""
        return self.first + timedelta(days=int(number))

    def number(self, day: date) -> int:
        """The number of a date."""
        return (day - self.first).days

    def business_days(self) -> Ints:
        """The numbers of the business days."""
        return np.array([n for n in range(self.days) if is_business_day(self.day(n))], dtype=np.int64)

    def month_ends(self) -> Ints:
        """The numbers of the months' last days."""
        return np.array([n for n in range(self.days) if self.day(n + 1).day == 1], dtype=np.int64)

    def month_starts(self) -> Ints:
        """The numbers of the months' first days."""
        return np.array([n for n in range(self.days) if self.day(n).day == 1], dtype=np.int64)

    def is_business(self) -> Bools:
        """For each day whether the bank works."""
        return np.isin(np.arange(self.days), self.business_days())
