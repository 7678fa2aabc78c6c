"""What campaign says over HTTP. Money is a decimal string, moments are UTC."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from attune_contracts.consent import ProductKind
from attune_contracts.ledger import Code
from attune_service_kit.bodies import SEVERAL_LINES, Body
from campaign.channels import TaskChannel
from campaign.contact_policy import ContactPolicy
from campaign.responses import Outcome, Response

OfferCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class In(Body):
    """A request's body."""


class BothLanguages(BaseModel):
    """One text in Chinese and English."""

    zh: str
    en: str


class Money(BaseModel):
    """An amount with its currency."""

    amount: str
    currency: str


class Reason(BaseModel):
    """Why an action is proposed."""

    code: str
    text: BothLanguages


class ScriptText(BaseModel):
    """What to say, or to show."""

    id: str
    version: int
    text: BothLanguages


class Action(BaseModel):
    """One marketing action, the best first."""

    offer: str
    rank: int
    name: BothLanguages
    product_id: str | None
    risk_level: str | None
    value: Money | None
    opportunity_id: UUID | None
    script: ScriptText | None
    reasons: list[Reason]


class ServiceAction(BaseModel):
    """Something to do for the customer that sells nothing."""

    offer: str
    name: BothLanguages
    script: ScriptText | None
    reasons: list[Reason]


class Withheld(BaseModel):
    """An offer that a rule forbids: eligibility, suitability, consent or contact_policy."""

    offer: str
    rule: str
    text: BothLanguages


class CustomerType(BaseModel):
    """Who this is in one line; null in a generic answer."""

    value_quadrant: str | None
    risk_rating: str | None
    lifecycle: str | None


class ModelVersion(BaseModel):
    """A model whose score was used."""

    name: str
    version: int


class NextBestActions(BaseModel):
    """The answer to "what do we propose to this customer, here and now?"."""

    decision_id: UUID
    as_of: datetime
    channel: str
    personalised: bool
    customer_type: CustomerType | None
    actions: list[Action]
    service_actions: list[ServiceAction]
    withheld: list[Withheld]
    message: Reason | None
    score_source: Literal["stored", "fresh", "none"]
    models: list[ModelVersion]


class DecisionView(BaseModel):
    """A stored decision; the inputs for auditors only."""

    decision_id: UUID
    customer_id: UUID
    caller: str
    catalogue_version: int
    policy_version: int
    sha256: str
    replayed: bool = Field(description="Deciding again on the stored inputs gives the same bytes")
    presented: list[str]
    result: NextBestActions
    inputs: dict[str, Any] | None


class ReplayRange(In):
    """The business days whose decisions are decided again, both included."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"from": "2026-03-01", "to": "2026-03-17"}]}
    )

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class Present(In):
    """Which of the decision's offers are shown; none named means all."""

    offers: list[OfferCode] = Field(default_factory=list, max_length=20)


class PresentedView(BaseModel):
    """What was shown, and the contact it counts as."""

    decision_id: UUID
    contact_id: UUID
    offers: list[str]
    presented_at: datetime


class NewResponse(In):
    """What a customer answered: to a decision's offer, or to an opportunity."""

    decision_id: UUID | None = None
    opportunity_id: UUID | None = None
    offer: OfferCode
    outcome: Outcome


class ResponseView(Response):
    """An answer as recorded."""


class OpportunityView(BaseModel):
    """An opportunity. `arm` is null for whoever may not tell the arms apart.

    `assignee` is whose it is while it waits for action: null = nobody's by name yet, a queue's.
    """

    id: UUID
    trigger: str
    detection_id: UUID
    event_key: str
    customer_id: UUID
    branch_id: str | None
    campaign: str
    arm: str | None
    state: str
    reason: str | None
    channel: str | None
    disposition: str | None
    business_date: date
    late: bool
    opened_at: datetime
    escalates_at: datetime
    expires_at: datetime
    acted_at: datetime | None
    withdrawn_at: datetime | None
    task_id: UUID | None
    assignee: str | None
    amount: Money | None
    compared_with: Money | None
    metric: str | None


