"""Consents and notices over HTTP: giving and withdrawing are one operation, for staff and for the customer alike."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from attune_contracts.consent import ANY, Purpose
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from customer_360 import consents, notices, profiles
from customer_360.api.models.consents import (
    ConsentChange,
    ConsentEntryView,
    ConsentsView,
    ConsentView,
    NoticeChange,
    NoticeTexts,
    NoticeView,
    OptOut,
)

router = APIRouter(tags=["consents"])

Reader = Annotated[Caller, Depends(requires("customers:read"))]
Writer = Annotated[Caller, Depends(requires("consents:write"))]
Publisher = Annotated[Caller, Depends(requires("notices:write"))]
Idempotent = Annotated[Write, Depends(idempotent)]


@router.get(
    "/v1/customers/{customer_id}/consents",
    operation_id="consents-get",
    summary="What a customer has agreed to",
    responses=refusals(NotFound, Invalid),
)
async def get(customer_id: UUID, runtime: AnyRuntime, caller: Reader) -> ConsentsView:
    """Return all that holds. What is not listed is unknown, and that means no."""
    return _view(await consents.current(runtime, caller.scope, customer_id))


@router.put(
    "/v1/customers/{customer_id}/consents",
    operation_id="consents-decide",
    summary="Give or withdraw consent",
    response_model=ConsentsView,
    responses=refusals(
        NotFound,
        Invalid,
        consents.NotDivisible,
        consents.SaidTwice,
        consents.NoticeNeeded,
        consents.EvidenceNeeded,
        consents.NoticeOutdated,
    ),
)
async def decide(
    customer_id: UUID, body: ConsentChange, runtime: AnyRuntime, caller: Writer, write: Idempotent
) -> Response:
    """Write down what the customer says. Sends, recommendations and reservations follow within seconds."""
    said = [decision.decision() for decision in body.decisions]

    async def run(tx: Transaction) -> ConsentsView:
        today = runtime.clock.date_of(tx.now)
        return _view(await consents.decide(tx, caller, customer_id, said, body.evidence, today))

    return await write(run)


@router.post(
    "/v1/customers/{customer_id}/consents:opt-out",
    operation_id="consents-opt-out",
    summary="Object to all marketing in one step",
    response_model=ConsentsView,
    responses=refusals(NotFound, Invalid),
)
async def opt_out(customer_id: UUID, body: OptOut, runtime: AnyRuntime, caller: Writer, write: Idempotent) -> Response:
    """End every consent to marketing contacts; on wish also personalised decisions, and personalisation itself."""
    said = [consents.OPT_OUT, *([consents.NOT_PICKED] if body.personalisation else [])]

    async def run(tx: Transaction) -> ConsentsView:
        today = runtime.clock.date_of(tx.now)
        stands = await consents.decide(tx, caller, customer_id, said, body.evidence, today)
        if body.personalisation:
            await profiles.change(tx, caller.scope, False, customer_id, profiles.Change({"personalisation": False}))
        return _view(stands)

    return await write(run)


@router.get(
    "/v1/customers/{customer_id}/consents/history",
    operation_id="consents-history",
    summary="The ledger of a customer's consents, the newest first",
    responses=refusals(NotFound, Invalid, InvalidCursor),
)
async def history(
    customer_id: UUID,
    runtime: AnyRuntime,
    caller: Reader,
    purpose: Annotated[Purpose | None, Query(description="Only this purpose")] = None,
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ConsentEntryView]:
    """List every decision with its notice, evidence, author and moment. The ledger is never rewritten."""
    key, bound = runtime.settings.cursor_key, ("consents", caller.subject, customer_id, purpose, sort)
    after = decode_cursor(key, cursor, bound_to=bound) if cursor else []
    rows = await consents.history(runtime, caller.scope, customer_id, purpose, sort, after, limit + 1)
    shown = page(rows, limit, key, _place, bound_to=bound)
    return Page(items=[_entry(row) for row in shown.items], next_cursor=shown.next_cursor)


@router.get(
    "/v1/consent-notices",
    operation_id="consent-notices-list",
    summary="The notices that customers are shown",
    responses=refusals(Invalid, InvalidCursor),
)
async def list_notices(
    runtime: AnyRuntime,
    caller: Reader,
    purpose: Annotated[Purpose | None, Query(description="Only this purpose")] = None,
    current: Annotated[bool, Query(description="Only the versions to show now")] = True,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[NoticeView]:
    """List notices by purpose, the newest version first."""
    key, bound = runtime.settings.cursor_key, ("notices", caller.subject, purpose, current)
    after = tuple(decode_cursor(key, cursor, bound_to=bound)) if cursor else None
    rows = await notices.page(runtime, purpose, current, after, limit + 1)
    return page([_notice(row) for row in rows], limit, key, lambda n: [n.purpose, n.version], bound_to=bound)


@router.get(
    "/v1/consent-notices/{purpose}/versions/{version}",
    operation_id="consent-notices-get",
    summary="One version of a notice",
    responses=refusals(NotFound, Invalid),
)
async def get_notice(
    purpose: Purpose, version: Annotated[int, Path(ge=1, le=10**6)], runtime: AnyRuntime, _caller: Reader
) -> NoticeView:
    """Return what somebody who agreed to this version has read."""
    return _notice(await notices.one(runtime, purpose, version))


@router.put(
    "/v1/consent-notices/{purpose}",
    operation_id="consent-notices-publish",
    summary="Publish a new version of a notice",
    response_model=NoticeView,
    responses=refusals(Invalid, notices.StaleNotice),
)
async def publish_notice(purpose: Purpose, body: NoticeChange, _caller: Publisher, write: Idempotent) -> Response:
    """Publish the text as the next version: from now on a consent names this one. Earlier consents keep theirs."""

    async def run(tx: Transaction) -> NoticeView:
        return _notice(await notices.publish(tx, purpose, body.text.zh, body.text.en, version=body.version))

    return await write(run)


def _view(stands: consents.Consents) -> ConsentsView:
    return ConsentsView(
        customer_id=stands.customer_id,
        version=stands.version,
        consents=[ConsentView(**{n: row[n] for n in ConsentView.model_fields}) for row in stands.consents],
    )


def _entry(row: dict[str, Any]) -> ConsentEntryView:
    values = {name: row[name] for name in ConsentEntryView.model_fields}
    for name in ("channel", "product_kind"):
        values[name] = None if values[name] == ANY else values[name]
    return ConsentEntryView(**values)


def _place(row: dict[str, Any]) -> list[Any]:
    return [row[name] for name in ("at", "customer_id", "version", "purpose", "channel", "product_kind")]


def _notice(row: dict[str, Any]) -> NoticeView:
    values = {name: row[name] for name in ("purpose", "version", "current", "created_by", "created_at")}
    return NoticeView(text=NoticeTexts(zh=row["zh"], en=row["en"]), **values)
