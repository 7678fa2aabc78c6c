"""Why a trigger fired or did not, over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from attune_contracts.ledger import Currency
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Invalid, Unavailable, refusals
from eventing import why
from eventing.explaining import Came, Explanation
from eventing.money import to_text
from eventing.why_facts import READING_SECONDS, Row, Wanted

router = APIRouter(prefix="/v1/detections", tags=["detections"])

_EXAMPLE: dict[str, Any] = {
    "customer_id": "0190a7c0-0000-8000-8000-000000000001",
    "source": "lake",
    "business_date": "2026-03-31",
    "postings": [
        {
            "posting_id": "T000913377",
            "account_id": "0190a7c0-0000-8000-8000-000000000002",
            "account_source_id": "6217010000000042",
            "business_date": "2026-03-17",
            "direction": "credit",
            "amount": "36000.00",
            "currency": "CNY",
            "came": "stream",
            "received_at": "2026-03-17T06:05:11Z",
            "triggers": [
                {
                    "trigger": "large-deposit",
                    "version": 3,
                    "current": True,
                    "fired": False,
                    "failed": "amount",
                    "parts": [
                        {
                            "part": "amount",
                            "passed": False,
                            "values": {
                                "amount_minor": 3600000,
                                "days": 181,
                                "amount_times_days": "651600000",
                                "balance_integral": "745777377",
                                "mean_minor": 4120317,
                            },
                        }
                    ],
                    "text": {
                        "en": "large-deposit v3 did not fire: 36000.00 over 181 days is 6516000.00, not above the"
                        " 7457773.77 of the closing balances (mean 41203.17).",
                        "zh": "large-deposit v3 未触发：36000.00 乘以 181 天为 6516000.00，不高于日终余额累计"
                        " 7457773.77（均值 41203.17）。",
                    },
                    "detection": None,
                }
            ],
        }
    ],
    "behaviours": [],
    "day": [],
}


class NotOneQuestion(Invalid):
    """A posting, a behaviour or a day is to be named, and one of them only."""

    code = "name_posting_or_day"


class PartView(BaseModel):
    """One part of the rule and its values; amounts are minor units, sums that may be large are strings."""

    part: str
    passed: bool
    values: dict[str, str | int | None]


class Sentence(BaseModel):
    """The same in both languages."""

    en: str
    zh: str


class DetectionRef(BaseModel):
    """The detection that there is of the posting, the behaviour or the day."""

    detection_id: UUID
    state: Literal["raised", "withdrawn"]
    reason: str | None
    late: bool
    trigger_version: int


class Verdict(BaseModel):
    """What one version of a trigger says: its parts in order, up to the first that failed."""

    trigger: str
    version: int
    current: bool = Field(description="Whether it is the version that judges; a draft is told only among all versions")
    fired: bool
    failed: str | None
    parts: list[PartView]
    text: Sentence
    detection: DetectionRef | None


class PostingWhy(BaseModel):
    """One posting, how it came, and what every trigger says of it."""

    posting_id: str
    account_id: UUID
    account_source_id: str | None
    business_date: date
    direction: str
    amount: str
    currency: Currency
    came: Came = Field(
        description="By the stream, by the stream beyond the watermark, with a file only (lake), or not yet (waiting)"
    )
    received_at: datetime | None
    triggers: list[Verdict]


class BehaviourWhy(BaseModel):
    """One behaviour, how it came, and what every trigger says of it."""

    behaviour_id: str
    business_date: date
    occurred_at: datetime
    behaviour: str
    product: str | None
    step: str | None
    channel: str | None
    came: Came
    received_at: datetime | None
    triggers: list[Verdict]


class Why(BaseModel):
    """The answer: from live state, from the lake, or of a posting that waits for its account in the intake."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    customer_id: UUID
    source: Literal["state", "lake", "intake"]
    business_date: date | None = Field(description="How far the customer's partition has come")
    postings: list[PostingWhy]
    behaviours: list[BehaviourWhy]
    day: list[Verdict] = Field(
        description="Of a day: what those triggers say that find something without a posting or a behaviour on it"
        " (absence, silence, change, calendar)"
    )


@router.get(
    "/why",
    operation_id="detections-why",
    summary="Why a trigger fired on a posting, a behaviour or a day, or did not",
    responses=refusals(why.UnknownPosting, NotOneQuestion, why.TooManyPostings, Unavailable),
    openapi_extra={"x-read-seconds": READING_SECONDS + 5},
)
async def ask(
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("evidence:read"))],
    customer_id: UUID,
    posting_id: Annotated[str | None, Query(min_length=1, max_length=64, description="The bank's posting id")] = None,
    behaviour_id: Annotated[str | None, Query(min_length=1, max_length=64, description="A front end's own id")] = None,
    business_date: Annotated[
        date | None,
        Query(description="This day, with every posting and behaviour of the customer on it"),
    ] = None,
    trigger: Annotated[
        str | None, Query(pattern=r"^[a-z][a-z0-9-]{0,63}$", description="Only this one", examples=["large-deposit"])
    ] = None,
    versions: Annotated[Literal["current", "all"], Query(description="Of each trigger")] = "current",
) -> Why:
    """Say for each trigger whether it fired and which part of it failed, with exact values. Asking changes nothing."""
    if [posting_id, behaviour_id, business_date].count(None) != 2:
        raise NotOneQuestion(
            "name a posting, a behaviour or a day, and one of them only", "请指定一笔交易、一个行为或一个日期，三者择一"
        )
    wanted = Wanted(customer_id, posting_id, behaviour_id, business_date, trigger, versions == "all")
    answer = await why.why(runtime, caller.scope, wanted)
    return Why(
        customer_id=customer_id,
        source=answer.source,
        business_date=answer.newest,
        postings=[_posting(told, answer) for told in answer.told],
        behaviours=[_behaviour(told, answer) for told in answer.looked],
        day=[_verdict(one, detection, answer) for one, detection in answer.day],
    )


def _posting(told: why.Told, answer: why.Answer) -> PostingWhy:
    posting = told.known.posting
    return PostingWhy(
        posting_id=posting.posting_id,
        account_id=posting.account_id,
        account_source_id=told.account_source_id,
        business_date=posting.business_date,
        direction=posting.direction.value,
        amount=to_text(posting.amount_minor, posting.currency),
        currency=posting.currency,
        came=told.known.came,
        received_at=told.known.received_at,
        triggers=[_verdict(one, told.detections.get(one.rule.name), answer) for one in told.explanations],
    )


def _behaviour(told: why.ToldLook, answer: why.Answer) -> BehaviourWhy:
    one = told.known.behaviour
    names = ("behaviour_id", "business_date", "occurred_at", "behaviour", "product", "step", "channel")
    return BehaviourWhy(
        **{name: getattr(one, name) for name in names},
        came=told.known.came,
        received_at=told.known.received_at,
        triggers=[_verdict(each, told.detections.get(each.rule.name), answer) for each in told.explanations],
    )


def _verdict(one: Explanation, detection: Row | None, answer: why.Answer) -> Verdict:
    return Verdict(
        trigger=one.rule.name,
        version=one.rule.version,
        current=answer.current.get(one.rule.name) == one.rule.version,
        fired=one.fired,
        failed=one.failed,
        parts=[PartView(part=part.name, passed=part.passed, values=part.values) for part in one.parts],
        text=Sentence.model_validate(one.text),
        detection=DetectionRef.model_validate(dict(detection)) if detection else None,
    )
