"""Branches, their tree, and who works there."""

from sqlalchemy import Column, Text
from sqlmodel import Field

from customer_360.tables.base import Table, text


class Branch(Table, table=True):
    """A branch and the one above it; head office has none above."""

    __tablename__ = "branch"

    branch_id: str = Field(sa_column=Column(Text, primary_key=True))
    parent_id: str | None = Field(default=None, sa_column=text(nullable=True))
    name: str = Field(sa_column=text())
    region_id: str | None = Field(default=None, sa_column=text(nullable=True))


class BranchScope(Table, table=True):
    """The closure of the branch tree: every branch under an ancestor, itself included (X23)."""

    __tablename__ = "branch_scope"

    ancestor: str = Field(sa_column=Column(Text, primary_key=True))
    branch: str = Field(sa_column=Column(Text, primary_key=True))


class Employee(Table, table=True):
    """A member of staff; relationship managers have a book of business (`party.manager_id`)."""

    __tablename__ = "employee"

    employee_id: str = Field(sa_column=Column(Text, primary_key=True))
    branch_id: str = Field(sa_column=text())
    role: str = Field(sa_column=text())
    name: str | None = Field(default=None, sa_column=text(nullable=True))
    daily_capacity: int | None = None
