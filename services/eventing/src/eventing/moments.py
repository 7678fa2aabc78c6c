"""The business moment of a posting of which the bank may know the day only (X2)."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

NOON = time(12)
LAST = time(23, 59, 59)


@lru_cache(maxsize=4096)
def noon(day: date, zone: str) -> datetime:
    """Noon of a business day in the bank's zone, in UTC: the moment of a posting without one."""
    return datetime.combine(day, NOON, ZoneInfo(zone)).astimezone(UTC)


def end_of(day: date, zone: str) -> datetime:
    """The last second of a business day in the bank's zone, in UTC."""
    return datetime.combine(day, LAST, ZoneInfo(zone)).astimezone(UTC)
