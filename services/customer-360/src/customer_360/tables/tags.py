"""Tags: what they mean, who has them, and what a customer has deleted for good."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Column, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from customer_360.tables.base import Table, customer, moment, text


class TagDefinition(Table, table=True):
    """What a tag means: without a definition there is no tag. `keep_days` = how long one lives without renewal (R-06).

    `personal` ones are a profile: nobody reads them of a customer who wants no personalisation (R-02).
    """

    __tablename__ = "tag_definition"

    tag: str = Field(sa_column=Column(Text, primary_key=True))
    version: int
    name_zh: str = Field(sa_column=text())
    name_en: str = Field(sa_column=text())
    allowed: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    owner: str = Field(sa_column=text())
    purpose: str = Field(sa_column=text())
    personal: bool
    customer_visible: bool
    keep_days: int
    changed_by: str = Field(sa_column=text())
    changed_at: datetime = Field(sa_column=moment())


class Tag(Table, table=True):
    """One tag of a customer from one source; after `expires_on` it is not shown and then purged."""

    __tablename__ = "tag"
    __table_args__ = (Index("tag_expiry", "expires_on"),)

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    tag: str = Field(sa_column=Column(Text, primary_key=True))
    source: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=text())
    assigned_by: str = Field(sa_column=text())
    assigned_at: datetime = Field(sa_column=moment())
    expires_on: date


class TagDeletion(Table, table=True):
    """A tag that was deleted: the same source never gives it again (R-11)."""

    __tablename__ = "tag_deletion"

    customer_id: UUID = Field(sa_column=customer(primary_key=True))
    tag: str = Field(sa_column=Column(Text, primary_key=True))
    source: str = Field(sa_column=Column(Text, primary_key=True))
    deleted_by: str = Field(sa_column=text())
    deleted_at: datetime = Field(sa_column=moment())


class TagLoad(Table, table=True):
    """How far the tags of a source have been loaded: an older snapshot is left alone."""

    __tablename__ = "tag_load"

    source: str = Field(sa_column=Column(Text, primary_key=True))
    as_of: date
    manifest: str = Field(sa_column=text())
