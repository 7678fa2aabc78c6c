"""The offer sheet and the contact policy over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import refusals
from attune_service_kit.idempotency import Write, idempotent
from campaign import plans, policies
from campaign.api.models import BothLanguages, Money, OfferView, PolicyChange, PolicyView, ScriptView
from campaign.campaigns import StaleVersion
from campaign.catalogue import Offer
from campaign.money import decimal_text
from campaign.offer_index import Catalogue

router = APIRouter(tags=["plans"])

Reader = Annotated[Caller, Depends(requires("campaigns:read"))]
Writer = Annotated[Caller, Depends(requires("campaigns:write"))]


@router.get("/v1/offers", operation_id="offers-list", summary="The offer sheet with conditions and scripts")
async def offers(runtime: AnyRuntime, _caller: Reader) -> list[OfferView]:
    """Return every offer of the current catalogue, marketing ones first."""
    async with runtime.database.pool.acquire() as conn:
        catalogue = (await plans.current(runtime.database, conn)).catalogue
    return [_offer(offer, catalogue) for offer in (*catalogue.marketing, *catalogue.service)]


@router.get("/v1/policies/contact", operation_id="policies-contact", summary="The contact policy")
async def contact_policy(runtime: AnyRuntime, _caller: Reader) -> PolicyView:
    """Return the newest version."""
    async with runtime.database.pool.acquire() as conn:
        plan = await plans.current(runtime.database, conn)
    return PolicyView(version=plan.versions[1], policy=plan.policy)


@router.put(
    "/v1/policies/contact",
    operation_id="policies-change_contact",
    summary="Change the contact policy",
    response_model=PolicyView,
    responses=refusals(StaleVersion),
)
async def change_contact_policy(
    body: PolicyChange, runtime: AnyRuntime, _caller: Writer, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Store a new version; it binds the next contact."""

    async def run(tx: Transaction) -> PolicyView:
        plan = await plans.current(runtime.database, tx.conn)
        version = await policies.change(tx, plan, body.policy, version=body.version)
        return PolicyView(version=version, policy=body.policy)

    return await write(run)


def _offer(offer: Offer, catalogue: Catalogue) -> OfferView:
    margin = offer.expected_margin_minor
    return OfferView(
        code=offer.code,
        version=offer.version,
        kind=offer.kind,
        name=BothLanguages(zh=offer.name.zh, en=offer.name.en),
        product_id=offer.product_id,
        product_kind=offer.product_kind,
        risk_level=offer.risk_level,
        expected_margin=None
        if margin is None
        else Money(amount=decimal_text(margin, offer.currency), currency=offer.currency),
        lever=offer.lever,
        conditions=offer.conditions.model_dump(mode="json", exclude_defaults=True),
        scripts=[
            ScriptView(id=s.id, version=s.version, channel=s.channel, text=BothLanguages(zh=s.zh, en=s.en))
            for s in catalogue.scripts.values()
            if s.offer == offer.code
        ],
    )
