"""What every table of the service is made of."""

from typing import Any

from sqlalchemy import Column, DateTime, ForeignKey, Text, Uuid
from sqlalchemy.orm import registry
from sqlmodel import SQLModel


class Table(SQLModel, registry=registry()):
    """The base of this service's tables: its own registry and metadata."""


def moment(nullable: bool = False) -> Any:
    """A moment in UTC."""
    return Column(DateTime(timezone=True), nullable=nullable)


def text(nullable: bool = False) -> Any:
    """A text."""
    return Column(Text, nullable=nullable)


def customer(primary_key: bool = False) -> Any:
    """The party that a row belongs to."""
    return Column(ForeignKey("party.customer_id"), primary_key=primary_key, nullable=False)


def account(primary_key: bool = False) -> Any:
    """The account that a row belongs to."""
    return Column(ForeignKey("account.account_id"), primary_key=primary_key, nullable=False)


def customer_id(primary_key: bool = False) -> Any:
    """A customer's id as events tell it: the party may not be known yet."""
    return Column(Uuid, primary_key=primary_key, nullable=False)
