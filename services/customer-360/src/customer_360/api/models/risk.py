"""Risk assessments."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from attune_service_kit.bodies import Body

Rating = Literal["C1", "C2", "C3", "C4", "C5"]
Questionnaire = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class RiskAssessmentView(BaseModel):
    """One assessment: the rating, what found it, and how long it holds."""

    assessment_id: UUID
    rating: Rating
    score: int | None
    source: str
    rated_on: date
    valid_until: date
    assessed_by: str
    at: datetime


class RiskSummary(BaseModel):
    """The rating that holds, or held last; `valid` = it holds today. `assessments` were made in twelve months."""

    rating: Rating | None
    rated_on: date | None
    valid_until: date | None
    valid: bool
    assessments: int


class NewRiskAssessment(Body):
    """What an assessment of today has found."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"rating": "C3", "score": 41, "source": "questionnaire 2026-02"}]},
    )

    rating: Rating
    source: Questionnaire = Field(description="What found it: the questionnaire and its version")
    score: int | None = Field(default=None, ge=0, le=1000)
    valid_months: int | None = Field(default=None, ge=1, le=12, description="Twelve, or what the bank has set")
