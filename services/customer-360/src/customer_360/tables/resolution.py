"""Several records, one customer."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, Text, UniqueConstraint
from sqlmodel import Field

from customer_360.tables.base import Table, moment, text


def _record() -> Any:
    return Column(ForeignKey("party.customer_id"), nullable=False)


class PartyMerge(Table, table=True):
    """Two records that are one customer, as long as it `holds`; what was undone is kept and not found again."""

    __tablename__ = "party_merge"
    __table_args__ = (
        UniqueConstraint("first", "second", name="party_merge_pair"),
        CheckConstraint("first < second", name="party_merge_order"),
        Index("party_merge_second", "second"),
    )

    merge_id: UUID = Field(primary_key=True)
    first: UUID = Field(sa_column=_record())
    second: UUID = Field(sa_column=_record())
    holds: bool
    how: str = Field(sa_column=text())
    reason: str | None = Field(default=None, sa_column=text(nullable=True))
    merged_by: str = Field(sa_column=text())
    merged_at: datetime = Field(sa_column=moment())
    undone_by: str | None = Field(default=None, sa_column=text(nullable=True))
    undone_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    undone_reason: str | None = Field(default=None, sa_column=text(nullable=True))


class IdentityReview(Table, table=True):
    """Two records that look alike and prove nothing: somebody decides."""

    __tablename__ = "identity_review"
    __table_args__ = (
        UniqueConstraint("first", "second", name="identity_review_pair"),
        CheckConstraint("first < second", name="identity_review_order"),
        Index("identity_review_state", "state", "found_at", "review_id"),
    )

    review_id: UUID = Field(primary_key=True)
    first: UUID = Field(sa_column=_record())
    second: UUID = Field(sa_column=_record())
    grounds: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    documents: str = Field(sa_column=text())
    state: str = Field(sa_column=text())
    found_at: datetime = Field(sa_column=moment())
    decided_by: str | None = Field(default=None, sa_column=text(nullable=True))
    decided_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    reason: str | None = Field(default=None, sa_column=text(nullable=True))
