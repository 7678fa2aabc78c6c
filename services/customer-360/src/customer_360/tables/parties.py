"""Parties, and apart from them who they are. Names, phones, documents and addresses of customers lie here alone."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from customer_360.tables.base import Table, customer, moment, text


class Party(Table, table=True):
    """A person, an organisation or a prospect, without what identifies them. `version` grows with every change."""

    __tablename__ = "party"
    __table_args__ = (
        UniqueConstraint("source_id", "source", name="party_source_id"),
        Index("party_manager", "manager_id", "customer_id", postgresql_where=sql_text("manager_id IS NOT NULL")),
        Index("party_branch", "branch_id", "customer_id"),
        Index("party_household", "household_id", postgresql_where=sql_text("household_id IS NOT NULL")),
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
    risk_valid_until: date | None = None
    opened_on: date | None = None
    personalisation: bool = True
    household_id: str | None = Field(default=None, sa_column=text(nullable=True))
    household_role: str | None = Field(default=None, sa_column=text(nullable=True))
    legal_form: str | None = Field(default=None, sa_column=text(nullable=True))
    industry: str | None = Field(default=None, sa_column=text(nullable=True))
    prospect_source: str | None = Field(default=None, sa_column=text(nullable=True))
    legal_basis: str | None = Field(default=None, sa_column=text(nullable=True))
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    updated_at: datetime = Field(sa_column=moment())


class PartyIdentity(Table, table=True):
    """Who the party is, sealed (X25): leaves the service through its API only, never on events or in the lake.

    `digest` tells whether anything differs from what a file says; `document_key` finds the row by its document, equal
    ones are the same; `keys` find it by all else (X26). All three are keyed digests. `told_at` says when a file last
    told of it: its phone and address are from then, unless somebody has spoken of them since (`ProfileField`).
    """

    __tablename__ = "party_identity"
    __table_args__ = (
        Index("party_identity_document", "document_key", postgresql_where=sql_text("document_key IS NOT NULL")),
    )

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    name: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    phone: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    document: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    address: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    keys: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    document_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    told_by: str | None = Field(default=None, sa_column=text(nullable=True))
    told_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class IdentityKey(Table, table=True):
    """A keyed digest by which a party is found or looks like another (X26): the party's `keys`, one row each."""

    __tablename__ = "identity_key"

    key: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    customer_id: UUID = Field(primary_key=True)


class Household(Table, table=True):
    """Parties that live or keep house together; membership stands with the party."""

    __tablename__ = "household"

    household_id: str = Field(sa_column=Column(Text, primary_key=True))
    branch_id: str | None = Field(default=None, sa_column=text(nullable=True))
    formed_on: date | None = None


class PartyAlias(Table, table=True):
    """A source record that answers as another party since they were merged (X22). Its own rows stay where they are."""

    __tablename__ = "party_alias"
    __table_args__ = (Index("party_alias_survivor", "customer_id"),)

    alias_id: UUID = Field(sa_column=customer(primary_key=True))
    customer_id: UUID = Field(sa_column=customer())
