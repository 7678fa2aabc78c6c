"""What is known of a customer beside the master data, field by field, with its source and age."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, Text, text
from sqlmodel import Field

from customer_360.tables.base import Table, customer, moment
from customer_360.tables.base import text as text_column


class ProfileField(Table, table=True):
    """One field: where its value comes from, and when it was last confirmed.

    Job, income and the like stand in `value`; an e-mail address is sealed here, phone and address in `party_identity`.
    """

    __tablename__ = "profile_field"
    __table_args__ = (
        Index(
            "profile_field_local",
            "customer_id",
            postgresql_where=text("source <> 'import' AND field IN ('phone', 'address')"),
        ),
    )

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    field: str = Field(sa_column=Column(Text, primary_key=True))
    value: str | None = Field(default=None, sa_column=text_column(nullable=True))
    sealed: bytes | None = None
    source: str = Field(sa_column=text_column())
    updated_by: str = Field(sa_column=text_column())
    updated_at: datetime = Field(sa_column=moment())
