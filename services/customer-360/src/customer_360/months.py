"""Calendar months: the same day of another month, or its last one. Pure."""

from calendar import monthrange
from datetime import date, datetime
from typing import TypeVar

Day = TypeVar("Day", date, datetime)


def months_after(day: Day, months: int) -> Day:
    """The day so many calendar months later; 31 January and one month give the last day of February."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def months_before(day: Day, months: int) -> Day:
    """The day so many calendar months earlier."""
    return months_after(day, -months)
