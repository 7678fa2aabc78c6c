"""Segments over HTTP: what there are, who belongs to them, how large they are and were."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from insight import freshness, segments
from insight.segments import NoSnapshot, Segment, UnknownSegment

router = APIRouter(prefix="/v1/segments", tags=["segments"])
Reader = Annotated[Caller, Depends(requires("segments:read"))]
Code = Annotated[str, Path(max_length=40, description="A segment's code, e.g. value-quadrant")]
Branch = Annotated[str | None, Query(max_length=64, description="One branch; members: with those under it")]
AsOf = Annotated[date | None, Query(description="The snapshot's day; by default the newest")]


class SegmentView(BaseModel):
    """A segment and what it means."""

    code: str
    name: dict[Literal["zh", "en"], str] = Field(examples=[{"zh": "价值象限 B", "en": "value quadrant B"}])
    values: list[str]
    meaning: str


class SegmentList(BaseModel):
    """Every segment; `as_of` is the snapshot whose members are shown."""

    as_of: date | None
    stale: bool
    items: list[SegmentView]


class Member(BaseModel):
    """One customer of a segment."""

    customer_id: UUID
    value: str
    branch_id: str | None


class Members(Page[Member]):
    """One page of members, of the newest snapshot. `stale`: the ledger has gone on for more than a day since."""

    as_of: date
    stale: bool


class Size(BaseModel):
    """How many customers belong to each part; `branches` where it was asked for, "" for customers of none."""

    code: str
    as_of: date
    stale: bool
    customers: int
    values: dict[str, int]
    branches: dict[str, dict[str, int]] | None


class SizeOfDay(BaseModel):
    """The sizes of one snapshot."""

    as_of: date
    customers: int
    values: dict[str, int]


class QuadrantSizes(BaseModel):
    """How many customers stand in each quadrant, together and by branch."""

    as_of: date
    stale: bool
    customers: int
    quadrants: dict[str, int]
    branches: dict[str, dict[str, int]]


@router.get("", operation_id="segments-list", summary="Every segment")
async def listing(runtime: AnyRuntime, _caller: Reader) -> SegmentList:
    """List the segments, and how fresh they are."""
    found = await freshness.state(runtime)
    return SegmentList(as_of=found.snapshot, stale=found.behind, items=[_view(s) for s in segments.SEGMENTS])


@router.get(
    "/value-quadrant",
    operation_id="segments-value-quadrant",
    summary="How many customers stand in each value quadrant",
    responses=refusals(NoSnapshot, Invalid),
)
async def value_quadrant(
    runtime: AnyRuntime, caller: Reader, as_of: AsOf = None, branch: Branch = None
) -> QuadrantSizes:
    """Count customers by quadrant, together and by branch; customers of no branch stand under ""."""
    of = segments.segment("value-quadrant")
    sizes = await segments.sizes(runtime.database.reads(caller.scope), of, as_of, branch)
    return QuadrantSizes(
        as_of=sizes.as_of,
        stale=(await freshness.state(runtime)).stale(sizes.as_of),
        customers=sum(sizes.total.values()),
        quadrants=sizes.total,
        branches=sizes.by_branch,
    )


@router.get(
    "/{code}/members",
    operation_id="segments-members",
    summary="Who belongs to a segment",
    responses=refusals(UnknownSegment, NoSnapshot, InvalidCursor, Invalid),
)
async def members(
    code: Code,
    runtime: AnyRuntime,
    caller: Reader,
    value: Annotated[str | None, Query(max_length=40, description="One part of the segment")] = None,
    branch: Branch = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Members:
    """List the newest snapshot's members within the caller's scope, in the order of their ids."""
    of = segments.segment(code)
    key, bound = runtime.settings.cursor_key, ("members", caller.subject, code, value, branch)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    reads = runtime.database.reads(caller.scope)
    as_of = await segments.loaded_day(reads)
    rows = await segments.members(reads, of.name, segments.Wanted(value, branch), after, limit + 1)
    shown = page([Member(**row) for row in rows], limit, key, lambda member: [member.customer_id], bound_to=bound)
    stale = (await freshness.state(runtime)).stale(as_of)
    return Members(items=shown.items, next_cursor=shown.next_cursor, as_of=as_of, stale=stale)


@router.get(
    "/{code}/size",
    operation_id="segments-size",
    summary="How large a segment is",
    responses=refusals(UnknownSegment, NoSnapshot, Invalid),
)
async def size(
    code: Code,
    runtime: AnyRuntime,
    caller: Reader,
    by: Annotated[Literal["value", "branch"], Query(description="Also by branch")] = "value",
    as_of: AsOf = None,
    branch: Branch = None,
) -> Size:
    """Count the members within the caller's scope, by part of the segment, and by branch if that is asked for."""
    of = segments.segment(code)
    found = await segments.sizes(runtime.database.reads(caller.scope), of, as_of, branch)
    return Size(
        code=code,
        as_of=found.as_of,
        stale=(await freshness.state(runtime)).stale(found.as_of),
        customers=sum(found.total.values()),
        values=found.total,
        branches=found.by_branch if by == "branch" else None,
    )


@router.get(
    "/{code}/history",
    operation_id="segments-history",
    summary="How large a segment was",
    responses=refusals(UnknownSegment, InvalidCursor, Invalid),
)
async def history(
    code: Code,
    runtime: AnyRuntime,
    caller: Reader,
    branch: Branch = None,
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SizeOfDay]:
    """List the sizes by snapshot within the caller's scope."""
    of = segments.segment(code)
    key, bound = runtime.settings.cursor_key, ("segment-history", caller.subject, code, branch, sort)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    days = await segments.history(runtime.database.reads(caller.scope), of, branch, sort, after, limit + 1)
    views = [SizeOfDay(as_of=day, customers=sum(values.values()), values=values) for day, values in days]
    return page(views, limit, key, lambda view: [view.as_of], bound_to=bound)


def _view(segment: Segment) -> SegmentView:
    return SegmentView(
        code=segment.code,
        name={"zh": segment.zh, "en": segment.en},
        values=list(segment.values),
        meaning=segment.meaning,
    )
