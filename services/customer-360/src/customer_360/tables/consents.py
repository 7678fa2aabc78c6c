"""What customers agreed to: the ledger of their decisions, what holds now, and the notices they were shown."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field

from customer_360.tables.base import Table, customer, moment, text


class ConsentEntry(Table, table=True):
    """One decision as it was taken: rows are added and never changed; the database refuses it.

    `version` is the one that the customer's consents got with it. `*` = every channel, every product kind.
    """

    __tablename__ = "consent_entry"

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    purpose: str = Field(sa_column=Column(Text, primary_key=True))
    channel: str = Field(sa_column=Column(Text, primary_key=True))
    product_kind: str = Field(sa_column=Column(Text, primary_key=True))
    granted: bool
    basis: str = Field(sa_column=text())
    source: str = Field(sa_column=text())
    notice_version: int | None = None
    evidence: str = Field(sa_column=text())
    since: date
    actor: str = Field(sa_column=text())
    at: datetime = Field(sa_column=moment())


class Consent(Table, table=True):
    """What holds now, kept in the transaction of each decision. No row = unknown = no (X21)."""

    __tablename__ = "consent"

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    purpose: str = Field(sa_column=Column(Text, primary_key=True))
    channel: str = Field(sa_column=Column(Text, primary_key=True, server_default="*"))
    product_kind: str = Field(sa_column=Column(Text, primary_key=True, server_default="*"))
    granted: bool
    basis: str = Field(sa_column=Column(Text, nullable=False, server_default="decision"))
    notice_version: int | None = None
    evidence: str = Field(sa_column=text())
    since: date


class ConsentVersion(Table, table=True):
    """How often the customer's consents have changed: receivers apply what is newer (X7). Its row is the lock."""

    __tablename__ = "consent_version"

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    changed_at: datetime = Field(sa_column=moment())


class ConsentNotice(Table, table=True):
    """The text that is shown before somebody agrees to a purpose; the highest version is shown now."""

    __tablename__ = "consent_notice"

    purpose: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(primary_key=True)
    zh: str = Field(sa_column=text())
    en: str = Field(sa_column=text())
    created_by: str = Field(sa_column=text())
    created_at: datetime = Field(sa_column=moment())
