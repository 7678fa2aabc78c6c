"""Why a decision came out as it did, and why an offer is (not) proposed now. Reading changes nothing."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Forbidden, NotFound, refusals
from attune_service_kit.runtime import Runtime
from campaign import decisions, explaining, responses
from campaign import explanation_texts as words
from campaign.api.decisions import DEFAULT_LIMIT, Channel
from campaign.api.explanation_models import (
    ArmView,
    AuditorExplanation,
    ChangeView,
    CheckView,
    CounterfactualView,
    CustomerExplanation,
    DataUsed,
    Explanation,
    NotProposedView,
    Objection,
    PlaceView,
    ProposedView,
    RefusalView,
    StaffExplanation,
    Versions,
    WayToObject,
    WhyView,
)
from campaign.api.models import BothLanguages, ModelVersion, Money
from campaign.decisions import Stored
from campaign.money import decimal_text
from campaign.settings import CampaignSettings
from campaign.texts import Text

router = APIRouter(tags=["decisions"])

Reader = Annotated[Caller, Depends(requires("decisions:read"))]


@router.get(
    "/v1/decisions/{decision_id}/explanation",
    operation_id="decisions-explanation",
    summary="A decision explained to staff, to the customer or to an auditor",
    responses=refusals(NotFound, Forbidden),
)
async def explanation(
    decision_id: UUID,
    runtime: AnyRuntime,
    caller: Reader,
    audience: Annotated[explaining.Audience, Query(alias="for", description="Who is going to read it")],
) -> Explanation:
    """Explain from the stored inputs, with the versions of that time. A customer may ask for their own text only."""
    if audience == "staff" and caller.customer is not None:
        raise Forbidden("this text is for staff", "此说明仅供工作人员查看", audience="customer")
    if audience == "auditor" and "audit:read" not in caller.scopes:
        raise Forbidden("this text is for auditors", "此说明仅供审计人员查看", needs="audit:read")
    reads = runtime.database.reads(caller.scope)
    row = await responses.decision_row(reads, caller, decision_id, lock=False)
    stored = await decisions.stored(reads, decision_id)
    # What would have changed it is found by deciding many times: not on the loop that answers others.
    return await asyncio.to_thread(_EXPLAIN[audience], stored, row, _currency(runtime))


@router.get(
    "/v1/customers/{customer_id}/offers/{code}/why",
    operation_id="decisions-why",
    summary="Why this offer is, or is not, proposed to this customer now",
    responses=refusals(NotFound),
)
async def why(
    customer_id: UUID,
    code: Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["equity-fund-growth"])],
    runtime: AnyRuntime,
    caller: Reader,
    channel: Annotated[Channel, Query(description="Where the conversation takes place")],
    limit: Annotated[int, Query(ge=1, le=20, description="Marketing actions at most")] = DEFAULT_LIMIT,
) -> WhyView:
    """Judge the offer as the next decision would; nothing is recorded, nothing reserved."""
    asked = await decisions.ask(runtime, caller, decisions.Question(customer_id, channel, limit))
    found = await asyncio.to_thread(explaining.why, asked.facts, asked.catalogue, code, _currency(runtime))
    if found is None:
        raise NotFound("there is no such offer", "产品不存在")
    return WhyView.model_validate(
        {
            **_plain(found),
            "offer": code,
            "channel": channel,
            "as_of": asked.facts.as_of,
            "personalised": asked.facts.personalised,
        }
    )


def _currency(runtime: Runtime) -> str:
    assert isinstance(runtime.settings, CampaignSettings)  # noqa: S101 - the service declares it
    return runtime.settings.currency


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _head(stored: Stored) -> dict[str, Any]:
    facts = stored.facts
    return {
        "decision_id": UUID(facts.decision_id),
        "as_of": facts.as_of,
        "channel": facts.channel,
        "personalised": facts.personalised,
    }


def _staff(stored: Stored, _row: Any, currency: str) -> StaffExplanation:
    told = explaining.for_staff(stored.facts, stored.catalogue, currency)
    return StaffExplanation(
        **_head(stored),
        audience="staff",
        summary=_both(told.summary),
        proposed=[ProposedView.model_validate(_plain(p)) for p in told.proposed],
        not_proposed=[NotProposedView.model_validate(_plain(n)) for n in told.not_proposed],
        what_if=[_both(text) for text in told.what_if],
    )


def _customer(stored: Stored, _row: Any, currency: str) -> CustomerExplanation:
    told = explaining.for_customer(stored.facts, stored.catalogue, currency)
    return CustomerExplanation(
        **_head(stored),
        audience="customer",
        summary=_both(told.summary),
        proposed=[ProposedView.model_validate(_plain(p)) for p in told.proposed],
        data_used=[DataUsed(code=code, text=_both(text)) for code, text in told.data_used],
        what_if=[_both(text) for text in told.what_if],
        objection=Objection(
            text=_both(words.OBJECTION),
            ways=[WayToObject(code=code, text=_both(text)) for code, text in words.WAYS_TO_OBJECT.items()],
        ),
    )


def _auditor(stored: Stored, row: Any, currency: str) -> AuditorExplanation:
    facts = stored.facts
    told = explaining.for_auditor(facts, stored.catalogue, currency)
    return AuditorExplanation(
        **_head(stored),
        audience="auditor",
        caller=row["caller"],
        sha256=row["sha256"],
        replayed=stored.result == stored.again(),
        versions=Versions(
            rules=facts.rules,
            catalogue=facts.catalogue_version,
            contact_policy=facts.policy_version,
            models=[ModelVersion(name=name, version=score.version) for name, score in facts.scores],
        ),
        arm=ArmView(held_out=facts.held_out, by=facts.held_out_by),
        ranking=[_place(place) for place in told.places],
        withheld=[RefusalView(offer=o, rule=r, step=s, text=_both(t)) for o, r, s, t in told.withheld],
        checks=[CheckView.model_validate(_plain(check)) for check in told.checks],
        counterfactuals=[
            CounterfactualView(
                effect=found.effect,
                about=found.about,
                changes=[ChangeView.model_validate(_plain(change)) for change in found.changes],
                result=list(found.result),
                text=_both(text),
            )
            for found, text in told.counterfactuals
        ],
        inputs=orjson.loads(row["inputs"]),
    )


def _place(place: explaining.Place) -> PlaceView:
    c, offer = place.candidate, place.candidate.offer
    margin = offer.expected_margin_minor
    return PlaceView(
        offer=offer.code,
        rank=place.rank,
        shown=place.shown,
        propensity=c.propensity,
        model=ModelVersion(name=c.model, version=place.model_version or 0) if c.model else None,
        weight=c.weight,
        trigger=c.opportunity.trigger if c.opportunity else None,
        opportunity_id=UUID(c.opportunity.id) if c.opportunity else None,
        value=None if margin is None else Money(amount=decimal_text(margin, offer.currency), currency=offer.currency),
        lever=offer.lever,
        priority=c.priority,
    )


def _both(text: Text) -> BothLanguages:
    return BothLanguages(zh=text["zh"], en=text["en"])


_EXPLAIN: dict[explaining.Audience, Callable[[Stored, Any, str], Explanation]] = {
    "staff": _staff,
    "customer": _customer,
    "auditor": _auditor,
}
