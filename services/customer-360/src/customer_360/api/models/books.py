"""Books of business: my customers, and who has no manager."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from attune_contracts.ledger import BankId
from attune_service_kit.bodies import Body
from customer_360.api.models.customers import CustomerSummary
from customer_360.reasons import Reason


class ReasonToCall(BaseModel):
    """Why to call, and the day on which the reason ends, where it has one."""

    code: Reason
    due: date | None


class MyCustomer(CustomerSummary):
    """A customer of a book, the most pressing reason first. `assets_band` is insight's, 0 = not known."""

    reasons: list[ReasonToCall]
    assets_band: int
    last_contact_at: datetime | None


class UnassignedCount(BaseModel):
    """A branch: its customers, and those who have no manager or one who is no longer on the staff list."""

    branch_id: str
    name: str
    customers: int
    without_manager: int
    manager_left: int


class CustomerAssignment(Body):
    """A customer and their manager to be."""

    customer_id: UUID
    manager_id: BankId


class Assignments(Body):
    """Customers of one branch to be given to managers: all of them, or none."""

    assignments: list[CustomerAssignment] = Field(min_length=1, max_length=500)


class Assigned(BaseModel):
    """How many customers have another manager now; the others had that one already."""

    branch_id: str
    assigned: int
    unchanged: int
