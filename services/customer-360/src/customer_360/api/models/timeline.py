"""The timeline."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from customer_360.timeline_kinds import Kind


class TimelineEntryView(BaseModel):
    """One event: its kind, what happened, and the particulars that carry no personal data."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "at": "2026-03-17T06:05:11Z",
                    "kind": "contact",
                    "what": "made",
                    "key": "0190a7c8-0000-7000-8000-000000000001",
                    "detail": {"channel": "call_centre", "disposition": "reached", "opportunity_id": None},
                }
            ]
        }
    )

    at: datetime
    kind: Kind
    what: str
    key: str
    detail: dict[str, Any]
