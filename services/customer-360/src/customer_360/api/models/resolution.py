"""Records, reviews, merges."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from attune_service_kit.bodies import Body
from customer_360.api.models.customers import PartyKind
from customer_360.resolution import How
from customer_360.reviews import State

Reason = Annotated[str, StringConstraints(min_length=3, max_length=200, pattern=r"\S")]


class SourceRecord(BaseModel):
    """One record of a source system, masked."""

    customer_id: UUID = Field(description="The record's own id, whoever answers for it")
    answered_by: UUID
    source: str
    source_id: str
    party_kind: PartyKind
    name: str | None
    birth_date: date | None
    phone: str | None
    document: str | None
    branch_id: str | None
    opened_on: date | None


class HoldingMerge(BaseModel):
    """What holds two records together: the same document, a decided pair, or a steward's own finding."""

    merge_id: UUID
    first: UUID
    second: UUID
    how: How
    reason: str | None
    merged_by: str
    merged_at: datetime


class SourceRecords(BaseModel):
    """The records that answer as one customer, the oldest first, and the merges between them."""

    customer_id: UUID
    records: list[SourceRecord]
    merges: list[HoldingMerge]


class ReviewView(BaseModel):
    """Two records that look alike and prove nothing."""

    review_id: UUID
    state: State
    grounds: list[Literal["name_birth", "name_phone"]]
    documents: Literal["other", "missing"] = Field(description="Both show one and they differ, or one shows none")
    first: SourceRecord
    second: SourceRecord
    found_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class Decision(Body):
    """Why it was decided so; no personal data."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


class ReviewDecided(BaseModel):
    """What was decided. `merge_id` is null if they are two, or were one by another way meanwhile."""

    review_id: UUID
    state: State
    merge_id: UUID | None


class MergeRequest(Body):
    """Two records and why they are one customer; no personal data."""

    model_config = ConfigDict(extra="forbid")

    first: UUID
    second: UUID
    reason: Reason


class MergeView(BaseModel):
    """A merge that holds."""

    merge_id: UUID
    first: UUID
    second: UUID


class UndoRequest(Body):
    """Why they are two customers; no personal data."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class UndoneView(BaseModel):
    """A merge that no longer holds."""

    merge_id: UUID
    holds: bool
