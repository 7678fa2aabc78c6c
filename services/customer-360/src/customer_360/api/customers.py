"""Customers over HTTP: the 360 view, look-up by the bank's id, change of a profile."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.overload import NOBODY_HEADER
from attune_service_kit.paging import Page
from customer_360 import books, profiles
from customer_360.api.models import CustomerSummary, CustomerView, ProfileChange, ProfileView
from customer_360.masking import Sight
from customer_360.view import customer_view

router = APIRouter(tags=["customers"])

Reader = Annotated[Caller, Depends(requires("customers:read"))]
Writer = Annotated[Caller, Depends(requires("customers:write"))]

_ETAG = re.compile(r'"(\d{1,18})"')


@router.get(
    "/v1/customers/{customer_id}",
    operation_id="customers-view",
    summary="Everything about one customer in one call",
    response_model=CustomerView,
    responses=refusals(NotFound, Invalid),
)
async def view(customer_id: UUID, runtime: AnyRuntime, caller: Reader) -> Response:
    """Return the customer 360 view. A customer outside the caller's scope is answered as an unknown one."""
    found = await customer_view(runtime, customer_id, caller.scope, Sight.of(caller.scopes))
    return Response(found.body, media_type="application/json", headers={"ETag": f'"{found.version}"'})


@router.get(
    "/v1/customers",
    operation_id="customers-find",
    summary="Find customers by the bank's own customer id",
    responses=refusals(Invalid),
)
async def find(
    runtime: AnyRuntime,
    response: Response,
    caller: Reader,
    source_id: Annotated[str, Query(min_length=1, max_length=64, description="The bank's customer id, exactly")],
    source: Annotated[
        str | None, Query(max_length=64, description="The source system, if several have such ids")
    ] = None,
) -> Page[CustomerSummary]:
    """List the customers within the caller's scope that have this bank id: usually one or none."""
    rows = await books.by_source_id(runtime, caller.scope, Sight.of(caller.scopes), source_id, source)
    if not rows:
        response.headers[NOBODY_HEADER] = "1"
    return Page(items=[CustomerSummary(**row) for row in rows], next_cursor=None)


@router.patch(
    "/v1/customers/{customer_id}",
    operation_id="customers-change",
    summary="Change the manager, or switch personalisation on or off",
    response_model=ProfileView,
    responses=refusals(NotFound, Forbidden, profiles.Stale, Invalid, profiles.UnknownEmployee),
)
async def change(
    customer_id: UUID,
    body: ProfileChange,
    caller: Writer,
    write: Annotated[Write, Depends(idempotent)],
    if_match: Annotated[
        str | None, Header(max_length=64, description="The view's ETag: refuse if it is not current")
    ] = None,
) -> Response:
    """Change what is named in the body. Moving a customer to another book needs the scope books:write as well."""
    wanted = profiles.Change(body.model_dump(exclude_unset=True), _version(if_match))
    may_move = "books:write" in caller.scopes

    async def run(tx: Transaction) -> ProfileView:
        stands = await profiles.change(tx, caller.scope, may_move, customer_id, wanted)
        return ProfileView(
            customer_id=customer_id,
            version=stands.version,
            manager_id=stands.manager_id,
            personalisation=stands.personalisation,
        )

    return await write(run)


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Invalid("If-Match is an ETag of the view", "If-Match 须为客户视图的 ETag")
    return int(found.group(1))
