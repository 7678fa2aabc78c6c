"""The outermost layer of a service's HTTP: ids, a place among what is under way, bounded bodies, the access line."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune_service_kit import telemetry
from attune_service_kit.errors import (
    BadRequest,
    Invalid,
    NotFound,
    Refusal,
    TooLarge,
    UnsupportedMedia,
    database_refusal,
    problem,
    unexpected,
)
from attune_service_kit.hot import HotRoutes
from attune_service_kit.overload import DEADLINE_HEADER, QUIET, Admission, Place, deadline_exceeded, patience, streams
from attune_service_kit.paths import plain

log = structlog.get_logger("access")

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DEADLINE = DEADLINE_HEADER.encode()
_BRACKETS = 500
_NODES = frozenset({dict, list})  # what JSON is read to: no classes of ours
DEEPEST = 32  # levels of a JSON document; no contract needs ten


class Malformed(BadRequest):
    """The body is not JSON as RFC 8259 and 7493 have it."""

    code = "malformed_json"


class Edge:
    """ASGI middleware around a whole service."""

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        tracing: telemetry.Tracing,
        hot: HotRoutes,
        admission: Admission,
        streamed: re.Pattern[str],
    ) -> None:
        self.app, self.max_body, self.hot, self.streamed = app, max_body_bytes, hot, streamed
        self._tracing, self._admission = tracing, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; other kinds of connection pass through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # The first of several counts; names are lower case by ASGI's word.
        headers = dict(reversed(scope["headers"]))
        ids = telemetry.begin(_text(headers, b"x-request-id"), _text(headers, b"x-correlation-id"))
        self._tracing.activate()
        exchange = _Exchange(scope, receive, send, ids, headers)
        started = time.perf_counter()
        try:
            with self._admission.place(scope["path"]) as exchange.place:
                await exchange.within(patience(_text(headers, _DEADLINE)), self)
        except Exception as error:
            await exchange.fail(error)
        finally:
            exchange.access_line(time.perf_counter() - started)


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, ids: tuple[str, str], headers: Mapping[bytes, bytes]
    ) -> None:
        self._scope, self._receive, self._send, self._ids, self._headers = scope, receive, send, ids, headers
        self.place: Place | None = None
        self._limit: asyncio.Timeout | None = None
        self._status = 0
        self._bytes = 0

    async def within(self, seconds: float | None, edge: Edge) -> None:
        """Answer within the caller's time; DeadlineExceeded when it is over."""
        if seconds is None:
            await self.run(edge)
            return
        if seconds == 0:
            raise deadline_exceeded()
        self._limit = asyncio.timeout(seconds)
        try:
            async with self._limit:
                await self.run(edge)
        except TimeoutError as error:
            if not self._limit.expired():
                raise
            raise deadline_exceeded() from error

    async def run(self, edge: Edge) -> None:
        """Read the body, find who answers, and let them."""
        raw = self._scope.get("raw_path") or b""
        if b"%" in raw and not plain(raw.decode("latin-1")):
            raise NotFound("no such resource", "资源不存在")
        receive = self._receive
        if self._scope["method"] in _WITH_BODY:
            streamed = edge.streamed.fullmatch(f"{self._scope['method']} {self._scope['path']}")
            receive = self._as_it_is() if streamed else await self._read(edge.max_body)
        await (await edge.hot.answer(self._scope) or edge.app)(self._scope, receive, self._sending)

    def _as_it_is(self) -> Receive:
        """Whoever takes the bytes looks at their kind and limits them while they come (`octets`)."""
        self._scope.setdefault("state", {})["json"] = None
        return self._receive

    async def _read(self, max_body: int) -> Receive:
        """Read the body within its limit, check it, and hand it on as one message."""
        if (length := self._headers.get(b"content-length", b"0")).isdigit() and int(length) > max_body:
            raise _too_large(max_body)
        body, more = b"", True
        rest = bytearray()  # one buffer: a list of a body's crumbs would take many times its length
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return _replay(message)
            part = message.get("body", b"")
            if body:
                rest += part
            else:
                body = part
            more = message.get("more_body", False)
            if len(body) + len(rest) > max_body:
                raise _too_large(max_body)
        if rest:
            body += bytes(rest)
        state = self._scope.setdefault("state", {})
        state["json"] = checked(body, _text(self._headers, b"content-type") or "") if body else None
        return _replay({"type": "http.request", "body": body, "more_body": False}, then=self._receive)

    async def _sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = message.setdefault("headers", [])
            request, correlation = self._ids
            headers += ((b"x-request-id", request.encode()), (b"x-correlation-id", correlation.encode()))
            if b"cache-control" not in dict(headers):
                headers.append((b"cache-control", b"no-store"))
            if self.place and streams(headers):
                # It stays open for hours: it holds no place, and no caller waits for its end.
                self.place.leave()
                if self._limit:
                    self._limit.reschedule(None)
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Answer with the refusal; what nobody foresaw is logged and told to the caller as such."""
        refusal = error if isinstance(error, Refusal) else database_refusal(error)
        if not isinstance(error, Refusal):
            log.error("request_failed", exc_info=error, error=type(error).__name__)
        if self._status:  # the answer has begun: cutting the connection is all that is left
            raise error
        response = problem(refusal) if refusal else unexpected()
        await response(self._scope, self._receive, self._sending)

    def access_line(self, seconds: float) -> None:
        """One line a request, without its data."""
        if self._scope["path"] in QUIET:
            return
        route = getattr(self._scope.get("route"), "path", None)
        client = self._scope.get("state", {}).get("client_id")
        telemetry.ACCESS.line(self._scope["method"], route or "unknown", self._status, seconds, self._bytes, client)


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _replay(message: Message, then: Receive | None = None) -> Receive:
    """A receive that gives one message first, and after it what the connection gives."""
    waiting = [message]

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        return await then() if then else {"type": "http.disconnect"}

    return receive


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def checked(body: bytes, content_type: str) -> Any:
    """The parsed body. Refused: other types, NaN, overflow, lone surrogates, duplicate keys, depth."""
    if not is_json(content_type):
        raise UnsupportedMedia("send application/json", "请求体须为 application/json")
    try:
        parsed = orjson.loads(body)
        # Each key has its colon: with as many colons as keys read, none was written twice. Others are read once more.
        if body.count(b":") != _keys(parsed, _opened(body)):
            json.loads(body, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise (_not_finite() if _only_not_finite(body) else _malformed()) from error
    return parsed


def _only_not_finite(body: bytes) -> bool:
    """Whether numbers that are none, or beyond a double, are all that is wrong with a refused body."""

    def finite(text: str) -> float | None:
        return number if isfinite(number := float(text)) else None

    try:
        # As text: of bytes it would take other encodings and a byte-order mark, too.
        mended = json.loads(body.decode(), object_pairs_hook=_once, parse_float=finite, parse_constant=lambda _: None)
        text = json.dumps(mended, ensure_ascii=False).encode()
        _keys(orjson.loads(text), len(text))
    except (ValueError, RecursionError):
        return False
    return True


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    _unique(pairs)
    return dict(pairs)


def _unique(pairs: Sequence[tuple[str, Any]]) -> None:
    """Refuse a key that comes twice: two readers would read two different documents."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("duplicate key")


