"""Who may act on an account, and the terms of loans, cards and standing orders."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field

from customer_360.tables.base import Table, account, customer, text


class AccountParty(Table, table=True):
    """Who may act on an account, the owner included."""

    __tablename__ = "account_party"
    __table_args__ = (Index("account_party_customer", "customer_id"),)

    account_id: UUID = Field(sa_column=account(primary_key=True))
    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    role: str = Field(sa_column=text())


class Loan(Table, table=True):
    """A loan and its terms; money in minor units of its account's currency."""

    __tablename__ = "loan"
    __table_args__ = (Index("loan_customer", "customer_id"),)

    loan_id: str = Field(sa_column=Column(Text, primary_key=True))
    customer_id: UUID = Field(sa_column=customer())
    account_id: UUID | None = None
    granted_on: date
    matures_on: date | None = None
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    months: int | None = None
    payment_minor: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    status: str = Field(sa_column=text())


class Card(Table, table=True):
    """A card, by the bank's id of it: its number is not kept."""

    __tablename__ = "card"
    __table_args__ = (Index("card_customer", "customer_id"),)

    card_id: str = Field(sa_column=Column(Text, primary_key=True))
    customer_id: UUID = Field(sa_column=customer())
    account_id: UUID | None = None
    kind: str = Field(sa_column=text())
    issued_on: date | None = None
    expires_on: date | None = None


class StandingOrder(Table, table=True):
    """What an account pays again and again. C2."""

    __tablename__ = "standing_order"
    __table_args__ = (Index("standing_order_account", "account_id"),)

    standing_order_id: str = Field(sa_column=Column(Text, primary_key=True))
    account_id: UUID = Field(sa_column=account())
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    kind: str | None = Field(default=None, sa_column=text(nullable=True))
    partner_bank: str | None = Field(default=None, sa_column=text(nullable=True))
    partner_account: str | None = Field(default=None, sa_column=text(nullable=True))
    frequency: str | None = Field(default=None, sa_column=text(nullable=True))
    started_on: date | None = None
    ended_on: date | None = None