class OpportunityCounts(BaseModel):
    """How many opportunities there are, by state."""

    total: int
    states: dict[str, int]


class ClockShare(BaseModel):
    """Acted on in time, of those whose moment has come; null while there are none."""

    due: int
    acted: int
    share: float | None


class ClockLine(BaseModel):
    """One group of opportunities that could be acted on. `key` null: branch or channel is not known."""

    key: str | None
    opened: int
    running: int
    before_escalation: ClockShare
    before_expiry: ClockShare


class ClockReport(BaseModel):
    """How many opportunities were acted on before they escalated (24 h) and before they were lost (48 h)."""

    as_of: datetime
    by: Literal["branch", "channel", "trigger"]
    total: ClockLine
    items: list[ClockLine]
    next_cursor: str | None


class GivenText(In):
    """A text in both languages, as it is to be."""

    zh: Annotated[str, Field(min_length=1, max_length=1000), SEVERAL_LINES]
    en: Annotated[str, Field(min_length=1, max_length=2000), SEVERAL_LINES]


class CampaignView(BaseModel):
    """A campaign. The salt of its arms is a secret and no part of it."""

    code: str
    version: int
    trigger: str
    trigger_retired_at: datetime | None = Field(
        description="Since when (business time) its trigger judges no more: it opens nothing until another version does"
    )
    name: BothLanguages
    control_share: float
    outcome: str
    outcome_kinds: list[str]
    window_business_days: int
    enabled: bool
    product_kind: ProductKind | None
    escalate_after_hours: int
    expire_after_hours: int | None
    channels: list[TaskChannel]
    priority: int
    script: BothLanguages | None


class CampaignChange(In):
    """A campaign as it shall be; `version` is the one it was read at."""

    version: int = Field(ge=1, le=1_000_000)
    control_share: float = Field(ge=0, le=1, description="A multiple of 0.0001")
    outcome_kinds: list[Code] = Field(min_length=1, max_length=20)
    window_business_days: int = Field(ge=1, le=120)
    enabled: bool = True
    product_kind: ProductKind | None = Field(
        default=None, description="What its contacts sell, where that is one kind: the consent must cover it"
    )
    escalate_after_hours: int = Field(
        default=24, ge=1, le=8_760, description="Hours without action after which an opportunity escalates"
    )
    expire_after_hours: int | None = Field(
        default=None, ge=1, le=8_760, description="Hours after which it is lost; null: as the trigger says"
    )
    channels: list[TaskChannel] = Field(
        default=[], max_length=3, description="Which ways a task may go, the best first; empty: as suits the customer"
    )
    priority: int = Field(default=50, ge=0, le=100, description="Among a customer's campaigns, and in lists of tasks")
    script: GivenText | None = Field(default=None, description="What to say, shown with its tasks")


class ArmResult(BaseModel):
    """One arm: customers, those who bought, and their share."""

    n: int
    outcomes: int
    rate: float | None


class SampleRatioView(BaseModel):
    """Do the arms' sizes fit their shares?"""

    p: float
    ok: bool


class ResultView(BaseModel):
    """What the experiment shows. Null where an arm is empty."""

    outcome: str
    treated: ArmResult
    control: ArmResult
    difference: float | None
    low: float | None
    high: float | None
    method: str
    sample_ratio: SampleRatioView
    verdict: Literal["proved", "not proved"]
    reason: str
    final: bool
    as_of: date | None
    campaign_version: int


class AssignmentView(BaseModel):
    """One customer's arm."""

    customer_id: UUID
    arm: str
    business_date: date


class PolicyView(BaseModel):
    """The contact policy and its version."""

    version: int
    policy: ContactPolicy


class PolicyChange(In):
    """The contact policy as it shall be; `version` is the one it was read at."""

    version: int = Field(ge=1, le=1_000_000)
    policy: ContactPolicy
