"""The envelope of every event: CloudEvents 1.0 in structured JSON mode, strict when built, tolerant when received."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from attune_contracts.identifiers import new_id, partition


class Data(BaseModel):
    """What an event says. Subclasses name the event: `<producer>.<noun>.<participle>.v<major>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    TYPE: ClassVar[str]

    def subject(self) -> str:
        """Whom the event is about: the customer's id, or a dataset's name; it chooses the partition."""
        raise TypeError(f"{type(self).__name__} does not say whom it is about")


class CustomerData(Data):
    """An event about one customer: ordered with all other events of that customer (P-05)."""

    customer_id: UUID

    def subject(self) -> str:
        """Return the customer's id."""
        return str(self.customer_id)


class Envelope(BaseModel):
    """One event as it travels. `time` is business time (X1), in UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2}\.v[1-9][0-9]*$")
    subject: str = Field(min_length=1, max_length=128)
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    data: dict[str, Any]


def envelope(data: Data, *, time: datetime, event_id: UUID | None = None) -> Envelope:
    """Wrap an event's data; `time` is business time with a zone."""
    if time.tzinfo is None:
        raise ValueError("an event's time carries a zone")
    return Envelope(
        id=event_id or new_id(),
        source=data.TYPE.split(".", 1)[0],
        type=data.TYPE,
        subject=data.subject(),
        time=time,
        dataschema=data.TYPE,
        data=data.model_dump(mode="json"),
    )


def nats_subject(event_type: str, number: int) -> str:
    """The NATS subject of an event type in a partition: `evt.<type>.p<0-7>`."""
    return f"evt.{event_type}.p{number}"


def nats_subject_of(event: Envelope) -> str:
    """The NATS subject of this event: its partition follows from whom it is about."""
    return nats_subject(event.type, partition(event.subject))
