"""The offer sheet over HTTP: offers and scripts, read and changed by version."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from attune_expressions.refusals import Refused
from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from campaign import offer_sheet
from campaign.api.models import BothLanguages, Money
from campaign.api.offer_models import (
    ChangedOffer,
    ChangedScript,
    ConditionsView,
    GivenMoney,
    OfferChange,
    OfferView,
    ScriptChange,
    ScriptView,
)
from campaign.campaigns import StaleVersion
from campaign.catalogue import Conditions, Names, Offer, Script
from campaign.channels import Channel
from campaign.money import decimal_text, minor_units
from campaign.offer_conditions import Own, named
from campaign.settings import CampaignSettings

router = APIRouter(tags=["offers"])

Reader = Annotated[Caller, Depends(requires("campaigns:read"))]
Writer = Annotated[Caller, Depends(requires("campaigns:write"))]
Code = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["wealth-steady-6m"])]
ScriptId = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["s-ws6m-counter"])]
Enabled = Annotated[bool | None, Query(description="Only those that are switched on, or off")]
OfOffer = Annotated[str | None, Query(alias="offer", pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["wealth-steady-6m"])]


async def _change_offer(runtime: Runtime, tx: Transaction, code: str, body: OfferChange) -> ChangedOffer:
    settings = runtime.settings
    assert isinstance(settings, CampaignSettings)  # noqa: S101 - the service declares it
    own = offer_sheet.own_fields(settings.fields_folder, settings.currency)
    wanted = _wanted_offer(code, body, settings.currency, own)
    version = await offer_sheet.change_offer(tx, wanted, settings.currency)
    _, _, scripts = await offer_sheet.current(tx.conn)
    return ChangedOffer(**_offer(wanted, scripts).model_dump(), catalogue_version=version)


async def _change_script(_: Runtime, tx: Transaction, script_id: str, body: ScriptChange) -> ChangedScript:
    wanted = Script(
        id=script_id,
        version=body.version + 1,
        offer=body.offer,
        channel=body.channel,
        enabled=body.enabled,
        zh=body.text.zh,
        en=body.text.en,
    )
    version = await offer_sheet.change_script(tx, wanted)
    return ChangedScript(**_script(wanted).model_dump(), catalogue_version=version)


OFFER = Change("offer.change", OfferChange, _change_offer, offer_sheet.offer_version)
SCRIPT = Change("script.change", ScriptChange, _change_script, offer_sheet.script_version)


@router.get("/v1/offers", operation_id="offers-list", summary="The offer sheet", responses=refusals(InvalidCursor))
async def offers(
    runtime: AnyRuntime,
    caller: Reader,
    kind: Literal["marketing", "service"] | None = None,
    enabled: Enabled = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[OfferView]:
    """List the newest version of every offer, by code."""
    key, bound = runtime.settings.cursor_key, ("offers", caller.subject, kind, enabled)
    after: str = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else ""
    reads = runtime.database.reads(caller.scope)
    _, found, scripts = await offer_sheet.current(reads)
    chosen = [o for o in found if o.code > after and kind in (None, o.kind) and enabled in (None, o.enabled)]
    views = [_offer(o, scripts) for o in sorted(chosen, key=lambda o: o.code)[: limit + 1]]
    return page(views, limit, key, lambda view: [view.code], bound_to=bound)


@router.get("/v1/offers/{code}", operation_id="offers-get", summary="One offer", responses=refusals(NotFound))
async def offer(
    code: Code, runtime: AnyRuntime, caller: Reader, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> OfferView:
    """Return an offer's newest version, or an older one; old versions are kept for ever."""
    reads = runtime.database.reads(caller.scope)
    _, _, scripts = await offer_sheet.current(reads)
    return _offer(await offer_sheet.offer_at(reads, code, version), scripts)


@router.put(
    "/v1/offers/{code}",
    operation_id="offers-change",
    summary="Make or change an offer",
    response_model=ChangedOffer,
    responses=refusals(
        StaleVersion,
        Invalid,
        offer_sheet.BadCondition,
        offer_sheet.ForeignCurrency,
        offer_sheet.MarginMissing,
        offer_sheet.KindFixed,
    ),
)
async def change_offer(
    code: Code, body: OfferChange, _caller: Writer, submit: Annotated[Submit, Depends(TwoPersons(OFFER))]
) -> Response:
    """Store a new version; the next decision is made with it. Decisions already made keep the catalogue they had."""
    return await submit(code, body)


