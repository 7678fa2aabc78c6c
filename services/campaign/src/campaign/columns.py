"""The base of campaign's tables and its kinds of columns."""

from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, DateTime, Double, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry()):
    """Base of campaign's tables: its own registry, so that two services can share a process."""


def text(**kwargs: Any) -> Any:
    """Text."""
    return Field(sa_type=Text, **kwargs)


def moment(**kwargs: Any) -> Any:
    """A moment, in UTC."""
    return Field(sa_type=DateTime(timezone=True), **kwargs)


def minor(**kwargs: Any) -> Any:
    """Money in minor units."""
    return Field(sa_type=BigInteger, **kwargs)


def small(**kwargs: Any) -> Any:
    """A small integer."""
    return Field(sa_type=SmallInteger, **kwargs)


def json(**kwargs: Any) -> Any:
    """A JSON object."""
    return Field(sa_type=JSONB, **kwargs)


def blob(**kwargs: Any) -> Any:
    """Bytes as they were sent."""
    return Field(sa_type=LargeBinary, **kwargs)


def texts(**kwargs: Any) -> Any:
    """A list of texts."""
    return Field(sa_type=ARRAY(Text), **kwargs)


def uuids(**kwargs: Any) -> Any:
    """A list of ids."""
    return Field(sa_type=ARRAY(Uuid), **kwargs)


def real(**kwargs: Any) -> Any:
    """A double."""
    return Field(sa_type=Double, **kwargs)


def yes() -> Any:
    """A boolean that is true unless somebody says otherwise."""
    return Field(default=None, nullable=False, sa_column_kwargs={"server_default": sqlalchemy.true()})


def seeded() -> Any:
    """Who made a row; rows from before anybody asked are the shipped ones."""
    return text(default=None, nullable=False, sa_column_kwargs={"server_default": "attune"})


def wall_now() -> Any:
    """A wall-clock moment set by the database."""
    return moment(default=None, nullable=False, sa_column_kwargs={"server_default": sqlalchemy.text("now()")})
