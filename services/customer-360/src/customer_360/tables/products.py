"""Accounts, and what the bank sells and a customer holds."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Text
from sqlmodel import Field

from customer_360.tables.base import Table, customer, text


class Account(Table, table=True):
    """An account and its OWNER; money in minor units of its currency."""

    __tablename__ = "account"
    __table_args__ = (Index("account_customer", "customer_id"), Index("account_by_source_id", "source_id"))

    account_id: UUID = Field(primary_key=True)
    source: str = Field(sa_column=text())
    source_id: str = Field(sa_column=text())
    customer_id: UUID = Field(sa_column=customer())
    branch_id: str | None = Field(default=None, sa_column=text(nullable=True))
    kind: str = Field(sa_column=text())
    currency: str = Field(sa_column=text())
    opened_on: date | None = None
    closed_on: date | None = None
    opening_balance_minor: int = Field(sa_column=Column(BigInteger, nullable=False))


class Product(Table, table=True):
    """What the bank sells, as its own product codes name it."""

    __tablename__ = "product"

    product_id: str = Field(sa_column=Column(Text, primary_key=True))
    name_zh: str = Field(sa_column=text())
    name_en: str = Field(sa_column=text())
    kind: str = Field(sa_column=text())
    risk_level: str | None = Field(default=None, sa_column=text(nullable=True))


class Holding(Table, table=True):
    """A product that a customer holds."""

    __tablename__ = "holding"
    __table_args__ = (Index("holding_customer", "customer_id"),)

    holding_id: str = Field(sa_column=Column(Text, primary_key=True))
    customer_id: UUID = Field(sa_column=customer())
    account_id: UUID | None = None
    product_id: str = Field(sa_column=Column(ForeignKey("product.product_id"), nullable=False))
    opened_on: date | None = None
    matures_on: date | None = None
    amount_minor: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
