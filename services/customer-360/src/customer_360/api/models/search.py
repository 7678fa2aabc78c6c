"""Search, disclosure, visits."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from attune_service_kit.bodies import Body
from customer_360.search import By
from customer_360.visits import Kind, Reason

Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]


class SearchRequest(Body):
    """What to look for. Without `by`, whatever the query's form may mean is tried; the match is always exact."""

    query: Words = Field(description="A name, its pinyin or initials, a phone, a document, an account or an id")
    by: By | None = None
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=1024, description="`next_cursor` of the page before")


class IdentityView(BaseModel):
    """The fields that were asked for, in full; null if not asked for, or not known."""

    customer_id: UUID
    name: str | None
    phone: str | None
    document: str | None
    address: str | None


class VisitRequest(Body):
    """What the customer presents, and why it is asked for."""

    presented: Kind
    number: Words = Field(max_length=64, description="The document's or account's number; the bank's id of a card")
    reason: Reason


class VisitView(BaseModel):
    """Whom the caller may now serve as if they were the own branch's, and until when."""

    visit_id: UUID
    customer_id: UUID
    until: datetime
