"""Accounts and holdings."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel

from customer_360.api.models.common import Money, Names


class AccountView(BaseModel):
    """An account that the customer owns."""

    account_id: UUID
    source_id: str
    kind: str
    currency: str
    branch_id: str | None
    opened_on: date | None
    closed_on: date | None


class ProductView(BaseModel):
    """A product of the bank."""

    product_id: str
    name: Names
    kind: str
    risk_level: str | None


class HoldingView(BaseModel):
    """A product that the customer holds, and its worth where the bank's extract says."""

    holding_id: str
    product: ProductView
    account_id: UUID | None
    opened_on: date | None
    matures_on: date | None
    value: Money | None
