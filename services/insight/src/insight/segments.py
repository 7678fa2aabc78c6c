"""What is known of the snapshots and of the segments' sizes; read from insight's own tables."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from insight.tables import FeatureSnapshot, SegmentSize

QUADRANTS = ("private", "A", "B", "C", "D")


@dataclass(frozen=True)
class Sizes:
    """A segment's sizes on a day: of all branches together and of each. The branch "" holds customers of none."""

    as_of: date
    total: dict[str, int]
    by_branch: dict[str, dict[str, int]]


async def snapshots(session: AsyncSession, before: date | None, limit: int) -> Sequence[FeatureSnapshot]:
    """Return snapshots, the newest first, of days before `before`."""
    query = select(FeatureSnapshot).order_by(col(FeatureSnapshot.as_of).desc()).limit(limit)
    if before is not None:
        query = query.where(col(FeatureSnapshot.as_of) < before)
    return (await session.exec(query)).all()


async def value_quadrant_sizes(session: AsyncSession, as_of: date | None, branch: str | None) -> Sizes | None:
    """Return the quadrants' sizes of a day (None: of the newest snapshot), of one branch or all; None if unknown."""
    if as_of is None:
        newest = await snapshots(session, None, 1)
        as_of = newest[0].as_of if newest else None
    elif await session.get(FeatureSnapshot, as_of) is None:
        as_of = None
    if as_of is None:
        return None
    query = select(SegmentSize).where(SegmentSize.as_of == as_of, SegmentSize.segment == "value_quadrant")
    if branch is not None:
        query = query.where(SegmentSize.branch_id == branch)
    total = dict.fromkeys(QUADRANTS, 0)
    by_branch: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(QUADRANTS, 0))
    for row in await session.exec(query.order_by(col(SegmentSize.branch_id))):
        total[row.value] += row.customers
        by_branch[row.branch_id][row.value] += row.customers
    return Sizes(as_of, total, dict(by_branch))
