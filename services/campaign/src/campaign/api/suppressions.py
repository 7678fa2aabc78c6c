"""Who is not to be contacted, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from attune_contracts import identifiers
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from campaign import suppressions
from campaign.api.contact_models import (
    ImportedList,
    Lift,
    NewSuppression,
    SuppressionList,
    SuppressionView,
    suppression_view,
)
from campaign.contact_policy import Channel, Level

router = APIRouter(tags=["suppressions"])

Reader = Annotated[Caller, Depends(requires("suppressions:read"))]
Writer = Annotated[Caller, Depends(requires("suppressions:write"))]
Lifter = Annotated[Caller, Depends(requires("suppressions:lift"))]
Importer = Annotated[Caller, Depends(requires("suppressions:import"))]


async def _filter(
    level: Level | None = None,
    source: suppressions.Source | None = None,
    channel: Channel | None = None,
    active: Annotated[bool | None, Query(description="true: neither lifted nor over")] = None,
    customer_id: Annotated[
        UUID | None, Query(description="All that protect this customer, of household and accounts too")
    ] = None,
) -> suppressions.Filter:
    return suppressions.Filter(level, source, channel, active, customer_id)


@router.get(
    "/v1/suppressions",
    operation_id="suppressions-list",
    summary="Who is not to be contacted, in the order of entry",
    responses=refusals(InvalidCursor),
)
async def list_suppressions(
    runtime: AnyRuntime,
    caller: Reader,
    wanted: Annotated[suppressions.Filter, Depends(_filter)],
    sort: ByTime = "oldest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SuppressionView]:
    """List suppressions in the caller's scope, also those that are lifted or over."""
    key, bound = runtime.settings.cursor_key, ("suppressions", caller.subject, wanted, sort)
    after = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    reads = runtime.database.reads(caller.scope)
    rows = await suppressions.listed(reads, caller, wanted, runtime.clock.now(), sort, after, limit + 1)
    return page([suppression_view(row) for row in rows], limit, key, lambda view: [view.id], bound_to=bound)


@router.post(
    "/v1/suppressions",
    operation_id="suppressions-add",
    summary="Somebody is not to be contacted",
    status_code=201,
    response_model=SuppressionView,
    responses=refusals(NotFound, Invalid),
)
async def add(body: NewSuppression, caller: Writer, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Suppress marketing from now on; contacts that are reserved and not yet made are given back at once."""
    key = body.customer_id or body.household_id or body.account_id
    level: Level = "customer" if body.customer_id else "household" if body.household_id else "account"
    terms = suppressions.Terms(
        channel=body.channel,
        ends_at=None if body.until == "permanent" else body.until,
        reason=body.reason,
        source=body.source,
        hours=None if body.hours is None else (body.hours.start, body.hours.end),
    )

    async def run(tx: Transaction) -> SuppressionView:
        return suppression_view(await suppressions.add(tx, caller, suppressions.Subject(level, str(key)), terms))

    return await write(run, status=201)


@router.post(
    "/v1/suppressions:import",
    operation_id="suppressions-import",
    summary="Take in a do-not-contact list",
    response_model=ImportedList,
    responses=refusals(Forbidden, Invalid),
)
async def take_in(body: SuppressionList, caller: Importer, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Suppress everybody on the list, who is no customer yet too. The same list again changes nothing."""
    terms = suppressions.Terms(
        channel=body.channel,
        ends_at=None if body.until == "permanent" else body.until,
        reason=body.reason,
        source=body.source,
        list_name=body.list_name,
    )
    keys = [_key(body, text.strip()) for text in body.ids]

    async def run(tx: Transaction) -> ImportedList:
        told = await suppressions.take_in(tx, caller, body.level, keys, terms)
        return ImportedList.model_validate(told, from_attributes=True)

    return await write(run)


@router.post(
    "/v1/suppressions/{suppression_id}:lift",
    operation_id="suppressions-lift",
    summary="End a suppression before its time",
    response_model=SuppressionView,
    responses=refusals(NotFound, suppressions.AlreadyLifted),
)
async def lift(
    suppression_id: UUID, body: Lift, caller: Lifter, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """The customer may be contacted again; the suppression stays on record."""

    async def run(tx: Transaction) -> SuppressionView:
        return suppression_view(await suppressions.lift(tx, caller, suppression_id, body.reason))

    return await write(run)


def _key(body: SuppressionList, text: str) -> str | None:
    """Attune's id of an entry; None if there is none in it."""
    if body.level == "household" or not text:
        return text
    if body.source_system is not None:
        make = identifiers.customer_id if body.level == "customer" else identifiers.account_id
        return str(make(body.source_system, text))
    try:
        return str(UUID(text))
    except ValueError:
        return None
