"""What customers agreed to."""

from datetime import date
from uuid import UUID

from sqlalchemy import Column, Text
from sqlmodel import Field

from customer_360.tables.base import Table, customer, text


class Consent(Table, table=True):
    """What a customer agreed to or refused, per purpose. No row = unknown = no (X21)."""

    __tablename__ = "consent"

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    purpose: str = Field(sa_column=Column(Text, primary_key=True))
    granted: bool
    evidence: str = Field(sa_column=text())
    since: date
