"""Particulars of customers over HTTP: how fresh they are, and managers and customers who set and confirm them."""

from dataclasses import asdict
from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from customer_360 import details
from customer_360.api.models.details import DetailsChange, DetailsView, DetailView
from customer_360.detail_rules import Detail

EVERY: tuple[Detail, ...] = get_args(Detail)

router = APIRouter(tags=["details"])


@router.get(
    "/v1/customers/{customer_id}/details",
    operation_id="details-get",
    summary="Job, income, contact data and the like, with source and freshness",
    responses=refusals(NotFound, Invalid),
)
async def get(
    customer_id: UUID, runtime: AnyRuntime, caller: Annotated[Caller, Depends(requires("customers:read"))]
) -> DetailsView:
    """Return every field that is known, who said so and when, and which ones have gone stale."""
    return _view(*await details.known(runtime, caller.scope, customer_id))


@router.patch(
    "/v1/customers/{customer_id}/details",
    operation_id="details-change",
    summary="Update or confirm particulars of a customer",
    response_model=DetailsView,
    responses=refusals(NotFound, Invalid, details.PhoneNotPossible, details.EmailNotPossible),
)
async def change(
    customer_id: UUID,
    body: DetailsChange,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("customers:write"))],
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Set the fields that are named. The source follows from the caller: customer, manager, or another of the bank."""
    values: dict[Detail, str | None] = {name: getattr(body, name) for name in EVERY if name in body.model_fields_set}

    async def run(tx: Transaction) -> DetailsView:
        return _view(*await details.change(runtime, tx, caller, customer_id, values))

    return await write(run)


def _view(customer_id: UUID, known: list[details.Known]) -> DetailsView:
    there = {detail.field for detail in known}
    return DetailsView(
        customer_id=customer_id,
        details=[DetailView(**asdict(detail)) for detail in known],
        stale=[detail.field for detail in known if detail.freshness == "stale"],
        missing=[name for name in EVERY if name not in there],
    )
