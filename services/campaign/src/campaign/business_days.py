"""Business days of the bank: the Chinese calendar where it is known, Monday to Friday outside its years."""

from datetime import date, timedelta
from functools import lru_cache

import chinese_calendar
from chinese_calendar import constants

_YEARS = range(min(constants.holidays).year, max(constants.holidays).year + 1)


@lru_cache(maxsize=4096)
def is_business_day(day: date) -> bool:
    """Whether the bank works on this day."""
    if day.year in _YEARS:
        return bool(chinese_calendar.is_workday(day))
    return day.weekday() < 5


@lru_cache(maxsize=4096)
def add_business_days(day: date, number: int) -> date:
    """The `number`-th business day after `day`; `day` itself never counts. ValueError if negative."""
    if number < 0:
        raise ValueError("business days are counted forwards")
    while number:
        day += timedelta(days=1)
        number -= is_business_day(day)
    return day
