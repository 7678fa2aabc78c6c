"""Segment sizes over HTTP."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Invalid, NotFound, refusals
from insight.segments import value_quadrant_sizes
from insight.settings import InsightSettings

router = APIRouter(prefix="/v1/segments", tags=["segments"])


class NoSnapshot(NotFound):
    """No features have been computed for this day, or for any."""

    code = "no_snapshot"


class QuadrantSizes(BaseModel):
    """How many customers stand in each quadrant. `stale`: the snapshot is older than the bank allows."""

    as_of: date
    stale: bool
    customers: int
    quadrants: dict[str, int]
    branches: dict[str, dict[str, int]]


@router.get(
    "/value-quadrant",
    operation_id="segments-value-quadrant",
    summary="How many customers stand in each value quadrant",
    responses=refusals(NoSnapshot, Invalid),
)
async def value_quadrant(
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("segments:read"))],
    as_of: Annotated[date | None, Query(description="The snapshot's day; by default the newest")] = None,
    branch: Annotated[str | None, Query(max_length=64, description="One branch only")] = None,
) -> QuadrantSizes:
    """Count customers by quadrant, together and by branch; customers of no branch stand under ""."""
    async with runtime.database.transaction(caller.scope) as tx:
        sizes = await value_quadrant_sizes(tx.session, as_of, branch)
    if sizes is None:
        raise NoSnapshot("no features have been computed for this day", "该日期尚未计算特征")
    settings = runtime.settings
    assert isinstance(settings, InsightSettings)  # noqa: S101 - the service declares it
    return QuadrantSizes(
        as_of=sizes.as_of,
        stale=runtime.clock.business_date() - sizes.as_of > timedelta(days=settings.stale_after_days),
        customers=sum(sizes.total.values()),
        quadrants=sizes.total,
        branches=sizes.by_branch,
    )
