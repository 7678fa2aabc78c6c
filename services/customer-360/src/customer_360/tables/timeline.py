"""What happened with a customer, in one row an event."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from customer_360.tables.base import Table, customer_id, moment
from customer_360.tables.base import text as text_column


class TimelineEntry(Table, table=True):
    """An event, known once by its business key. The customer may be unknown yet: events do not wait for files."""

    __tablename__ = "timeline_entry"
    __table_args__ = (
        Index("timeline_newest", "customer_id", text("at DESC"), text("kind DESC"), text("key DESC")),
        Index("timeline_age", "at", postgresql_using="brin"),
    )

    customer_id: UUID = Field(sa_column=customer_id(primary_key=True))
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    at: datetime = Field(sa_column=moment())
    what: str = Field(sa_column=text_column())
    detail: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class LastContact(Table, table=True):
    """When a customer was last in contact with the bank: kept longer than the timeline."""

    __tablename__ = "last_contact"

    customer_id: UUID = Field(sa_column=customer_id(primary_key=True))
    at: datetime = Field(sa_column=moment())


class OpenOpportunity(Table, table=True):
    """An opportunity that waits for somebody to act, as campaign tells of it. Held-out ones never stand here (X11)."""

    __tablename__ = "open_opportunity"
    __table_args__ = (Index("open_opportunity_customer", "customer_id"),)

    opportunity_id: UUID = Field(primary_key=True)
    customer_id: UUID
    detection_id: UUID
    escalated: bool
    expires_at: datetime = Field(sa_column=moment())
