"""What other services know, as campaign reads it: one compact row per customer (X17), and who works where."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from attune_contracts.consent import ANY
from campaign import columns as c


class Party(c.Table, table=True):
    """A customer's non-personal state; `version` is the profile's: what is older is left alone (X7)."""

    __tablename__ = "proj_party"
    __table_args__ = (Index("party_household", "household_id", postgresql_where=text("household_id IS NOT NULL")),)

    customer_id: UUID = Field(primary_key=True)
    version: int = c.minor(default=0, sa_column_kwargs={"server_default": "0"})
    party_kind: str = c.text()
    branch_id: str | None = c.text(default=None)
    manager_id: str | None = c.text(default=None)
    household_id: str | None = c.text(default=None)
    birth_date: date | None = None
    risk_rating: str | None = c.text(default=None)
    risk_rated_on: date | None = None
    risk_valid_until: date | None = None
    personalisation: bool
    products: list[str] = c.texts()
    product_kinds: list[str] = c.texts()


class Account(c.Table, table=True):
    """Whose account it is: its owner, and whoever holds it with them."""

    __tablename__ = "proj_account"

    account_id: UUID = Field(primary_key=True)
    customer_id: UUID = Field(primary_key=True, index=True)
    role: str = c.text(default="owner", sa_column_kwargs={"server_default": "owner"})


class Consent(c.Table, table=True):
    """A purpose granted or refused, for a channel and a product kind or for all (`*`); no row = unknown = no (X21).

    `version` is that of the customer's consents as a whole: a newer state replaces all rows of the customer (X7).
    """

    __tablename__ = "proj_consent"

    customer_id: UUID = Field(primary_key=True)
    purpose: str = c.text(primary_key=True)
    channel: str = c.text(primary_key=True, sa_column_kwargs={"server_default": ANY})
    product_kind: str = c.text(primary_key=True, sa_column_kwargs={"server_default": ANY})
    granted: bool
    since: date
    version: int = c.minor(default=0, sa_column_kwargs={"server_default": "0"})


class Features(c.Table, table=True):
    """The newest snapshot's features that decisions read. Swapped whole (X17)."""

    __tablename__ = "proj_features"

    customer_id: UUID = Field(primary_key=True)
    as_of: date
    demand_balance_minor: int = c.minor()
    digital_share: float | None = c.real(default=None)
    value_quadrant: str | None = c.text(default=None)
    lifecycle: str | None = c.text(default=None)


class Score(c.Table, table=True):
    """A customer's score from one model. Swapped whole; single customers' newer scores are merged in (X17)."""

    __tablename__ = "proj_scores"

    customer_id: UUID = Field(primary_key=True)
    model: str = c.text(primary_key=True)
    version: int
    score: float = c.real()
    scored_at: datetime = c.moment()
    model_hash: str | None = c.text(default=None)
    features_hash: str | None = c.text(default=None)


class Product(c.Table, table=True):
    """What kind of product the bank's product code stands for."""

    __tablename__ = "proj_product"

    product_id: str = c.text(primary_key=True)
    kind: str = c.text()


class Visit(c.Table, table=True):
    """Who has which customer of another branch before them, until when (wall time)."""

    __table_args__ = (Index("visit_subject", "subject", "customer_id"),)

    visit_id: UUID = Field(primary_key=True)
    customer_id: UUID
    subject: str = c.text()
    until: datetime = c.moment()


class BranchScope(c.Table, table=True):
    """Every branch below every branch, itself included (X23)."""

    __tablename__ = "branch_scope"

    ancestor: str = c.text(primary_key=True)
    branch: str = c.text(primary_key=True)


class Employee(c.Table, table=True):
    """Who works where, and how many tasks a day they take."""

    employee_id: str = c.text(primary_key=True)
    branch_id: str = c.text()
    role: str = c.text()
    daily_capacity: int | None = None


class Projection(c.Table, table=True):
    """How far each projection has come: an older pointer is left alone."""

    name: str = c.text(primary_key=True)
    as_of: date
    manifest: str = c.text()
    rows: int = c.minor()
    loaded_at: datetime | None = c.wall_now()


TABLES = (Party, Account, Consent, Features, Score, Product, Visit, BranchScope, Employee, Projection)
