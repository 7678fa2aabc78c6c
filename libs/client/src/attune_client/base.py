"""What the generated code is made of: tolerant models, and groups of operations that share a transport."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, ConfigDict, PlainValidator, TypeAdapter

# Stands behind a Literal: type checkers know the values of today, answers may carry those of tomorrow.
OPEN = PlainValidator(lambda value: value)


class Model(BaseModel):
    """Something that Attune takes or tells. Unknown fields of a newer server are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, defer_build=True)


class ServerEvent(Model):
    """One server-sent event: `data` is its JSON, `id` is where to go on after a break."""

    event: str
    id: str | None
    data: Any


class Sender(Protocol):
    """What carries requests: see `attune_client.transport`."""

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        repeatable: bool = False,
    ) -> bytes:
        """Send a request and return the body of the answer; raises Problem or Unreachable."""

    def lines(self, path: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> AsyncIterator[str]:
        """GET and yield the lines of an answer without end, as they come; raises Problem or Unreachable."""


@cache
def adapter(wanted: Any) -> TypeAdapter[Any]:
    """The reader of a type."""
    return TypeAdapter(wanted)


class Operations:
    """A group of operations."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def _call(
        self,
        wanted: Any,
        method: str,
        path: str,
        *,
        at: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        body: BaseModel | bytes | None = None,
        key: str | None = None,
    ) -> Any:
        """Send a request and read its answer as `wanted`; `at` fills the path, `key` makes a write repeatable."""
        said = {name: text(value) for name, value in (headers or {}).items() if value is not None}
        if key is not None:
            said["Idempotency-Key"] = key
        if isinstance(body, BaseModel):
            said["Content-Type"] = "application/json"
            body = body.model_dump_json(by_alias=True, exclude_unset=True).encode()
        elif body is not None:
            said["Content-Type"] = "application/octet-stream"
        answer = await self._sender.send(
            method,
            path.format(**{name: quote(text(value), safe="") for name, value in (at or {}).items()}),
            params={name: _query(value) for name, value in (params or {}).items() if value is not None},
            headers=said,
            content=body,
            repeatable=key is not None or method in ("GET", "HEAD"),
        )
        if wanted in (bytes, None):
            return answer if wanted is bytes else None
        return adapter(wanted).validate_json(answer)

    async def _follow(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, Any] | None = None
    ) -> AsyncIterator[ServerEvent]:
        """Yield server-sent events until the server ends the stream."""
        asked = {name: _query(value) for name, value in (params or {}).items() if value is not None}
        said = {name: text(value) for name, value in (headers or {}).items() if value is not None}
        fields: dict[str, str] = {}
        async for line in self._sender.lines(path, asked, said):
            name, _, value = line.partition(":")
            if line:
                fields[name] = fields[name] + "\n" + value.lstrip() if name in fields else value.lstrip()
            elif "data" in fields:
                yield ServerEvent(event=fields.get("event", "message"), id=fields.get("id"), data=_json(fields["data"]))
                fields = {}


def _json(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


def text(value: Any) -> str:
    """A value as it stands in a path, a query or a header."""
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return str(value.value)
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
    return str(value)


def _query(value: Any) -> str | list[str]:
    return [text(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else text(value)


async def pages(fetch: Callable[[str | None], Awaitable[Any]]) -> AsyncIterator[Any]:
    """Every item of a list, page after page."""
    cursor: str | None = None
    while True:
        page = await fetch(cursor)
        for item in page.items:
            yield item
        cursor = page.next_cursor
        if not cursor:
            return
