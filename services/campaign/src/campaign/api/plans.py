"""The policies over HTTP: contacts, and how tasks are handled."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import refusals
from attune_service_kit.runtime import Runtime
from campaign import handling, plans, policies
from campaign.api.models import PolicyChange, PolicyView
from campaign.api.task_models import HandlingChange, HandlingView
from campaign.campaigns import StaleVersion

router = APIRouter(tags=["plans"])

Reader = Annotated[Caller, Depends(requires("campaigns:read"))]
Writer = Annotated[Caller, Depends(requires("campaigns:write"))]
Worker = Annotated[Caller, Depends(requires("tasks:read"))]


async def _change_contact(runtime: Runtime, tx: Transaction, _kind: str, body: PolicyChange) -> PolicyView:
    plan = await plans.current(runtime.database, tx.conn)
    version = await policies.change(tx, plan, body.policy, version=body.version)
    return PolicyView(version=version, policy=body.policy)


async def _change_handling(_: Runtime, tx: Transaction, _kind: str, body: HandlingChange) -> HandlingView:
    stored = await handling.change(tx, body.policy, version=body.version)
    return HandlingView(version=stored.number, policy=stored.policy)


CONTACT = Change("policy.contact", PolicyChange, _change_contact, policies.version)
HANDLING = Change("policy.handling", HandlingChange, _change_handling, policies.version)


@router.get("/v1/policies/contact", operation_id="policies-contact", summary="The contact policy")
async def contact_policy(runtime: AnyRuntime, caller: Reader) -> PolicyView:
    """Return the newest version."""
    plan = await plans.current(runtime.database, runtime.database.reads(caller.scope))
    return PolicyView(version=plan.versions[1], policy=plan.policy)


@router.put(
    "/v1/policies/contact",
    operation_id="policies-change_contact",
    summary="Change the contact policy",
    response_model=PolicyView,
    responses=refusals(StaleVersion),
)
async def change_contact_policy(
    body: PolicyChange, _caller: Writer, submit: Annotated[Submit, Depends(TwoPersons(CONTACT))]
) -> Response:
    """Store a new version; it binds the next contact."""
    return await submit("contact", body)


@router.get("/v1/policies/handling", operation_id="policies-handling", summary="How tasks are handled")
async def handling_policy(runtime: AnyRuntime, caller: Worker) -> HandlingView:
    """Return the newest version: outcome codes with their labels and what each does, opening hours, the clock."""
    found = await handling.newest(runtime.database.reads(caller.scope))
    return HandlingView(version=found.number, policy=found.policy)


@router.put(
    "/v1/policies/handling",
    operation_id="policies-change_handling",
    summary="Change how tasks are handled",
    response_model=HandlingView,
    responses=refusals(StaleVersion),
)
async def change_handling_policy(
    body: HandlingChange, _caller: Writer, submit: Annotated[Submit, Depends(TwoPersons(HANDLING))]
) -> Response:
    """Store a new version; it holds from the next outcome and the next opportunity on."""
    return await submit("handling", body)
