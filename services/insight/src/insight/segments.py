"""Segments: what there is, who belongs to them, how large they are and were; read from insight's own tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from attune_service_kit.errors import NotFound
from attune_service_kit.paging import by_time
from attune_service_kit.reads import Reads
from insight import visibility
from insight.rules import STAGES
from insight.tables import FeatureSnapshot

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Segment:
    """A segment: its name in the data, its values, and what it means."""

    name: str
    values: tuple[str, ...]
    zh: str
    en: str
    meaning: str

    @property
    def code(self) -> str:
        """Its name in addresses."""
        return self.name.replace("_", "-")


SEGMENTS = (
    Segment("value_quadrant", ("private", "A", "B", "C", "D"), "价值象限", "Value quadrant",
            "current value x potential value among active customers (X27)"),
    Segment("lifecycle", STAGES, "生命周期阶段", "Life-cycle stage", "see the README: new to lost"),
    Segment("payroll", ("member",), "代发客户", "Payroll", "a salary or pension in three of the last six months"),
    Segment("silver_hair", ("member",), "银发客户", "Silver hair", "sixty years and older"),
    Segment("digital", ("member",), "线上客户", "Digital", "half of the postings of 90 days through mobile or web"),
)  # fmt: skip
BY_CODE = {segment.code: segment for segment in SEGMENTS}

_MEMBERS = f"""
SELECT m.customer_id, m.value, m.branch_id
FROM feature_set s JOIN segment_member m ON m.slot = s.slot
WHERE m.segment = $4 AND {visibility.visible("m")}
  AND ($5::text IS NULL OR m.value = $5)
  AND ($6::text IS NULL OR m.branch_id = any(ARRAY(SELECT branch FROM branch_scope WHERE ancestor = $6)))
  AND ($7::uuid IS NULL OR m.customer_id > $7)
ORDER BY m.customer_id LIMIT $8"""  # noqa: S608 - constants of this package
_LOADED = "SELECT as_of FROM feature_set"
# Customers of no branch stand under ''; only those who see the whole bank see them.
_SIZES = f"""
SELECT branch_id, value, customers FROM segment_size
WHERE as_of = $3 AND segment = $4
  AND ($1 = 'all' OR ($1 = 'branch' AND branch_id = any({visibility.BRANCHES})))
  AND ($5::text IS NULL OR branch_id = $5)
ORDER BY branch_id"""  # noqa: S608 - constants of this package
_HISTORIES = by_time(f"""
SELECT as_of, value, sum(customers)::bigint AS customers FROM segment_size
WHERE segment = $3 AND ($1 = 'all' OR ($1 = 'branch' AND branch_id = any({visibility.BRANCHES})))
  AND ($4::text IS NULL OR branch_id = $4)
  AND as_of IN (SELECT as_of FROM feature_snapshot WHERE ($5::date IS NULL OR as_of {{beyond}} $5)
                ORDER BY as_of {{order}} LIMIT $6)
GROUP BY as_of, value ORDER BY as_of {{order}}""")  # noqa: S608 - constants of this package


class UnknownSegment(NotFound):
    """There is no segment of this code."""

    code = "unknown_segment"


class NoSnapshot(NotFound):
    """No features have been computed for this day, or for any."""

    code = "no_snapshot"


@dataclass(frozen=True)
class Sizes:
    """A segment's sizes on a day: of all branches together and of each. The branch "" holds customers of none."""

    as_of: date
    total: dict[str, int]
    by_branch: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Wanted:
    """Whose members: one value's, one branch's with those under it, or all."""

    value: str | None = None
    branch: str | None = None


def segment(code: str) -> Segment:
    """The segment of a code. Raises UnknownSegment."""
    found = BY_CODE.get(code)
    if found is None:
        raise UnknownSegment("there is no such segment", "没有该客群")
    return found


async def snapshots(
    session: AsyncSession, first: date | None, last: date | None, sort: str, after: date | None, limit: int
) -> Sequence[FeatureSnapshot]:
    """Return snapshots from `first` to `last`, the newest or the oldest first, from behind `after`."""
    day = col(FeatureSnapshot.as_of)
    query = select(FeatureSnapshot).order_by(day.desc() if sort == "newest" else day.asc()).limit(limit)
    if first is not None:
        query = query.where(day >= first)
    if last is not None:
        query = query.where(day <= last)
    if after is not None:
        query = query.where(day < after if sort == "newest" else day > after)
    return (await session.exec(query)).all()


async def loaded_day(reads: Reads) -> date:
    """The day of the snapshot whose members are shown. Raises NoSnapshot."""
    as_of: date | None = await reads.fetchval(_LOADED)
    if as_of is None:
        raise NoSnapshot("no features have been computed yet", "尚未计算特征")
    return as_of


async def members(reads: Reads, name: str, wanted: Wanted, after: UUID | None, limit: int) -> list[Row]:
    """Members within the scope, in the order of their ids, behind `after`."""
    seen = visibility.arguments(reads.scope)
    rows: Any = await reads.fetch(_MEMBERS, *seen, name, wanted.value, wanted.branch, after, limit)
    return cast(list[Row], rows)


async def sizes(reads: Reads, of: Segment, as_of: date | None, branch: str | None) -> Sizes:
    """A segment's sizes on a day (None: of the newest snapshot), of one branch or all. Raises NoSnapshot."""
    known: date | None = await reads.fetchval(
        "SELECT max(as_of) FROM feature_snapshot WHERE $1::date IS NULL OR as_of = $1", as_of
    )
    if known is None:
        raise NoSnapshot("no features have been computed for this day", "该日期尚未计算特征")
    total = dict.fromkeys(of.values, 0)
    by_branch: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(of.values, 0))
    for row in await reads.fetch(_SIZES, reads.scope.kind, reads.scope.branch, known, of.name, branch):
        total[row["value"]] += row["customers"]
        by_branch[row["branch_id"]][row["value"]] += row["customers"]
    return Sizes(known, total, dict(by_branch))


async def history(
    reads: Reads, of: Segment, branch: str | None, sort: str, after: date | None, limit: int
) -> list[tuple[date, dict[str, int]]]:
    """A segment's sizes by snapshot, the newest or the oldest first, of days behind `after`."""
    found: dict[date, dict[str, int]] = {}
    scope = reads.scope
    for row in await reads.fetch(_HISTORIES[sort], scope.kind, scope.branch, of.name, branch, after, limit):
        found.setdefault(row["as_of"], dict.fromkeys(of.values, 0))[row["value"]] = row["customers"]
    return list(found.items())
