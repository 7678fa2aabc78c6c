"""UUIDs as PostgreSQL's driver has them: equal to Python's, but read, hashed and sent without a line of Python."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from asyncpg.pgproto import pgproto

uuid_of = cast(Callable[[Any], UUID], pgproto.UUID)
"""A UUID of its canonical text, or of its 16 bytes; ValueError or TypeError if it is none."""
