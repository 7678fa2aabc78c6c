"""Particulars of a customer."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from attune_service_kit.bodies import Body
from attune_service_kit.value_texts import Misfit
from customer_360.detail_rules import Detail, Freshness, Source

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
IncomeBand = Literal["under_5000", "5000_10000", "10000_20000", "20000_50000", "over_50000"]


class DetailView(BaseModel):
    """One field. Contact data are masked, an address is not shown at all: in full they are disclosed for a reason."""

    field: Detail
    value: str | None
    masked: bool
    source: Source
    updated_by: str
    updated_at: datetime
    freshness: Freshness


class DetailsView(BaseModel):
    """All that is known, field by field, and what has gone stale or was never known."""

    customer_id: UUID
    details: list[DetailView]
    stale: list[Detail]
    missing: list[Detail]


class DetailSummary(BaseModel):
    """One field in the view: its value where it may be shown there, and whether it can be relied on."""

    field: Detail
    value: str | None
    source: Source
    updated_at: datetime
    freshness: Freshness


class DetailsChange(Body):
    """What to set or confirm; null removes a field, and what is left out stays. Income is a month's, in the bank's
    base currency."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"job": "engineer", "income_band": "10000_20000", "phone": "13800000001"}]},
    )

    job: Words | None = None
    employer: Words | None = None
    income_band: IncomeBand | None = None
    marital_status: Literal["single", "married", "divorced", "widowed"] | None = None
    education: Literal["school", "college", "bachelor", "master", "doctor"] | None = None
    phone: Annotated[str, StringConstraints(strip_whitespace=True, min_length=5, max_length=40)] | None = None
    address: Line | None = None
    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200)] | None = None

    @model_validator(mode="after")
    def _something(self) -> "DetailsChange":
        if not self.model_fields_set:
            raise Misfit("name at least one field", "至少填写一项")
        return self
