"""Times of a local clock as moments, on the days too on which it is set forward or back. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def moments(day: date, at: time, zone: str) -> tuple[datetime, ...]:
    """When the clock shows this time on this day, in UTC.

    Twice where it is set back, the earlier moment first; where it skips the time, the moment of the skip.
    """
    local = datetime.combine(day, at, ZoneInfo(zone))
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:  # by the offset before the skip, and by the one after it
        return (_skip(second, first, ZoneInfo(zone)),)
    return (first,) if first == second else (first, second)


def _skip(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the clock is set forward, between these two."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high
