"""Risk assessments of customers, dated."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from customer_360.tables.base import Table, customer, moment, text


class RiskAssessment(Table, table=True):
    """One assessment: the rating, what it was found by, and how long it holds. The newest one is in the profile."""

    __tablename__ = "risk_assessment"
    __table_args__ = (Index("risk_assessment_customer", "customer_id", "rated_on", "assessment_id"),)

    assessment_id: UUID = Field(primary_key=True)
    customer_id: UUID = Field(sa_column=customer())
    rating: str = Field(sa_column=text())
    score: int | None = None
    source: str = Field(sa_column=text())
    rated_on: date
    valid_until: date
    assessed_by: str = Field(sa_column=text())
    at: datetime = Field(sa_column=moment())
