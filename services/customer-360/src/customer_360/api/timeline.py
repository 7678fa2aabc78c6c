"""The timeline over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from customer_360 import timeline
from customer_360.api.models.timeline import TimelineEntryView
from customer_360.timeline_kinds import Kind

router = APIRouter(tags=["timeline"])


@router.get(
    "/v1/customers/{customer_id}/timeline",
    operation_id="timeline-list",
    summary="What happened with a customer, the newest first",
    responses=refusals(NotFound, Invalid, InvalidCursor),
)
async def list_timeline(
    customer_id: UUID,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("customers:read"))],
    kind: Annotated[list[Kind], Query(max_length=10, description="Only these kinds; all, if none is named")] = [],  # noqa: B006
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TimelineEntryView]:
    """List detections, contacts, responses, changes of consent, profile and risk rating, and imports.

    Customers see what was done with them and what they said. Nothing tells the arms of an experiment apart.
    """
    wanted = sorted(set(kind))
    key, bound = runtime.settings.cursor_key, ("timeline", caller.subject, customer_id, sort, *wanted)
    after = decode_cursor(key, cursor, bound_to=bound) if cursor else []
    rows = await timeline.page(runtime, caller, customer_id, wanted, sort, after, limit + 1)
    entries = [TimelineEntryView(**row) for row in rows]
    return page(entries, limit, key, lambda e: [e.at, e.kind, e.key], bound_to=bound)
