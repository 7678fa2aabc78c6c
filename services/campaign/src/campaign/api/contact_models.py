"""What is said over HTTP about contacts: whether one may be made, making one, and who is not to be contacted."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from attune_contracts.campaign import MessageClass
from attune_contracts.consent import ProductKind
from attune_contracts.identifiers import SOURCE_ID_LENGTH
from attune_contracts.ledger import Code
from attune_service_kit.bodies import TimeOfDay
from attune_service_kit.value_texts import Misfit
from campaign.api.models import BothLanguages, In
from campaign.contact_policy import Channel, Level
from campaign.suppressions import LARGEST_LIST, Source

Outbound = Literal["call_centre", "relationship_manager", "sms", "push"]
HouseholdId = Annotated[str, Field(min_length=1, max_length=SOURCE_ID_LENGTH)]
Until = Annotated[
    AwareDatetime | Literal["permanent"],
    Field(description="Its end, or the word `permanent`: nothing lasts for ever by being left out"),
]


class Why(BaseModel):
    """The rule that refuses, and whose limit it is."""

    code: str
    level: Level | None
    text: BothLanguages


class ChannelContactability(BaseModel):
    """One channel. `free_from`: from when it is allowed as things stand; null = not foreseeable."""

    channel: Channel
    direction: Literal["inbound", "outbound"]
    allowed: bool
    reason: Why | None
    free_from: datetime | None


class Contactability(BaseModel):
    """May we contact this customer, by channel, at this moment of business time?"""

    customer_id: UUID
    as_of: datetime
    message_class: MessageClass
    policy_version: int
    channels: list[ChannelContactability]


class NewContact(In):
    """A contact that is about to be made. Its class is said, never guessed: only `marketing` is bound by the policy."""

    customer_id: UUID
    channel: Outbound
    message_class: MessageClass
    campaign: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")] | None = None
    step: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="A step of the campaign: each reaches a customer once"
    )
    product_kind: ProductKind | None = Field(default=None, description="What it is about, for the customer's consent")

    @model_validator(mode="after")
    def _a_step_of_a_campaign(self) -> Self:
        if (self.campaign is None) != (self.step is None):
            raise Misfit("campaign and step are named together", "活动与步骤须一并填写")
        return self


class ContactView(BaseModel):
    """A contact. Reserved, it counts until `hold_until` (wall time); confirmed, it counts for good."""

    id: UUID
    customer_id: UUID
    channel: str
    direction: str
    message_class: MessageClass
    campaign: str | None
    step: str | None
    state: str
    at: datetime
    hold_until: datetime | None
    disposition: str | None
    beyond_policy: bool


class Confirmation(In):
    """The contact took place."""

    disposition: Code


class DailyHours(In):
    """From one local time of the bank's zone to another, over midnight too."""

    start: TimeOfDay
    end: TimeOfDay


class _Terms(In):
    channel: Channel | None = Field(default=None, description="null: every channel")
    until: Until
    reason: Code
    source: Source


class NewSuppression(_Terms):
    """Somebody is not to be contacted: one of a customer, a household, an account."""

    customer_id: UUID | None = None
    household_id: HouseholdId | None = None
    account_id: UUID | None = None
    hours: DailyHours | None = Field(default=None, description="Only in these hours of the day; null: at any hour")

    model_config = In.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "customer_id": "31a841d3-58da-8a8d-88a1-8b4e53d3878c",
                    "household_id": None,
                    "account_id": None,
                    "channel": "call_centre",
                    "until": "permanent",
                    "hours": None,
                    "reason": "asked_not_to_be_called",
                    "source": "opt_out",
                }
            ]
        }
    }

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if sum(x is not None for x in (self.customer_id, self.household_id, self.account_id)) != 1:
            raise Misfit(
                "name one of customer_id, household_id, account_id",
                "customer_id、household_id、account_id 须填写其一",
            )
        return self


class SuppressionList(_Terms):
    """A do-not-contact list, one id a line: Attune's own ids, or with `source_system` the bank's."""

    list_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    level: Level = "customer"
    source_system: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="The ids are this system's own; null: they are Attune's"
    )
    ids: list[Annotated[str, Field(max_length=SOURCE_ID_LENGTH)]] = Field(min_length=1, max_length=LARGEST_LIST)

    model_config = In.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "list_name": "national-do-not-call-2026-03",
                    "level": "customer",
                    "source_system": "core",
                    "ids": ["C00000417", "C00000532"],
                    "channel": "call_centre",
                    "until": "2027-03-31T16:00:00Z",
                    "reason": "registered",
                    "source": "do_not_contact_list",
                }
            ]
        }
    }


class RejectView(BaseModel):
    """An entry that was not taken: its place in the list, from 1, and why."""

    row: int
    code: Literal["empty", "not_an_id", "repeated"]


class ImportedList(BaseModel):
    """read = added + unchanged + rejected; the first hundred rejects. `sha256` names the content."""

    read: int
    added: int
    unchanged: int
    rejected: int
    rejects: list[RejectView]
    sha256: str


class Lift(In):
    """Why the suppression ends before its time."""

    reason: Code


class SuppressionView(BaseModel):
    """A suppression; of the three ids one is set."""

    id: UUID
    level: Level
    customer_id: UUID | None
    household_id: str | None
    account_id: UUID | None
    channel: str | None
    starts_at: datetime
    until: datetime | Literal["permanent"]
    hours: DailyHours | None
    reason: str
    source: Source
    list_name: str | None
    created_by: str
    created_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None
    lift_reason: str | None


def suppression_view(row: Any) -> SuppressionView:
    """A stored suppression as it is told."""
    values = {name: row[name] for name in SuppressionView.model_fields if name in row}
    level, _, key = row["subject"].partition(":")
    return SuppressionView(
        **values
        | {
            "customer_id": key if level == "customer" else None,
            "household_id": key if level == "household" else None,
            "account_id": key if level == "account" else None,
            "until": "permanent" if row["permanent"] else row["ends_at"],
            "hours": None if row["hours_start"] is None else DailyHours(start=row["hours_start"], end=row["hours_end"]),
        }
    )