def _keys(document: Any, opened: int) -> int:
    """How many keys the objects of a document have; ValueError if it is too deep.

    `opened` is at least the number of its objects and lists: once so many are found, no value more is looked at.
    """
    keys, level = 0, [document] if type(document) in _NODES else []
    for _ in range(DEEPEST):
        keys += sum(map(len, filter(_is_object, level)))
        opened -= len(level)
        if not level or not opened:
            return keys
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _NODES
        ]
    if level:
        raise ValueError("too deep")
    return keys


def _is_object(node: Any) -> bool:
    return type(node) is dict


def _opened(body: bytes) -> int:
    """How many brackets a text opens; of more than some hundreds its length is told."""
    found = 0
    for bracket in (b"{", b"["):
        at = body.find(bracket)
        while at >= 0 and found < _BRACKETS:  # few, in a long text: a search for each is faster than counting
            found += 1
            at = body.find(bracket, at + 1)
    return found if found < _BRACKETS else len(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge("the body is too large", "请求体过大", max_bytes=limit)


def _not_finite() -> Invalid:
    return Invalid("a number is not finite", "存在非有限数值", errors=[{"at": "body", "fault": "not_finite"}])


def _malformed() -> Malformed:
    return Malformed("the body is not well-formed JSON", "请求体不是合法的 JSON")
