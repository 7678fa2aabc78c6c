"""What customer-360 says over HTTP. Output models have no defaults: every field is always there."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from attune_contracts.ledger import BankId

Amount = Annotated[str, StringConstraints(pattern=r"^-?\d+(\.\d+)?$")]
Consents = Literal["personalised_decision", "marketing_contact", "survey", "third_party"]


class Names(BaseModel):
    """A name in both languages."""

    zh: str
    en: str


class Money(BaseModel):
    """A decimal amount with its currency's own places."""

    amount: Amount
    currency: str


class BranchRef(BaseModel):
    """A branch; `name` is null if the branch list does not know it."""

    branch_id: str
    name: str | None


class Manager(BaseModel):
    """The relationship manager; `name` is null if the staff list does not say."""

    employee_id: str
    name: str | None


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


class ConsentView(BaseModel):
    """A decision of the customer. A purpose that is not listed is unknown, and that means no."""

    purpose: Consents
    granted: bool
    evidence: str
    since: date


class CustomerView(BaseModel):
    """Everything that customer-360 knows about one customer."""

    customer_id: UUID
    source: str
    source_id: str
    version: int
    party_kind: Literal["person", "organisation"]
    name: str | None
    birth_date: date | None
    gender: str | None
    opened_on: date | None
    risk_rating: str | None
    risk_rated_on: date | None
    personalisation: bool
    branch: BranchRef | None
    manager: Manager | None
    accounts: list[AccountView]
    holdings: list[HoldingView]
    consents: list[ConsentView]


class CustomerSummary(BaseModel):
    """One line of a list of customers."""

    customer_id: UUID
    source: str
    source_id: str
    party_kind: str
    name: str | None
    branch_id: str | None
    manager_id: str | None


class BranchView(BaseModel):
    """A branch and the one above it; null above head office."""

    branch_id: str
    parent_id: str | None
    name: str


class ProfileChange(BaseModel):
    """What to change; fields that are left out stay. `manager_id: null` takes the customer out of every book."""

    model_config = ConfigDict(extra="forbid")

    manager_id: BankId | None = None
    personalisation: bool | None = Field(default=None, description="false = the generic list, always; never null")

    @model_validator(mode="after")
    def _something(self) -> "ProfileChange":
        if not self.model_fields_set:
            raise ValueError("name at least one field")
        if "personalisation" in self.model_fields_set and self.personalisation is None:
            raise ValueError("personalisation is true or false")
        return self


class ProfileView(BaseModel):
    """What stands after a change."""

    customer_id: UUID
    version: int
    manager_id: str | None
    personalisation: bool
