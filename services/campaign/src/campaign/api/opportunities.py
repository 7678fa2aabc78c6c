"""Opportunities over HTTP."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from attune_contracts.campaign import OpportunityState
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import NotFound, refusals
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from campaign import clock_report, listing
from campaign.api.models import ClockLine, ClockReport, Money, OpportunityCounts, OpportunityView
from campaign.money import decimal_text
from campaign.settings import CampaignSettings
from campaign.visibility import sees_arms

router = APIRouter(tags=["opportunities"])

Reader = Annotated[Caller, Depends(requires("opportunities:read"))]
Name = Annotated[str | None, Query(max_length=64)]


async def _filter(
    state: OpportunityState | None = None,
    trigger: Name = None,
    customer_id: UUID | None = None,
    branch: Annotated[str | None, Query(max_length=64, description="This branch and those below it")] = None,
    first: Annotated[date | None, Query(alias="from", description="First business day")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last business day")] = None,
    standing: Annotated[bool | None, Query(description="false: those that a repair has withdrawn")] = None,
    assigned: Annotated[bool | None, Query(description="true: open ones that are somebody's by name")] = None,
) -> listing.OpportunityFilter:
    return listing.OpportunityFilter(state, trigger, customer_id, branch, first, last, standing, assigned)


Filter = Annotated[listing.OpportunityFilter, Depends(_filter)]


@router.get(
    "/v1/opportunities",
    operation_id="opportunities-list",
    summary="Opportunities in the caller's scope, in the order of their opening",
    responses=refusals(InvalidCursor),
)
async def list_opportunities(
    runtime: AnyRuntime,
    caller: Reader,
    wanted: Filter,
    sort: ByTime = "oldest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OpportunityView]:
    """One page of opportunities. Who may not tell the arms apart sees those that may be acted on only."""
    key, bound = runtime.settings.cursor_key, ("opportunities", caller.subject, wanted, sort)
    after = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    rows = await listing.opportunities(runtime.database.reads(caller.scope), caller, wanted, sort, after, limit + 1)
    views = [_view(row, runtime, caller) for row in rows]
    return page(views, limit, key, lambda view: [view.id], bound_to=bound)


@router.get(
    "/v1/opportunities:count", operation_id="opportunities-count", summary="How many opportunities there are, by state"
)
async def count(runtime: AnyRuntime, caller: Reader, wanted: Filter) -> OpportunityCounts:
    """Count what the list would show."""
    states = await listing.counts(runtime.database.reads(caller.scope), caller, wanted)
    return OpportunityCounts(total=sum(states.values()), states=states)


@router.get(
    "/v1/opportunities/clock",
    operation_id="opportunities-clock",
    summary="The share acted on within 24 and within 48 hours",
    responses=refusals(InvalidCursor),
)
async def clock(
    runtime: AnyRuntime,
    caller: Reader,
    by: clock_report.By = "branch",
    branch: Annotated[str | None, Query(max_length=64, description="This branch and those below it")] = None,
    first: Annotated[date | None, Query(alias="from", description="First business day")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last business day")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ClockReport:
    """Count by branch, channel or trigger, as of business time; the hours are each campaign's own."""
    wanted, now = clock_report.Wanted(first, last, branch), runtime.clock.now()
    key, bound = runtime.settings.cursor_key, ("clock", caller.subject, by, wanted)
    after = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    reads = runtime.database.reads(caller.scope)
    together = await clock_report.total(reads, caller, wanted, now)
    found = await clock_report.lines(reads, caller, wanted, by, now, after, limit + 1)
    lines = [ClockLine.model_validate(line, from_attributes=True) for line in found]
    shown = page(lines, limit, key, lambda line: [line.key or ""], bound_to=bound)
    return ClockReport(
        as_of=now,
        by=by,
        total=ClockLine.model_validate(together, from_attributes=True),
        items=shown.items,
        next_cursor=shown.next_cursor,
    )


@router.get(
    "/v1/opportunities/{opportunity_id}",
    operation_id="opportunities-get",
    summary="One opportunity",
    responses=refusals(NotFound),
)
async def get(opportunity_id: UUID, runtime: AnyRuntime, caller: Reader) -> OpportunityView:
    """Return one opportunity in the caller's scope."""
    found = await listing.opportunity(runtime.database.reads(caller.scope), caller, opportunity_id)
    return _view(found, runtime, caller)


def _view(row: Any, runtime: Runtime, caller: Caller) -> OpportunityView:
    values = {name: row[name] for name in OpportunityView.model_fields if name in row}
    values["arm"] = row["arm"] if sees_arms(caller) else None
    values["amount"] = _money(row["amount_minor"], runtime)
    values["compared_with"] = _money(row["compared_with_minor"], runtime)
    return OpportunityView(**values)


def _money(minor: int | None, runtime: Runtime) -> Money | None:
    settings = runtime.settings
    currency = settings.currency if isinstance(settings, CampaignSettings) else "CNY"
    return None if minor is None else Money(amount=decimal_text(minor, currency), currency=currency)
