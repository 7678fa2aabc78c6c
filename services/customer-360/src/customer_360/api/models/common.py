"""What the answers about customers share."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from attune_service_kit.bodies import Body

Amount = Annotated[str, StringConstraints(pattern=r"^-?\d+(\.\d+)?$")]


class Names(BaseModel):
    """A name in both languages."""

    zh: str
    en: str


class GivenNames(Body):
    """A name in both languages, as it is given."""

    zh: str = Field(min_length=1, max_length=60)
    en: str = Field(min_length=1, max_length=120)


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


class BranchView(BaseModel):
    """A branch and the one above it; null above head office."""

    branch_id: str
    parent_id: str | None
    name: str
