"""All tables of customer-360. Names, phones, documents and addresses of customers lie in `party_identity` alone."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from attune_service_kit.tables import kit_tables


class Table(SQLModel, registry=registry()):
    """The base of this service's tables: its own registry and metadata."""


def _moment(nullable: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable)


def _text(nullable: bool = False) -> Any:
    return Column(Text, nullable=nullable)


def _customer(primary_key: bool = False) -> Any:
    return Column(ForeignKey("party.customer_id"), primary_key=primary_key, nullable=False)


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
    source: str = Field(sa_column=_text())
    source_id: str = Field(sa_column=_text())
    party_kind: str = Field(sa_column=_text())
    birth_date: date | None = None
    gender: str | None = Field(default=None, sa_column=_text(nullable=True))
    branch_id: str | None = Field(default=None, sa_column=_text(nullable=True))
    manager_id: str | None = Field(default=None, sa_column=_text(nullable=True))
    risk_rating: str | None = Field(default=None, sa_column=_text(nullable=True))
    risk_rated_on: date | None = None
    opened_on: date | None = None
    personalisation: bool = True
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    updated_at: datetime = Field(sa_column=_moment())


class PartyIdentity(Table, table=True):
    """Who the party is (identity data): leaves the service through its API only, never on events or in the lake."""

    __tablename__ = "party_identity"

    customer_id: UUID = Field(sa_column=_customer(primary_key=True))
    name: str | None = Field(default=None, sa_column=_text(nullable=True))
    phone: str | None = Field(default=None, sa_column=_text(nullable=True))
    document: str | None = Field(default=None, sa_column=_text(nullable=True))
    address: str | None = Field(default=None, sa_column=_text(nullable=True))


class Account(Table, table=True):
    """An account and its OWNER; money in minor units of its currency."""

    __tablename__ = "account"
    __table_args__ = (Index("account_customer", "customer_id"),)

    account_id: UUID = Field(primary_key=True)
    source: str = Field(sa_column=_text())
    source_id: str = Field(sa_column=_text())
    customer_id: UUID = Field(sa_column=_customer())
    branch_id: str | None = Field(default=None, sa_column=_text(nullable=True))
    kind: str = Field(sa_column=_text())
    currency: str = Field(sa_column=_text())
    opened_on: date | None = None
    closed_on: date | None = None
    opening_balance_minor: int = Field(sa_column=Column(BigInteger, nullable=False))


class Product(Table, table=True):
    """What the bank sells, as its own product codes name it."""

    __tablename__ = "product"

    product_id: str = Field(sa_column=Column(Text, primary_key=True))
    name_zh: str = Field(sa_column=_text())
    name_en: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    risk_level: str | None = Field(default=None, sa_column=_text(nullable=True))


class Holding(Table, table=True):
    """A product that a customer holds."""

    __tablename__ = "holding"
    __table_args__ = (Index("holding_customer", "customer_id"),)

    holding_id: str = Field(sa_column=Column(Text, primary_key=True))
    customer_id: UUID = Field(sa_column=_customer())
    account_id: UUID | None = None
    product_id: str = Field(sa_column=Column(ForeignKey("product.product_id"), nullable=False))
    opened_on: date | None = None
    matures_on: date | None = None
    amount_minor: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class Consent(Table, table=True):
    """What a customer agreed to or refused, per purpose. No row = unknown = no (X21)."""

    __tablename__ = "consent"

    customer_id: UUID = Field(sa_column=_customer(primary_key=True))
    purpose: str = Field(sa_column=Column(Text, primary_key=True))
    granted: bool
    evidence: str = Field(sa_column=_text())
    since: date


class Branch(Table, table=True):
    """A branch and the one above it; head office has none above."""

    __tablename__ = "branch"

    branch_id: str = Field(sa_column=Column(Text, primary_key=True))
    parent_id: str | None = Field(default=None, sa_column=_text(nullable=True))
    name: str = Field(sa_column=_text())


class BranchScope(Table, table=True):
    """The closure of the branch tree: every branch under an ancestor, itself included (X23)."""

    __tablename__ = "branch_scope"

    ancestor: str = Field(sa_column=Column(Text, primary_key=True))
    branch: str = Field(sa_column=Column(Text, primary_key=True))


class Employee(Table, table=True):
    """A member of staff; relationship managers have a book of business (`party.manager_id`)."""

    __tablename__ = "employee"

    employee_id: str = Field(sa_column=Column(Text, primary_key=True))
    branch_id: str = Field(sa_column=_text())
    role: str = Field(sa_column=_text())
    name: str | None = Field(default=None, sa_column=_text(nullable=True))
    daily_capacity: int | None = None


class ImportRun(Table, table=True):
    """One import: what was asked for, what was counted, when it was published."""

    __tablename__ = "import_run"

    import_id: UUID = Field(primary_key=True)
    source: str = Field(sa_column=_text())
    datasets: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    counts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    completed_at: datetime = Field(sa_column=_moment())


METADATA = Table.metadata
kit_tables(METADATA)
