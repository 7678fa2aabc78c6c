"""Parties, and apart from them who they are. Names, phones, documents and addresses of customers lie here alone."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field

from customer_360.tables.base import Table, customer, moment, text


class Party(Table, table=True):
    """A person or an organisation, without what identifies them. `version` grows with every change of the row."""

    __tablename__ = "party"
    __table_args__ = (
        UniqueConstraint("source", "source_id", name="party_source_id"),
        Index("party_manager", "manager_id", "customer_id"),
        Index("party_branch", "branch_id", "customer_id"),
        Index("party_by_source_id", "source_id"),
    )

    customer_id: UUID = Field(primary_key=True)
    source: str = Field(sa_column=text())
    source_id: str = Field(sa_column=text())
    party_kind: str = Field(sa_column=text())
    birth_date: date | None = None
    gender: str | None = Field(default=None, sa_column=text(nullable=True))
    branch_id: str | None = Field(default=None, sa_column=text(nullable=True))
    manager_id: str | None = Field(default=None, sa_column=text(nullable=True))
    risk_rating: str | None = Field(default=None, sa_column=text(nullable=True))
    risk_rated_on: date | None = None
    opened_on: date | None = None
    personalisation: bool = True
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    updated_at: datetime = Field(sa_column=moment())


class PartyIdentity(Table, table=True):
    """Who the party is (identity data): leaves the service through its API only, never on events or in the lake."""

    __tablename__ = "party_identity"

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    name: str | None = Field(default=None, sa_column=text(nullable=True))
    phone: str | None = Field(default=None, sa_column=text(nullable=True))
    document: str | None = Field(default=None, sa_column=text(nullable=True))
    address: str | None = Field(default=None, sa_column=text(nullable=True))
