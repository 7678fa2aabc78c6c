"""Consent."""

from datetime import date
from typing import Literal

from pydantic import BaseModel

Consents = Literal["personalised_decision", "marketing_contact", "survey", "third_party"]


class ConsentView(BaseModel):
    """A decision of the customer. A purpose that is not listed is unknown, and that means no."""

    purpose: Consents
    granted: bool
    evidence: str
    since: date
