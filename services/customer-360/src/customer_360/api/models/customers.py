"""Customers: the 360 view, a line of a list, the change of a profile."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from attune_contracts.ledger import BankId
from attune_service_kit.bodies import Body
from attune_service_kit.value_texts import Misfit
from customer_360.api.models.common import BranchRef, Manager
from customer_360.api.models.consents import ConsentView
from customer_360.api.models.details import DetailSummary
from customer_360.api.models.products import AccountView, HoldingView
from customer_360.api.models.risk import RiskSummary
from customer_360.api.models.tags import TagSummary
from customer_360.api.models.timeline import TimelineEntryView

PartyKind = Literal["person", "organisation", "prospect"]


class OrganisationView(BaseModel):
    """What an organisation has beside a person; its registration number is its document."""

    legal_form: str | None
    industry: str | None


class ProspectView(BaseModel):
    """Where the bank knows somebody from who is not a customer yet, and why it may hold their data."""

    source: str
    legal_basis: Literal["consent", "contract", "public_information"]


class MemberView(BaseModel):
    """Another member of the household whom the caller may see."""

    customer_id: UUID
    role: str | None
    name: str | None


class HouseholdView(BaseModel):
    """The household, the customer's own role in it, and its other members within the caller's scope, 20 at most."""

    household_id: str
    role: str | None
    members: list[MemberView]


class CustomerView(BaseModel):
    """Everything that customer-360 knows about one customer."""

    customer_id: UUID
    source: str
    source_id: str
    version: int
    party_kind: PartyKind
    birth_date: date | None
    gender: str | None
    opened_on: date | None
    risk_rating: str | None
    risk_rated_on: date | None
    personalisation: bool
    organisation: OrganisationView | None
    prospect: ProspectView | None
    branch: BranchRef | None
    manager: Manager | None
    accounts: list[AccountView]
    holdings: list[HoldingView]
    consents: list[ConsentView]
    risk: RiskSummary
    tags: list[TagSummary]
    details: list[DetailSummary]
    timeline: list[TimelineEntryView]
    name: str | None = Field(description="In full for those who serve customers, else masked: 张*")
    phone: str | None = Field(description="Masked: 138****1234")
    document: str | None = Field(description="Masked: 110***********1234")
    has_address: bool
    household: HouseholdView | None


class CustomerSummary(BaseModel):
    """One line of a list of customers."""

    customer_id: UUID
    source: str
    source_id: str
    party_kind: PartyKind
    name: str | None = Field(description="In full for those who serve customers, else masked: 张*")
    phone: str | None = Field(description="Masked: 138****1234")
    branch_id: str | None
    manager_id: str | None


class ProfileChange(Body):
    """What to change; fields that are left out stay. `manager_id: null` takes the customer out of every book."""

    manager_id: BankId | None = None
    personalisation: bool | None = Field(default=None, description="false = the generic list, always; never null")

    @model_validator(mode="after")
    def _something(self) -> "ProfileChange":
        if not self.model_fields_set:
            raise Misfit("name at least one field", "至少填写一项")
        if "personalisation" in self.model_fields_set and self.personalisation is None:
            raise Misfit("personalisation is true or false", "personalisation 应为 true 或 false")
        return self


class ProfileView(BaseModel):
    """What stands after a change."""

    customer_id: UUID
    version: int
    manager_id: str | None
    personalisation: bool
