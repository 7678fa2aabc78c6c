"""How often a trigger fires: detections by business day, within what the caller may see."""

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from attune_service_kit.reads import Reads
from eventing import visibility
from eventing.feed import Row

_BY_DAY = f"""
SELECT s.day::date AS business_date, count(d.detection_id) FILTER (WHERE d.state = 'raised') AS raised,
       count(d.detection_id) FILTER (WHERE d.state = 'withdrawn') AS withdrawn
FROM generate_series($5::date - $6::int + 1, $5::date, interval '1 day') AS s(day)
LEFT JOIN detection d ON d.business_date = s.day::date AND d.trigger = $4 AND {visibility.seen("d")}
GROUP BY s.day ORDER BY s.day"""  # noqa: S608 - constants of this package


async def by_day(reads: Reads, trigger: str, last: date, days: int) -> Sequence[Row]:
    """The counts of so many days up to and including the last one; days without any have 0."""
    rows: Any = await reads.fetch(_BY_DAY, *visibility.arguments(reads.scope), trigger, last, days)
    return cast(Sequence[Row], rows)
