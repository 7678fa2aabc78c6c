"""The regions that the bank works in."""

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field

from customer_360.tables.base import Table, text


class Region(Table, table=True):
    """What statistics say about a region of the bank."""

    __tablename__ = "region"

    region_id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=text())
    part_of: str | None = Field(default=None, sa_column=text(nullable=True))
    inhabitants: int | None = None
    urban_percent: float | None = None
    average_salary_minor: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    unemployment_percent: float | None = None
    unemployment_percent_before: float | None = None
    entrepreneurs_per_1000: int | None = None
    crimes: int | None = None
    crimes_before: int | None = None
