"""Who has which foreign customer before them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from customer_360.tables.base import Table, customer, moment, text


class Visit(Table, table=True):
    """A customer opened to one member of staff until a moment of wall time (X23). The audit outlives the row."""

    __tablename__ = "visit"
    __table_args__ = (Index("visit_subject", "subject", "customer_id"),)

    visit_id: UUID = Field(primary_key=True)
    customer_id: UUID = Field(sa_column=customer())
    subject: str = Field(sa_column=text())
    branch_id: str = Field(sa_column=text())
    reason: str = Field(sa_column=text())
    opened_at: datetime = Field(sa_column=moment())
    until: datetime = Field(sa_column=moment())
