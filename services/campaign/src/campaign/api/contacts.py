"""Contacts over HTTP: may we, and the reservation of those that others send."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from attune_contracts.campaign import MessageClass
from attune_contracts.consent import ProductKind
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from campaign import contactability, plans, sends
from campaign.api.contact_models import (
    ChannelContactability,
    Confirmation,
    Contactability,
    ContactView,
    NewContact,
    Why,
)
from campaign.api.models import BothLanguages
from campaign.contact_policy import Channel, direction
from campaign.contacts import ContactRefused
from campaign.texts import POLICY

router = APIRouter(tags=["contacts"])

Reader = Annotated[Caller, Depends(requires("contacts:read"))]
Sender = Annotated[Caller, Depends(requires("contacts:write"))]


@router.get(
    "/v1/customers/{customer_id}/contactability",
    operation_id="contacts-contactability",
    summary="May we contact this customer, on which channel, and if not, from when",
    responses=refusals(NotFound),
)
async def get_contactability(
    customer_id: UUID,
    runtime: AnyRuntime,
    caller: Reader,
    message_class: MessageClass = MessageClass.MARKETING,
    product_kind: Annotated[ProductKind | None, Query(description="What it would be about, for consent")] = None,
) -> Contactability:
    """Look at consent and contact policy on all levels; reserve nothing."""
    now = runtime.clock.now()
    reads = runtime.database.reads(caller.scope)
    plan = await plans.current(runtime.database, reads)
    answers = await contactability.of(
        reads,
        plan.policy,
        caller,
        customer_id,
        message_class=message_class,
        product_kind=product_kind,
        now=now,
        zone=runtime.settings.zone,
    )
    return Contactability(
        customer_id=customer_id,
        as_of=now,
        message_class=message_class,
        policy_version=plan.versions[1],
        channels=[_channel(answer) for answer in answers],
    )


@router.get(
    "/v1/contacts",
    operation_id="contacts-list",
    summary="Contacts in the order of their making",
    responses=refusals(InvalidCursor),
)
async def list_contacts(
    runtime: AnyRuntime,
    caller: Reader,
    customer_id: UUID | None = None,
    channel: Channel | None = None,
    state: sends.ContactState | None = None,
    message_class: MessageClass | None = None,
    sort: ByTime = "oldest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ContactView]:
    """List contacts in the caller's scope: made, reserved, released and lapsed."""
    wanted = sends.Filter(customer_id, channel, state, message_class)
    key, bound = runtime.settings.cursor_key, ("contacts", caller.subject, wanted, sort)
    after = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    reads = runtime.database.reads(caller.scope)
    rows = await sends.listed(reads, caller, wanted, sort, after, limit + 1)
    views = [ContactView.model_validate(dict(row)) for row in rows]
    return page(views, limit, key, lambda view: [view.id], bound_to=bound)


@router.post(
    "/v1/contacts",
    operation_id="contacts-reserve",
    summary="Reserve a contact that is about to be made",
    status_code=201,
    response_model=ContactView,
    responses=refusals(NotFound, ContactRefused),
)
async def reserve(
    body: NewContact, runtime: AnyRuntime, caller: Sender, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Ask consent and policy on all levels: hold the contact for 15 minutes, or refuse. Then send, and confirm."""
    wanted = sends.Wanted(
        customer_id=body.customer_id,
        channel=body.channel,
        message_class=body.message_class,
        campaign=body.campaign,
        step=body.step,
        product_kind=body.product_kind,
    )

    async def run(tx: Transaction) -> ContactView:
        plan = await plans.current(runtime.database, tx.conn)
        row = await sends.hold(tx, plan.policy, caller, wanted, runtime.settings.zone)
        return ContactView.model_validate(dict(row))

    return await write(run, status=201)


@router.post(
    "/v1/contacts/{contact_id}:confirm",
    operation_id="contacts-confirm",
    summary="The contact has been made",
    response_model=ContactView,
    responses=refusals(NotFound),
)
async def confirm(
    contact_id: UUID,
    body: Confirmation,
    runtime: AnyRuntime,
    caller: Sender,
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """It counts for good, even if its reservation has lapsed: then it is marked where it is beyond the policy."""

    async def run(tx: Transaction) -> ContactView:
        plan = await plans.current(runtime.database, tx.conn)
        row = await sends.made(tx, plan.policy, caller, contact_id, body.disposition)
        return ContactView.model_validate(dict(row))

    return await write(run)


@router.post(
    "/v1/contacts/{contact_id}:release",
    operation_id="contacts-release",
    summary="The contact has not been made",
    response_model=ContactView,
    responses=refusals(NotFound, sends.ContactMadeAlready),
)
async def release(contact_id: UUID, caller: Sender, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """The send has failed: the reservation counts no longer."""

    async def run(tx: Transaction) -> ContactView:
        return ContactView.model_validate(dict(await sends.give_back(tx, caller, contact_id)))

    return await write(run)


def _channel(answer: contactability.Answer) -> ChannelContactability:
    why = None
    if answer.reason is not None:
        text = POLICY[answer.reason]
        why = Why(code=answer.reason, level=answer.level, text=BothLanguages(zh=text["zh"], en=text["en"]))
    return ChannelContactability.model_validate(
        {
            "channel": answer.channel,
            "direction": direction(answer.channel),
            "allowed": answer.allowed,
            "reason": why,
            "free_from": answer.free_from,
        }
    )
