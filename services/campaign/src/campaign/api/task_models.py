"""What is said over HTTP about tasks, and about how they are handled."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from attune_contracts.ledger import Code
from campaign.api.models import BothLanguages, In
from campaign.handling_rules import Handling
from campaign.note_rules import LONGEST
from campaign.tasks import Task

NoteText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST,
        description="Plain words; numbers and addresses of persons are masked",
        examples=["wants to talk it over with his wife first"],
    ),
]


class TaskView(Task):
    """A task: one customer to contact."""


class NoteView(BaseModel):
    """A note on a task."""

    id: UUID
    note: str
    written_by: str
    written_at: datetime


class TaskDetail(TaskView):
    """A task with its notes, which only those read who may work on it, and what to say, as its campaign has it."""

    notes: list[NoteView]
    script: BothLanguages | None


class Completion(In):
    """What came of the contact: a code of the handling policy, with the moment that was agreed for a call-back."""

    disposition: Code
    call_back_at: AwareDatetime | None = Field(default=None, description="Business time; for a call-back only")
    note: NoteText | None = None

    model_config = In.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "disposition": "call_back",
                    "call_back_at": "2026-03-17T08:30:00Z",
                    "note": "wants to talk it over with his wife first",
                }
            ]
        }
    }


class NextTaskQuery(In):
    """Which queue; null: any that the caller works on."""

    channel: Literal["call_centre", "mobile", "relationship_manager"] | None = None


class NextTask(BaseModel):
    """The task that is yours now; null with the reason for which the last ones that waited had to be put off."""

    task: TaskView | None
    reason: str | None
    put_off: int


class NewNote(In):
    """A note to keep."""

    note: NoteText


class Reassignment(In):
    """Who works on the task from now on."""

    employee_id: Annotated[str, Field(min_length=1, max_length=64)]


class HandlingView(BaseModel):
    """The handling policy and its version."""

    version: int
    policy: Handling


class HandlingChange(In):
    """The handling policy as it shall be; `version` is the one it was read at."""

    version: int = Field(ge=1, le=1_000_000)
    policy: Handling
