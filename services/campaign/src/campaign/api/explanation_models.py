"""Explanations over HTTP: one shape for each reader."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from campaign.api.models import BothLanguages, ModelVersion, Money

_ID = "0198f2aa-0000-7000-8000-0000000000aa"
_DEPOSIT = {
    "offer": "time-deposit-12m",
    "rank": 1,
    "text": {
        "zh": "一年期定期存款排第1位:近日转入金额高于近六个月平均存款余额",
        "en": "12-month time deposit is number 1: a recent deposit is above the six-month average balance",
    },
    "reasons": ["large_deposit"],
}
_IF: dict[str, Any] = {
    "zh": "若客户风险评级为C4(现为C3),则可推荐成长型股票基金",
    "en": "with the customer's risk rating C4 instead of C3, Growth equity fund could be proposed",
}
_STAFF: dict[str, Any] = {
    "audience": "staff",
    "decision_id": _ID,
    "as_of": "2026-03-17T08:40:02Z",
    "channel": "counter",
    "personalised": True,
    "summary": {"zh": "先筛选,其余产品按预期效果排序后推荐", "en": "offers were checked, the rest were ranked"},
    "proposed": [_DEPOSIT],
    "not_proposed": [
        {
            "offer": "equity-fund-growth",
            "rule": "suitability",
            "text": {
                "zh": "产品风险等级 R4 高于客户评级 C3(2025-11-02 评定)",
                "en": "product R4 is above the customer's C3 (rated 2025-11-02)",
            },
            "lifted_by": _IF,
        }
    ],
    "what_if": [],
}


class ProposedView(BaseModel):
    """An offer that was shown, and why."""

    offer: str
    rank: int
    text: BothLanguages
    reasons: list[str]


class NotProposedView(BaseModel):
    """An offer that was not shown.

    `rule`: the one that withholds it; `rank` = others fitted better; `none` = nothing is recommended.
    """

    offer: str
    rule: str
    text: BothLanguages
    lifted_by: BothLanguages | None = Field(description="What would have to be different")


class _Explanation(BaseModel):
    decision_id: UUID
    as_of: datetime
    channel: str
    personalised: bool


class StaffExplanation(_Explanation):
    """Why this, and why not the others."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STAFF]})

    audience: Literal["staff"]
    summary: BothLanguages
    proposed: list[ProposedView]
    not_proposed: list[NotProposedView]
    what_if: list[BothLanguages]


class DataUsed(BaseModel):
    """A kind of data that the answer was made from."""

    code: str
    text: BothLanguages


class WayToObject(BaseModel):
    """What the customer may do."""

    code: str
    text: BothLanguages


class Objection(BaseModel):
    """How to object."""

    text: BothLanguages
    ways: list[WayToObject]


class CustomerExplanation(_Explanation):
    """In plain words, about oneself: what was proposed and why, from which data, and how to object."""

    audience: Literal["customer"]
    summary: BothLanguages
    proposed: list[ProposedView]
    data_used: list[DataUsed]
    what_if: list[BothLanguages]
    objection: Objection


class Versions(BaseModel):
    """Everything that has a version and took part."""

    rules: int
    catalogue: int
    contact_policy: int
    models: list[ModelVersion]


class ArmView(BaseModel):
    """Whether the customer was held out, and by what: a campaign's code, or `universal`."""

    held_out: bool
    by: str | None


class PlaceView(BaseModel):
    """One offer in the arbitration: priority = propensity × weight × value in minor units × lever."""

    offer: str
    rank: int
    shown: bool
    propensity: float
    model: ModelVersion | None = Field(description="Whose score the propensity is; null = the offer's base rate")
    weight: float
    trigger: str | None
    opportunity_id: UUID | None
    value: Money | None
    lever: float
    priority: float


class RefusalView(BaseModel):
    """An offer that a rule withheld; `step` says which condition."""

    offer: str
    rule: str
    step: str
    text: BothLanguages


class CheckView(BaseModel):
    """A policy that was asked for the whole customer."""

    check: str
    passed: bool
    text: BothLanguages | None
    level: str | None
    until: datetime | None


class ChangeView(BaseModel):
    """One fact, and what it would have to be."""

    fact: str
    subject: str | None
    was: str | int | float | None
    would_be: str | int | float | None


class CounterfactualView(BaseModel):
    """With these changes the result would be this, as the rules say when they are run again."""

    effect: Literal["lifted", "first"]
    about: str
    changes: list[ChangeView]
    result: list[str]
    text: BothLanguages


class AuditorExplanation(_Explanation):
    """Everything that led to the answer, and what would have changed it."""

    audience: Literal["auditor"]
    caller: str
    sha256: str
    replayed: bool = Field(description="Deciding again on the stored inputs gives the same bytes")
    versions: Versions
    arm: ArmView
    ranking: list[PlaceView]
    withheld: list[RefusalView]
    checks: list[CheckView]
    counterfactuals: list[CounterfactualView]
    inputs: dict[str, Any]


Explanation = Annotated[StaffExplanation | CustomerExplanation | AuditorExplanation, Field(discriminator="audience")]


class WhyView(BaseModel):
    """Why one offer is, or is not, proposed to a customer now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "offer": "equity-fund-growth",
                    "channel": "counter",
                    "as_of": "2026-03-17T08:40:02Z",
                    "personalised": True,
                    "outcome": "not_proposed",
                    "rank": None,
                    "rule": "suitability",
                    "text": {
                        "zh": "产品风险等级 R4 高于客户评级 C3(2025-11-02 评定)",
                        "en": "product R4 is above the customer's C3 (rated 2025-11-02)",
                    },
                    "lifted_by": _IF,
                }
            ]
        }
    )

    offer: str
    channel: str
    as_of: datetime
    personalised: bool
    outcome: Literal["proposed", "not_proposed"]
    rank: int | None
    rule: str | None = Field(description="What withholds it; also rank, none, switched_off, not_due")
    text: BothLanguages
    lifted_by: BothLanguages | None