@router.get("/v1/scripts", operation_id="scripts-list", summary="The scripts", responses=refusals(InvalidCursor))
async def scripts(
    runtime: AnyRuntime,
    caller: Reader,
    of_offer: OfOffer = None,
    channel: Channel | None = None,
    enabled: Enabled = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[ScriptView]:
    """List the newest version of every script, by id."""
    key, bound = runtime.settings.cursor_key, ("scripts", caller.subject, of_offer, channel, enabled)
    after: str = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else ""
    reads = runtime.database.reads(caller.scope)
    _, _, found = await offer_sheet.current(reads)
    chosen = [
        s
        for s in found
        if s.id > after
        and of_offer in (None, s.offer)
        and channel in (None, s.channel)
        and enabled in (None, s.enabled)
    ]
    views = [_script(s) for s in sorted(chosen, key=lambda s: s.id)[: limit + 1]]
    return page(views, limit, key, lambda view: [view.id], bound_to=bound)


@router.put(
    "/v1/scripts/{script_id}",
    operation_id="scripts-change",
    summary="Make or change a script",
    response_model=ChangedScript,
    responses=refusals(StaleVersion, Invalid, offer_sheet.UnknownOffer, offer_sheet.ScriptExists),
)
async def change_script(
    script_id: ScriptId, body: ScriptChange, _caller: Writer, submit: Annotated[Submit, Depends(TwoPersons(SCRIPT))]
) -> Response:
    """Store a new version; the next decision is made with it."""
    return await submit(script_id, body)


def _wanted_offer(code: str, body: OfferChange, currency: str, own: Own) -> Offer:
    given = body.conditions
    return Offer(
        code=code,
        version=body.version + 1,
        kind=body.kind,
        product_id=body.product_id,
        product_kind=body.product_kind,
        risk_level=body.risk_level,
        currency=body.expected_margin.currency if body.expected_margin else currency,
        expected_margin_minor=_minor(body.expected_margin, currency),
        lever=body.lever,
        models=tuple(body.models),
        base_propensity=body.base_propensity,
        context=body.context,
        conditions=Conditions(
            age_min=given.age_min,
            age_max=given.age_max,
            product_not_held=tuple(given.product_not_held),
            minimum_balance_minor=_minor(given.minimum_balance, currency),
            rating_invalid=given.rating_invalid,
            where=given.where,
            fields=_read_fields(given.where, currency, own),
        ),
        enabled=body.enabled,
        name=Names(zh=body.name.zh, en=body.name.en),
    )


def _read_fields(text: str | None, currency: str, own: Own) -> Own:
    """Those of the bank's own fields that a condition reads, kept with it; BadCondition."""
    if text is None:
        return ()
    try:
        return named(text, currency, own)
    except Refused as refused:
        raise offer_sheet.BadCondition(
            refused.en, refused.zh, reason=refused.code, line=refused.at.line, column=refused.at.column
        ) from refused


def _minor(given: GivenMoney | None, currency: str) -> int | None:
    """The amount in minor units; Invalid if it has more places than its currency, ForeignCurrency."""
    if given is None:
        return None
    if given.currency != currency:
        raise offer_sheet.ForeignCurrency(
            "amounts are in the bank's base currency", "金额须以本行基准币种计", currency=currency
        )
    try:
        return minor_units(given.amount, given.currency)
    except ValueError as error:
        raise Invalid("the amount has more places than its currency", "金额小数位数超过币种规定") from error


def _money(minor: int | None, currency: str) -> Money | None:
    return None if minor is None else Money(amount=decimal_text(minor, currency), currency=currency)


def _offer(offer: Offer, scripts: Sequence[Script]) -> OfferView:
    conditions = offer.conditions
    return OfferView(
        code=offer.code,
        version=offer.version,
        kind=offer.kind,
        name=BothLanguages(zh=offer.name.zh, en=offer.name.en),
        product_id=offer.product_id,
        product_kind=offer.product_kind,
        risk_level=offer.risk_level,
        expected_margin=_money(offer.expected_margin_minor, offer.currency),
        lever=offer.lever,
        models=list(offer.models),
        base_propensity=offer.base_propensity,
        context=offer.context,
        conditions=ConditionsView(
            age_min=conditions.age_min,
            age_max=conditions.age_max,
            product_not_held=list(conditions.product_not_held),
            minimum_balance=_money(conditions.minimum_balance_minor, offer.currency),
            rating_invalid=conditions.rating_invalid,
            where=conditions.where,
        ),
        enabled=offer.enabled,
        own_fields=list(conditions.fields),
        scripts=[s.id for s in scripts if s.offer == offer.code and s.enabled],
    )


def _script(script: Script) -> ScriptView:
    return ScriptView(
        id=script.id,
        version=script.version,
        offer=script.offer,
        channel=script.channel,
        text=BothLanguages(zh=script.zh, en=script.en),
        enabled=script.enabled,
    )
