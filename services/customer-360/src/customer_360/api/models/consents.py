"""Consent and the notices behind it."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from attune_contracts.consent import ANY, Basis, Channel, ProductKind, Purpose
from attune_service_kit.bodies import SEVERAL_LINES, Body
from customer_360.consent_rules import Decision

Evidence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
NoticeText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), SEVERAL_LINES]


class ConsentView(BaseModel):
    """A decision of the customer that holds. A purpose that is not listed is unknown, and that means no.

    Of marketing contacts one channel or one product kind may have a decision of its own: the most specific one holds,
    null stands for all of them.
    """

    purpose: Purpose
    channel: Channel | None
    product_kind: ProductKind | None
    granted: bool
    basis: Basis
    evidence: str
    notice_version: int | None
    since: date


class ConsentsView(BaseModel):
    """All that holds for a customer; `version` grows with every change, 0 = nothing was ever said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customer_id": "31a841d3-58da-8a8d-88a1-8b4e53d3878c",
                    "version": 4,
                    "consents": [
                        {
                            "purpose": "marketing_contact",
                            "channel": "sms",
                            "product_kind": None,
                            "granted": False,
                            "basis": "decision",
                            "evidence": "the customer in person",
                            "notice_version": None,
                            "since": "2026-03-17",
                        }
                    ],
                }
            ]
        }
    )

    customer_id: UUID
    version: int
    consents: list[ConsentView]


class ConsentEntryView(BaseModel):
    """One entry of the ledger: what was decided, how it is known, who wrote it down and when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": 4,
                    "purpose": "marketing_contact",
                    "channel": "sms",
                    "product_kind": None,
                    "granted": False,
                    "basis": "decision",
                    "source": "customer",
                    "evidence": "the customer in person",
                    "notice_version": None,
                    "since": "2026-03-17",
                    "actor": "mobile-1",
                    "at": "2026-03-17T06:05:11Z",
                }
            ]
        }
    )

    version: int
    purpose: Purpose
    channel: Channel | None
    product_kind: ProductKind | None
    granted: bool
    basis: Basis
    source: Literal["customer", "staff", "import", "merge"]
    evidence: str
    notice_version: int | None
    since: date
    actor: str
    at: datetime


class ConsentDecision(Body):
    """What the customer says about one purpose; a consent names the version of the notice they were shown."""

    purpose: Purpose
    channel: Channel | None = Field(default=None, description="Of marketing_contact: one channel; null = all")
    product_kind: ProductKind | None = Field(default=None, description="Of marketing_contact: one kind; null = all")
    granted: bool
    notice_version: int | None = Field(
        default=None, ge=1, le=10**6, description="Of the notice shown; a refusal needs none"
    )

    def decision(self) -> Decision:
        """The decision as the rules take it."""
        return Decision(self.purpose, self.channel or ANY, self.product_kind or ANY, self.granted, self.notice_version)


class ConsentChange(Body):
    """What the customer gives and withdraws. A refusal ends every consent within what it covers."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "decisions": [
                        {"purpose": "personalised_decision", "granted": True, "notice_version": 1},
                        {"purpose": "marketing_contact", "channel": "sms", "granted": False},
                    ],
                    "evidence": "form 2026-0317 signed at the counter",
                }
            ]
        },
    )

    decisions: list[ConsentDecision] = Field(min_length=1, max_length=50)
    evidence: Evidence | None = Field(default=None, description="What proves it; staff must say so for a consent")


class OptOut(Body):
    """An objection to all marketing; with `personalisation` also to being picked and advised by one's own data."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"personalisation": False}]})

    personalisation: bool = Field(default=False, description="true = no personalised offers either, anywhere")
    evidence: Evidence | None = None


class NoticeView(BaseModel):
    """One version of a notice; `current` = the one to show now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "purpose": "survey",
                    "version": 1,
                    "current": True,
                    "text": {
                        "zh": "同意后,本行可邀请您参加满意度调查。",
                        "en": "If you agree, we may invite you to surveys.",
                    },
                    "created_by": "attune",
                    "created_at": "2026-03-17T06:05:11Z",
                }
            ]
        }
    )

    purpose: Purpose
    version: int
    current: bool
    text: "NoticeTexts"
    created_by: str
    created_at: datetime


class NoticeTexts(Body):
    """The notice in both languages."""

    zh: NoticeText
    en: NoticeText


class NoticeChange(Body):
    """A new text of a notice; `version` is the newest one that the caller has read, 0 = there is none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "version": 1,
                    "text": {"zh": "同意后,本行可邀请您参加满意度调查。", "en": "If you agree, we may invite you."},
                }
            ]
        },
    )

    version: int = Field(ge=0, le=10**6)
    text: NoticeTexts
