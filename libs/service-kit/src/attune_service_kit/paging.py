"""Keyset paging: a cursor is where the next page begins, signed and bound to its caller and filters (L87)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel, SecretStr

from attune_service_kit.errors import BadRequest

T = TypeVar("T")
_SIGNATURE = 16
_LONGEST = 1024

Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page has at most")]
ByTime = Annotated[Literal["newest", "oldest"], Query(description="By time: which come first")]
Cursor = Annotated[str | None, Query(max_length=_LONGEST, description="`next_cursor` of the page before")]


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


class InvalidCursor(BadRequest):
    """The cursor is not ours, or belongs to another caller or filter."""

    code = "invalid_cursor"


def encode_cursor(key: SecretStr, values: Sequence[Any], *, bound_to: Sequence[Any] = ()) -> str:
    """A cursor holding `values` (str, int, float, bool, None, UUID, date, datetime).

    `bound_to` names caller and filters: the cursor is refused with any other.
    """
    payload = orjson.dumps([_tagged(value) for value in values])
    return base64.urlsafe_b64encode(_sign(key, payload, bound_to) + payload).rstrip(b"=").decode()


def decode_cursor(key: SecretStr, cursor: str, *, bound_to: Sequence[Any] = ()) -> list[Any]:
    """The values of a cursor, with their types; raises InvalidCursor."""
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error
    signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if len(cursor) > _LONGEST or not hmac.compare_digest(signature, _sign(key, payload, bound_to)):
        raise _invalid()
    return [_untagged(value) for value in orjson.loads(payload)]


def by_time(statement: str) -> Mapping[str, str]:
    """A statement's two forms: its {beyond} compares with where the page before has ended, {order} sorts."""
    return {
        "newest": statement.format(beyond="<", order="DESC"),
        "oldest": statement.format(beyond=">", order="ASC"),
    }


def page(items: Sequence[T], limit: int, key: SecretStr, values: Any, *, bound_to: Sequence[Any] = ()) -> "Page[T]":
    """The page of a query that asked for `limit + 1` rows; `values` gives an item's cursor values."""
    more = len(items) > limit
    shown = list(items[:limit])
    return Page(items=shown, next_cursor=encode_cursor(key, values(shown[-1]), bound_to=bound_to) if more else None)


def _sign(key: SecretStr, payload: bytes, bound_to: Sequence[Any]) -> bytes:
    context = orjson.dumps([str(part) for part in bound_to])
    message = len(context).to_bytes(4, "big") + context + payload
    return hmac.digest(key.get_secret_value().encode(), b"attune.cursor\x00" + message, hashlib.sha256)[:_SIGNATURE]


_READERS: Mapping[str, Callable[[str], Any]] = {
    "u": UUID,
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
}


def _tagged(value: Any) -> Any:
    match value:
        case UUID():
            return {"u": str(value)}
        case datetime():
            return {"t": value.isoformat()}
        case date():
            return {"d": value.isoformat()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"a cursor cannot hold {type(value).__name__}")


def _untagged(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    (tag, text), *_ = value.items()
    return _READERS[tag](text)


def _invalid() -> InvalidCursor:
    return InvalidCursor("this cursor does not belong to this list", "分页游标无效")
