"""Reading detections: by day, within what the caller may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast
from uuid import UUID

from attune_service_kit.paging import by_time
from attune_service_kit.reads import Reads
from eventing import visibility

Row = Mapping[str, Any]
Rows = Sequence[Row]

_SELECT = f"""
SELECT d.detection_id, d.trigger, d.trigger_version, d.customer_id, d.event_key, d.account_id,
       o.source_id AS account_source_id, d.branch_id, d.business_date, d.state, d.reason, d.late, d.event_time,
       d.expires_at, d.amount_minor, d.compared_with_minor, d.currency, d.metric
FROM detection d LEFT JOIN account_owner o ON o.account_id = d.account_id
WHERE {visibility.seen("d")}"""  # noqa: S608 - constants of this package
_ONE = _SELECT + " AND d.detection_id = $4"
_FEEDS = by_time(f"""{_SELECT}
  AND ($4::text IS NULL OR d.trigger = $4)
  AND ($5::date IS NULL OR d.business_date >= $5)
  AND ($6::date IS NULL OR d.business_date <= $6)
  AND ($7::text IS NULL OR d.branch_id = any(ARRAY(SELECT branch FROM branch_scope WHERE ancestor = $7)))
  AND ($8::uuid IS NULL OR d.customer_id = $8)
  AND ($9::text IS NULL OR d.state = $9)
  AND ($10::date IS NULL OR (d.business_date, d.detection_id) {{beyond}} ($10, $11::uuid))
ORDER BY d.business_date {{order}}, d.detection_id {{order}} LIMIT $12""")  # noqa: S608 - constants of this module


@dataclass(frozen=True)
class Wanted:
    """The filters of the feed; None = any. A branch includes those under it."""

    trigger: str | None = None
    first: date | None = None
    last: date | None = None
    branch: str | None = None
    customer_id: UUID | None = None
    state: str | None = None
    sort: Literal["newest", "oldest"] = "newest"


async def read(reads: Reads, wanted: Wanted, after: Sequence[Any] | None, limit: int) -> Rows:
    """A page of the feed behind (business_date, detection_id)."""
    day, detection_id = after if after is not None else (None, None)
    rows: Any = await reads.fetch(
        _FEEDS[wanted.sort], *visibility.arguments(reads.scope), wanted.trigger, wanted.first, wanted.last,
        wanted.branch, wanted.customer_id, wanted.state, day, detection_id, limit,
    )  # fmt: skip
    return cast(Rows, rows)


async def one(reads: Reads, detection_id: UUID) -> Row | None:
    """One detection, if the caller may see it."""
    row: Any = await reads.fetchrow(_ONE, *visibility.arguments(reads.scope), detection_id)
    return cast("Row | None", row)
