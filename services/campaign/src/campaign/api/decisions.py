"""Next best actions, what is shown of them, and what customers answer."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.hot import HotRoute
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.jobs import Job
from attune_service_kit.runtime import Runtime
from campaign import decisions, plans, responses
from campaign.api.models import (
    DecisionView,
    NewResponse,
    NextBestActions,
    Present,
    PresentedView,
    ReplayRange,
    ResponseView,
)
from campaign.contacts import ContactRefused
from campaign.presentable import NoLongerSuitable
from campaign.visibility import sees_arms

router = APIRouter(tags=["decisions"])

Reader = Annotated[Caller, Depends(requires("decisions:read"))]
Presenter = Annotated[Caller, Depends(requires("decisions:write"))]
Responder = Annotated[Caller, Depends(requires("responses:write"))]
Auditor = Annotated[Caller, Depends(requires("audit:read"))]

Channel = Literal["counter", "mobile", "call_centre", "relationship_manager"]
DEFAULT_LIMIT = 3


@router.get(
    "/v1/customers/{customer_id}/next-best-actions",
    operation_id="decisions-next_best_actions",
    summary="What to propose to this customer now, on this channel",
    response_model=NextBestActions,
    responses=refusals(NotFound, Invalid),
)
async def next_best_actions(
    customer_id: UUID,
    runtime: AnyRuntime,
    caller: Reader,
    channel: Annotated[Channel, Query(description="Where the conversation takes place")],
    limit: Annotated[int, Query(ge=1, le=20, description="Marketing actions at most")] = DEFAULT_LIMIT,
    fresh: Annotated[
        bool, Query(description="Scores of this moment; the stored ones where scoring does not answer in 30 ms")
    ] = False,
) -> Response:
    """Decide and store the decision; reserve nothing. Repeating it gives the same but for `decision_id` and `as_of`."""
    question = decisions.Question(customer_id, channel, limit, fresh)
    return Response(await decisions.next_best_actions(runtime, caller, question), media_type="application/json")


# A query as front ends send it; anything else goes through the declared route, which says what is wrong with it.
_ORDINARY = re.compile(
    rb"channel=(counter|mobile|call_centre|relationship_manager)(?:&limit=([1-9]|1\d|20))?(&fresh=true)?"
)


async def _hot(runtime: Runtime, caller: Caller, path: Mapping[str, str], query: bytes) -> bytes | None:
    found = _ORDINARY.fullmatch(query)
    if found is None:
        return None
    try:
        customer_id = UUID(path["customer_id"])
    except ValueError:
        return None
    question = decisions.Question(customer_id, found[1].decode(), int(found[2] or DEFAULT_LIMIT), found[3] is not None)
    return await decisions.next_best_actions(runtime, caller, question)


HOT = (HotRoute("decisions-next_best_actions", _hot),)


@router.get(
    "/v1/decisions/{decision_id}",
    operation_id="decisions-get",
    summary="A stored decision, decided again to check it",
    responses=refusals(NotFound),
)
async def get(decision_id: UUID, runtime: AnyRuntime, caller: Reader) -> DecisionView:
    """Return the answer as it was given. Auditors see the inputs too."""
    reads = runtime.database.reads(caller.scope)
    row = await responses.decision_row(reads, caller, decision_id, lock=False)
    stored = await decisions.stored(reads, decision_id)
    if caller.customer is not None and not stored.facts.for_customer:
        # What staff were told of a customer is not what the customer is told.
        raise NotFound("there is no such decision", "决策不存在")
    shown = await reads.fetch("SELECT offer FROM decision_presented WHERE decision_id = $1 ORDER BY offer", decision_id)
    return DecisionView(
        decision_id=row["id"],
        customer_id=row["customer_id"],
        caller=row["caller"],
        catalogue_version=row["catalogue_version"],
        policy_version=row["policy_version"],
        sha256=row["sha256"],
        replayed=stored.result == stored.again(),
        presented=[r["offer"] for r in shown],
        result=NextBestActions.model_validate_json(stored.result),
        inputs=orjson.loads(row["inputs"]) if "audit:read" in caller.scopes else None,
    )


@router.post(
    "/v1/decisions:replay",
    operation_id="decisions-replay",
    summary="Decide all decisions of some days again",
    status_code=202,
    response_model=Job,
    responses=refusals(Invalid),
)
async def replay(
    body: ReplayRange, runtime: AnyRuntime, _caller: Auditor, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Start the job; its result counts the decisions whose answer follows from what was known, and names others."""
    if body.first > body.last:
        raise Invalid("the first day is after the last", "起始日期晚于截止日期")

    async def run(tx: Transaction) -> Job:
        days = {"from": body.first.isoformat(), "to": body.last.isoformat()}
        job = await runtime.jobs.start(tx, "replay-decisions", days, key=f"{body.first}/{body.last}")
        await tx.audit("decisions.replayed", "decision", f"{body.first}/{body.last}")
        return await runtime.jobs.view(tx, job)

    return await write(run, status=202)


@router.post(
    "/v1/decisions/{decision_id}:present",
    operation_id="decisions-present",
    summary="The decision's offers are being shown to the customer",
    response_model=PresentedView,
    responses=refusals(NotFound, ContactRefused, NoLongerSuitable, responses.UnknownOffer),
)
async def present(
    decision_id: UUID,
    body: Present,
    runtime: AnyRuntime,
    caller: Presenter,
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Inbound the contact counts at once and is never refused; outbound it is reserved for 15 minutes, or refused."""

    async def run(tx: Transaction) -> PresentedView:
        plan = await plans.current(runtime.database, tx.conn)
        shown = await responses.present(tx, plan, caller, decision_id, body.offers, runtime.settings.zone)
        return PresentedView.model_validate(shown, from_attributes=True)

    return await write(run)


@router.post(
    "/v1/responses",
    operation_id="responses-record",
    summary="What a customer answered to an offer",
    status_code=201,
    response_model=ResponseView,
    responses=refusals(NotFound, Invalid, responses.UnknownOffer),
)
async def respond(
    body: NewResponse, runtime: AnyRuntime, caller: Responder, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Keep the answer; the offer's opportunity is acted on. A process figure: outcomes come from the ledger."""

    async def run(tx: Transaction) -> ResponseView:
        plan = await plans.current(runtime.database, tx.conn)
        kept = await responses.record(
            tx,
            plan,
            caller,
            decision_id=body.decision_id,
            opportunity_id=body.opportunity_id,
            offer=body.offer,
            outcome=body.outcome,
            sees_arms=sees_arms(caller),
        )
        return ResponseView.model_validate(kept, from_attributes=True)

    return await write(run, status=201)
