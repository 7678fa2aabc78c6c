"""What campaign says."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from attune_contracts.envelope import CustomerData
from attune_contracts.ledger import Code


class OpportunityState(StrEnum):
    """What became of an opportunity. Only `open` ones make tasks and escalate (X10)."""

    OPEN = "open"
    HELD_OUT = "held_out"
    SUPPRESSED = "suppressed"
    DEFERRED = "deferred"
    ACTED = "acted"
    ESCALATED = "escalated"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class MessageClass(StrEnum):
    """What a message is for. The contact policy and holdouts bind `marketing` only; the others are exempt by class."""

    MARKETING = "marketing"
    SERVICE = "service"
    LEGAL = "legal"


class OpportunityOpened(CustomerData):
    """One opportunity for one detection."""

    TYPE: ClassVar[str] = "campaign.opportunity.opened.v1"

    opportunity_id: UUID
    detection_id: UUID
    state: OpportunityState
    reason: Code | None = None
    escalates_at: datetime
    expires_at: datetime


class OpportunityAssigned(CustomerData):
    """A task for an opportunity lies with a channel and, where there is one, an employee."""

    TYPE: ClassVar[str] = "campaign.opportunity.assigned.v1"

    opportunity_id: UUID
    task_id: UUID
    channel: Code
    employee_id: str | None = None


class OpportunityActed(CustomerData):
    """Somebody has acted on an opportunity."""

    TYPE: ClassVar[str] = "campaign.opportunity.acted.v1"

    opportunity_id: UUID
    disposition: Code


class OpportunityEscalated(CustomerData):
    """24 hours without action: the branch manager sees it."""

    TYPE: ClassVar[str] = "campaign.opportunity.escalated.v1"

    opportunity_id: UUID


class OpportunityExpired(CustomerData):
    """48 hours without action: the opportunity is lost."""

    TYPE: ClassVar[str] = "campaign.opportunity.expired.v1"

    opportunity_id: UUID


class ContactMade(CustomerData):
    """A customer has been contacted."""

    TYPE: ClassVar[str] = "campaign.contact.made.v1"

    contact_id: UUID
    opportunity_id: UUID | None = None
    channel: Code
    disposition: Code


class ResponseRecorded(CustomerData):
    """What a customer answered to an offer."""

    TYPE: ClassVar[str] = "campaign.response.recorded.v1"

    response_id: UUID
    decision_id: UUID | None = None
    offer: str
    outcome: Code
