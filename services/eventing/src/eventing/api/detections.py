"""Detections over HTTP: the feed, and the evidence behind one."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from eventing import feed
from eventing.money import to_text

router = APIRouter(prefix="/v1/detections", tags=["detections"])
Reader = Annotated[Caller, Depends(requires("detections:read"))]
Text = Annotated[str | None, Query(max_length=64)]
State = Literal["raised", "withdrawn"]


_EXAMPLE: dict[str, Any] = {
    "detection_id": "5f1c0a52-1111-8000-8000-000000000001",
    "trigger": "large-deposit",
    "trigger_version": 3,
    "customer_id": "0190a7c0-0000-8000-8000-000000000001",
    "event_key": "T000913377",
    "account_id": "0190a7c0-0000-8000-8000-000000000002",
    "account_source_id": "6217010000000042",
    "branch_id": "B0103",
    "business_date": "2026-03-17",
    "state": "raised",
    "reason": None,
    "late": False,
    "event_time": "2026-03-17T06:05:11Z",
    "expires_at": "2026-03-19T06:05:11Z",
    "evidence": {
        "amount": "86000.00",
        "compared_with": "41203.17",
        "currency": "CNY",
        "metric": "mean_closing_balance_6m",
    },
}


class Evidence(BaseModel):
    """Why: the amount, and what it was compared with; null where the trigger has no such figure, or leaves it out."""

    amount: str | None
    compared_with: str | None
    currency: str
    metric: str


class DetectionView(BaseModel):
    """What a trigger found, on whom and why. `raised` stands; amounts and the bank's account id need evidence:read."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    detection_id: UUID
    trigger: str
    trigger_version: int
    customer_id: UUID
    event_key: str
    account_id: UUID | None
    account_source_id: str | None
    branch_id: str | None = Field(description="The customer's branch today")
    business_date: date
    state: State
    reason: str | None
    late: bool
    event_time: datetime
    expires_at: datetime
    evidence: Evidence | None


def view(row: feed.Row, caller: Caller) -> DetectionView:
    """A row as the API shows it to this caller."""
    if "evidence:read" not in caller.scopes:
        return DetectionView.model_validate(dict(row) | {"account_source_id": None, "evidence": None})
    currency = row["currency"]
    evidence = Evidence(
        amount=_text(row["amount_minor"], currency),
        compared_with=_text(row["compared_with_minor"], currency),
        currency=currency,
        metric=row["metric"],
    )
    return DetectionView.model_validate(dict(row) | {"evidence": evidence})


def _text(minor: int | None, currency: str) -> str | None:
    return None if minor is None else to_text(minor, currency)


@router.get(
    "",
    operation_id="detections-list",
    summary="Detections, the newest day first",
    responses=refusals(InvalidCursor, Invalid),
)
async def listing(
    runtime: AnyRuntime,
    caller: Reader,
    trigger: Text = None,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    branch: Text = None,
    customer_id: UUID | None = None,
    state: State | None = None,
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DetectionView]:
    """List the detections that the caller may see."""
    wanted = feed.Wanted(trigger, first, last, branch, customer_id, state, sort)
    key, bound = runtime.settings.cursor_key, ("detections", caller.subject, wanted)
    after = decode_cursor(key, cursor, bound_to=bound) if cursor else None
    rows = await feed.read(runtime.database.reads(caller.scope), wanted, after, limit + 1)
    return page(
        [view(row, caller) for row in rows], limit, key, lambda v: [v.business_date, v.detection_id], bound_to=bound
    )


@router.get("/{detection_id}", operation_id="detections-get", summary="One detection", responses=refusals(NotFound))
async def get(detection_id: UUID, runtime: AnyRuntime, caller: Reader) -> DetectionView:
    """Show a detection, with its evidence to those who may see it; one outside the caller's scope is as unknown."""
    row = await feed.one(runtime.database.reads(caller.scope), detection_id)
    if row is None:
        raise NotFound("there is no such detection", "没有该事件")
    return view(row, caller)
