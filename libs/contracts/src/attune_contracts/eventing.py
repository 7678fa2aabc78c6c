"""What eventing says."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from attune_contracts.envelope import CustomerData, Data
from attune_contracts.ledger import BankId, Code
from attune_contracts.pointer import Published

ProductCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class DetectionRaised(CustomerData):
    """A trigger found what it looks for. Amounts travel in the evidence only (X38)."""

    TYPE: ClassVar[str] = "eventing.detection.raised.v1"

    detection_id: UUID
    trigger: str
    trigger_version: int
    event_key: BankId
    business_date: date
    late: bool = False
    expires_at: datetime


class DetectionEvidence(CustomerData):
    """The amounts behind a detection, for campaign and scoring only; null = the trigger gives no such figure. C2.

    `new_money` says that the amount has come to the customer with the posting that the event key names.
    """

    TYPE: ClassVar[str] = "eventing.detection.evidence.v1"

    detection_id: UUID
    trigger: str
    event_key: BankId
    amount_minor: int | None
    compared_with_minor: int | None
    metric: Code
    new_money: bool = True


class DetectionWithdrawn(CustomerData):
    """A late posting or a reversal has made a raised detection untrue (X8, X37)."""

    TYPE: ClassVar[str] = "eventing.detection.withdrawn.v1"

    detection_id: UUID
    trigger: str
    event_key: BankId
    reason: Code


class BehaviourRecorded(CustomerData):
    """What a customer did on a front end: a product viewed, a step of an application. Readable by eventing only. C2."""

    TYPE: ClassVar[str] = "eventing.behaviour.recorded.v1"

    behaviour_id: BankId
    behaviour: Code
    product: ProductCode | None = None
    step: ProductCode | None = None
    channel: Code | None = None
    seconds: Annotated[int, Field(ge=0, le=10**6)] | None = None
    occurred_at: datetime
    business_date: date
    origin: Literal["live", "replay"] = "live"
    # The replay that sent it: what an abandoned replay left on the stream is no longer applied.
    run: UUID | None = None


class TransactionsPublished(Published):
    """Postings of one or more days lie in the lake."""

    TYPE: ClassVar[str] = "eventing.transactions.published.v1"

    import_id: UUID | None = None


class TriggerActivated(Data):
    """A version of a trigger judges the stream from now on. Published to all partitions, before its first detection.

    `priority`, `family`, `product_kind`, `channels` (the best first, empty: as suits the customer) and the script are
    for the campaign that is made for a trigger which none names.
    """

    TYPE: ClassVar[str] = "eventing.trigger.activated.v1"

    trigger: str
    version: int
    title_zh: str
    title_en: str
    priority: int
    family: str
    product_kind: str | None = None
    channels: tuple[str, ...] = ()
    script_zh: str | None = None
    script_en: str | None = None
    partition: int

    def subject(self) -> str:
        """Return the partition's name: the publisher addresses it, not the hash."""
        return f"p{self.partition}"


class TriggerRetired(Data):
    """No version of a trigger judges the stream any more. Published to all partitions, after its last detection.

    What it has found stays as it is: opportunities that are open go on.
    """

    TYPE: ClassVar[str] = "eventing.trigger.retired.v1"

    trigger: str
    version: int
    partition: int

    def subject(self) -> str:
        """Return the partition's name: the publisher addresses it, not the hash."""
        return f"p{self.partition}"


class ClockAdvanced(Data):
    """Business time has moved on (X1). Published to all partitions: `partition` says which this one is for."""

    TYPE: ClassVar[str] = "eventing.clock.advanced.v1"

    now: datetime
    business_date: date
    partition: int

    def subject(self) -> str:
        """Return the partition's name: the publisher addresses it, not the hash."""
        return f"p{self.partition}"
