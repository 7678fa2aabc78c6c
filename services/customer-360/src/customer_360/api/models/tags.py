"""Tags and what they mean."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from attune_service_kit.bodies import Body
from customer_360.api.models.common import GivenNames, Names

TagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
TagValue = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class TagView(BaseModel):
    """A tag that a customer has: what it says, who answers for it, what for, and until when."""

    tag: TagName
    name: Names
    value: str
    source: str
    owner: str
    purpose: str
    personal: bool
    customer_visible: bool
    assigned_by: str
    assigned_at: datetime
    expires_on: date


class TagSummary(BaseModel):
    """A tag in one line."""

    tag: TagName
    name: Names
    value: str
    source: str
    expires_on: date


class TagAssignment(Body):
    """The value to be given; without an end the tag lives as long as its definition allows."""

    value: TagValue
    expires_on: date | None = None


class TagDeletionView(BaseModel):
    """What was deleted: these sources never give the tag again."""

    customer_id: UUID
    tag: TagName
    sources: list[str]


class TagDefinitionView(BaseModel):
    """What a tag means. An empty list of values allows any; `keep_days` = how long one lives without renewal."""

    tag: TagName
    version: int
    name: Names
    values: list[str]
    owner: str
    purpose: str
    personal: bool
    customer_visible: bool
    keep_days: int
    changed_by: str
    changed_at: datetime


class TagDefinitionChange(Body):
    """A definition as it shall be; `version` is the one it was read at, 0 = a new tag."""

    version: int = Field(ge=0, le=10**6)
    name: GivenNames
    values: list[TagValue] = Field(default_factory=list, max_length=200)
    owner: ShortText = Field(description="Who answers for it: a unit or a person of the bank")
    purpose: ShortText = Field(description="What it is used for (R-06)")
    personal: bool = Field(description="A profile: not read of customers who want no personalisation")
    customer_visible: bool = Field(description="The customer sees it and may delete it")
    keep_days: int = Field(ge=1, le=1100)
