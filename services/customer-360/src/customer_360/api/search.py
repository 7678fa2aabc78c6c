"""Finding a customer, seeing an identity in full, and visits, over HTTP: what is personal stands in no address."""

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.overload import NOBODY_HEADER
from attune_service_kit.paging import InvalidCursor, Page, decode_cursor, encode_cursor
from customer_360 import disclosure, visits
from customer_360 import search as finding
from customer_360.api.models import CustomerSummary
from customer_360.api.models.search import IdentityView, SearchRequest, VisitRequest, VisitView
from customer_360.disclosure import Field, Reason
from customer_360.identity import identities
from customer_360.masking import Sight

router = APIRouter(tags=["identity"])


@router.post(
    "/v1/customers:search",
    operation_id="customers-search",
    summary="Find customers by name, pinyin, phone, document, account or id",
    responses=refusals(Invalid, InvalidCursor, finding.SearchTooBroad),
)
async def search(
    body: SearchRequest,
    runtime: AnyRuntime,
    response: Response,
    caller: Annotated[Caller, Depends(requires("customers:read"))],
) -> Page[CustomerSummary]:
    """List the customers in scope whom the query means exactly, sorted as their names are read. Nothing is written."""
    key, bound = runtime.settings.cursor_key, ("search", caller.subject, body.query, body.by)
    values = decode_cursor(key, body.cursor, bound_to=bound) if body.cursor else None
    after = finding.opened_place(runtime, caller.subject, values) if values else None
    rows, places = await finding.search(
        runtime, caller.scope, Sight.of(caller.scopes), body.query, body.by, after, body.limit + 1
    )
    if not rows:
        response.headers[NOBODY_HEADER] = "1"
    last = finding.sealed_place(runtime, caller.subject, places[body.limit - 1]) if len(rows) > body.limit else None
    return Page(
        items=[CustomerSummary(**row) for row in rows[: body.limit]],
        next_cursor=encode_cursor(key, last, bound_to=bound) if last else None,
    )


@router.get(
    "/v1/customers/{customer_id}/identity",
    operation_id="customers-identity",
    summary="Name, phone, document or address in full, for a reason and on record",
    response_model=IdentityView,
    responses=refusals(NotFound, Invalid, disclosure.ReasonRefused),
)
async def identity(
    customer_id: UUID,
    runtime: AnyRuntime,
    response: Response,
    caller: Annotated[Caller, Depends(requires("identity:read"))],
    reason: Annotated[Reason, Query(description="Why; `own_data` is the customer's own")],
    fields: Annotated[
        list[Field], Query(min_length=1, max_length=len(get_args(Field)), description="Ask for what is needed only")
    ],
) -> IdentityView:
    """Return the fields asked for. Who saw which field, when and why stands in the audit before the answer leaves."""
    async with runtime.database.transaction(caller.scope) as tx:
        tx.who = caller.subject
        found, who = await disclosure.disclose(tx, caller.scope, identities(runtime), customer_id, fields, reason)
    response.headers["Cache-Control"] = "no-store"
    return IdentityView(customer_id=found, name=who.name, phone=who.phone, document=who.document, address=who.address)


@router.post(
    "/v1/visits",
    status_code=201,
    operation_id="visits-open",
    summary="A customer of another branch is here: serve them for half an hour",
    response_model=VisitView,
    responses=refusals(Forbidden, Invalid, visits.NotAtABranch, visits.NobodyFound),
)
async def visit(
    body: VisitRequest,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("visits:write"))],
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Open one customer to the caller alone, by a document, account or card that the customer presents."""

    async def run(tx: Transaction) -> VisitView:
        opened = await visits.open_visit(tx, caller, identities(runtime), body.presented, body.number, body.reason)
        return VisitView(visit_id=opened.visit_id, customer_id=opened.customer_id, until=opened.until)

    return await write(run, status=201)
