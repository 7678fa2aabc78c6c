"""Imports."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from customer_360.tables.base import Table, moment, text


class ImportRun(Table, table=True):
    """One import: what was asked for, what was counted, when it was published."""

    __tablename__ = "import_run"

    import_id: UUID = Field(primary_key=True)
    source: str = Field(sa_column=text())
    datasets: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    counts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    completed_at: datetime = Field(sa_column=moment())
