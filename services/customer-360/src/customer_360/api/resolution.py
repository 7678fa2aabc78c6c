"""Several records, one customer, over HTTP: doubtful pairs, merges and separations, for data stewards."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from customer_360 import resolution, reviews
from customer_360.api.models.resolution import (
    Decision,
    MergeRequest,
    MergeView,
    ReviewDecided,
    ReviewView,
    SourceRecords,
    UndoneView,
    UndoRequest,
)
from customer_360.masking import Sight

router = APIRouter(tags=["identity"])

Reader = Annotated[Caller, Depends(requires("customers:read"))]
Steward = Annotated[Caller, Depends(requires("identities:review"))]
Idempotent = Annotated[Write, Depends(idempotent)]


@router.get(
    "/v1/customers/{customer_id}/records",
    operation_id="customers-records",
    summary="The source records that answer as this customer",
    responses=refusals(NotFound, Invalid),
)
async def records(customer_id: UUID, runtime: AnyRuntime, caller: Reader) -> SourceRecords:
    """Return every record of the customer with the merges that hold them together; any of their ids will do."""
    found, rows, merges = await reviews.records(runtime, caller.scope, Sight.of(caller.scopes), customer_id)
    return SourceRecords.model_validate({"customer_id": found, "records": rows, "merges": merges})


@router.get(
    "/v1/identity-reviews",
    operation_id="identity-reviews-list",
    summary="Pairs of records that look alike, for somebody to decide",
    responses=refusals(Invalid, InvalidCursor),
)
async def list_reviews(
    runtime: AnyRuntime,
    caller: Steward,
    state: Annotated[reviews.State, Query(description="Those that wait, or those that were decided")] = "open",
    sort: ByTime = "oldest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReviewView]:
    """List pairs, both records side by side, masked; what differs beyond that is disclosed for a reason."""
    key, bound = runtime.settings.cursor_key, ("identity-reviews", caller.subject, state, sort)
    after = decode_cursor(key, cursor, bound_to=bound) if cursor else None
    rows = await reviews.page(runtime, caller.scope, Sight.of(caller.scopes), state, sort, after, limit + 1)
    items = [ReviewView.model_validate(row) for row in rows]
    return page(items, limit, key, lambda r: [r.found_at, r.review_id], bound_to=bound)


@router.post(
    "/v1/identity-reviews/{review_id}:merge",
    operation_id="identity-reviews-merge",
    summary="The two records are one customer",
    response_model=ReviewDecided,
    responses=refusals(resolution.UnknownReview, Invalid),
)
async def merge_pair(review_id: UUID, body: Decision, caller: Steward, write: Idempotent) -> Response:  # noqa: ARG001
    """Make one customer of them. The older record answers for both; a separation restores what was."""

    async def run(tx: Transaction) -> ReviewDecided:
        merge_id = await resolution.decide(tx, review_id, True, body.reason)
        return ReviewDecided(review_id=review_id, state="merged", merge_id=merge_id)

    return await write(run)


@router.post(
    "/v1/identity-reviews/{review_id}:reject",
    operation_id="identity-reviews-reject",
    summary="The two records are two customers, for good",
    response_model=ReviewDecided,
    responses=refusals(resolution.UnknownReview, Invalid),
)
async def reject_pair(review_id: UUID, body: Decision, caller: Steward, write: Idempotent) -> Response:  # noqa: ARG001
    """Leave them apart; no import brings the pair up again."""

    async def run(tx: Transaction) -> ReviewDecided:
        await resolution.decide(tx, review_id, False, body.reason)
        return ReviewDecided(review_id=review_id, state="rejected", merge_id=None)

    return await write(run)


@router.post(
    "/v1/merges",
    status_code=201,
    operation_id="merges-make",
    summary="Make one customer of two records",
    response_model=MergeView,
    responses=refusals(NotFound, Invalid, resolution.SameRecord, resolution.AlreadyOne),
)
async def merge(body: MergeRequest, caller: Steward, write: Idempotent) -> Response:  # noqa: ARG001
    """Merge two records that no document joins, for a reason that stands on record."""

    async def run(tx: Transaction) -> MergeView:
        merge_id = await resolution.merge(tx, body.first, body.second, "steward", body.reason)
        return MergeView(merge_id=merge_id, first=body.first, second=body.second)

    return await write(run, status=201)


@router.post(
    "/v1/merges/{merge_id}:undo",
    operation_id="merges-undo",
    summary="They were two customers after all",
    response_model=UndoneView,
    responses=refusals(resolution.UnknownMerge, Invalid),
)
async def undo(merge_id: UUID, body: UndoRequest, caller: Steward, write: Idempotent) -> Response:  # noqa: ARG001
    """Separate what the merge has joined: each record has again what was its own. No import merges them again."""

    async def run(tx: Transaction) -> UndoneView:
        await resolution.undo(tx, merge_id, body.reason)
        return UndoneView(merge_id=merge_id, holds=False)

    return await write(run)
