"""Risk assessments over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from customer_360 import risk
from customer_360.api.models.risk import NewRiskAssessment, RiskAssessmentView
from customer_360.settings import settings_of

router = APIRouter(tags=["risk"])


@router.get(
    "/v1/customers/{customer_id}/risk-assessments",
    operation_id="risk-assessments-list",
    summary="A customer's risk assessments, the newest first",
    responses=refusals(NotFound, Invalid, InvalidCursor),
)
async def list_assessments(
    customer_id: UUID,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("customers:read"))],
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RiskAssessmentView]:
    """List every assessment with what found it, its day and its end."""
    key, bound = runtime.settings.cursor_key, ("risk-assessments", caller.subject, customer_id, sort)
    after = decode_cursor(key, cursor, bound_to=bound) if cursor else []
    rows = await risk.page(runtime, caller, customer_id, sort, after, limit + 1)
    return page([_view(row) for row in rows], limit, key, lambda a: [a.rated_on, a.assessment_id], bound_to=bound)


@router.post(
    "/v1/customers/{customer_id}/risk-assessments",
    operation_id="risk-assessments-make",
    summary="Record a risk assessment of today",
    status_code=201,
    response_model=RiskAssessmentView,
    responses=refusals(NotFound, Invalid, risk.AssessmentsExhausted),
)
async def assess(
    customer_id: UUID,
    body: NewRiskAssessment,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("risk:write"))],
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Keep the assessment; it is the customer's rating from now on, and open opportunities are held against it."""
    months = body.valid_months or settings_of(runtime).risk_valid_months
    found = risk.Assessed(body.rating, body.source, body.score, months)

    async def run(tx: Transaction) -> RiskAssessmentView:
        return _view(await risk.assess(tx, caller, customer_id, found, runtime.clock.date_of(tx.now)))

    return await write(run, status=201)


def _view(row: dict[str, Any]) -> RiskAssessmentView:
    return RiskAssessmentView(**{name: row[name] for name in RiskAssessmentView.model_fields})
