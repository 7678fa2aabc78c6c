"""Hand a request on to the service that answers it, and its answer back. Nothing is stored, bodies pass through."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog
from starlette.types import Receive, Scope, Send

from attune_service_kit.errors import BadRequest, TooLarge, Unavailable
from attune_service_kit.overload import DEADLINE_HEADER, NOBODY_HEADER, deadline_exceeded, streams
from gateway.calling import Upstream
from gateway.heads import HOP, Head
from gateway.refusals import UpstreamTimeout
from gateway.routing import Found
from gateway.settings import GatewaySettings
from gateway.upstream import SMALL, Connection, Request, Silent

log = structlog.get_logger(__name__)

_NOBODY = NOBODY_HEADER.encode()
_FROM_SERVICE = frozenset((*HOP, b"date", b"server", b"x-request-id", b"x-correlation-id", _NOBODY))

_BODILESS = (204, 304)

# Ends of paths that keep places of their own under overload and are sent on whatever a service's breaker says: opting
# out must always be possible (P-16).
URGENT = ("/consents", "/consents:opt-out")

# Seconds after the end of the caller's time in which the service may still say so itself.
_GRACE = 0.25

# A stream of events that is silent so long is dead: the services' hearts beat every quarter of a minute.
_SILENCE = 60.0


class ClientGone(Exception):
    """The client left in the middle of its request."""


class Upstreams:
    """Connections to the services; nothing is connected before it is needed."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        trust = _trust(settings)
        self._services = {name: Upstream(name, origin, settings, trust) for name, origin in settings.upstreams.items()}

    def close(self) -> None:
        """Hang up every connection that rests."""
        for upstream in self._services.values():
            upstream.close()

    def breakers(self) -> dict[str, dict[str, str | int]]:
        """How each service's breaker stands: its state, how often it has opened, how many calls were repeated."""
        breakers = {name: upstream.breaker for name, upstream in self._services.items()}
        return {n: {"state": b.state, "opened": b.opened, "repeated": b.repeated} for n, b in breakers.items()}

    async def alive(self, service: str, path: str = "/livez") -> bool:
        """Whether the service's process answers; with /readyz, whether it can work. No breaker is asked, or told."""
        pool = self._services[service].pool
        head = f"GET {path} HTTP/1.1\r\nhost: {pool.authority.decode()}\r\n\r\n".encode()
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                connection = await pool.ask(Request(b"GET", head), fresh=True)
                try:
                    await connection.piece()
                finally:
                    pool.leave(connection)
        except (TimeoutError, OSError):
            return False
        return connection.status == 200

    async def forward(
        self, found: Found, scope: Scope, head: Head, receive: Receive, send: Send, ids: tuple[str, str]
    ) -> bool:
        """Send the request on and the answer back. False if a search for a customer found nobody.

        Raises TooLarge, Unavailable, UpstreamTimeout or DeadlineExceeded before the answer has begun; later the
        connection is cut.
        """
        upstream = self._services[found.service]
        ticket = upstream.admit(anyway=found.template.endswith(URGENT))
        most, seconds = allowance(found.max_body, head, self._settings)
        wait = head.patience(seconds)
        # Who asks for events, as every EventSource does, takes a connection of the streams' pool.
        events = b"text/event-stream" in head.own.get(b"accept", b"")
        pool = upstream.streams if events else upstream.pool
        silence = found.read_seconds or self._settings.read_seconds
        body: bytes | AsyncIterator[bytes] | None = None
        connection: Connection | None = None
        try:
            # The service says itself when the caller's time is over, if it can.
            async with asyncio.timeout(seconds if wait == seconds else min(seconds, wait + _GRACE)) as limit:
                body = await _body(head, receive, most)
                request = build_request(scope, head, body, pool.authority, ids, wait)
                connection = await upstream.ask(pool, request, silence, ticket)
                try:
                    if streams(connection.headers):
                        limit.reschedule(None)
                        await _while_there(receive, _relay(connection, send, _SILENCE))
                    else:
                        await _relay(connection, send)
                finally:
                    pool.leave(connection)
        except (TimeoutError, OSError) as error:
            if connection is None and isinstance(error, TimeoutError):
                if wait < seconds:
                    raise deadline_exceeded() from error
                if isinstance(body, bytes):  # it was sent as a whole, so it is the service that is late
                    upstream.breaker.failed(ticket)
            raise _refusal(found.service, error) from error
        return not any(name == _NOBODY for name, _ in connection.headers)


def allowance(own: int | None, head: Head, settings: GatewaySettings) -> tuple[int, float]:
    """How large the body may be, and how long its answer may take in all.

    An operation that takes bytes has a limit of its `own`, and time for as many as are said to come.
    """
    if own is None:
        return settings.max_body_bytes, settings.total_seconds
    most = max(own, settings.max_body_bytes)
    coming = most if head.length is None else min(head.length, most)
    return most, settings.total_seconds + coming / settings.upload_bytes_per_second


def _trust(settings: GatewaySettings) -> ssl.SSLContext | None:
    """Whose certificates the services may show: the named authority's, else those that the machine trusts."""
    secure = any(origin.startswith("https://") for origin in settings.upstreams.values())
    return ssl.create_default_context(cafile=settings.upstream_ca) if secure else None


async def _body(head: Head, receive: Receive, limit: int) -> bytes | AsyncIterator[bytes]:
    """A request's body: a small one is read at once, others as they are sent on. TooLarge if it says so itself."""
    if head.coded:
        return _chunks(receive, limit)
    length = head.length or 0
    if length > limit:
        raise _too_large(limit)
    if length > SMALL:
        return _chunks(receive, limit)
    return b"".join([chunk async for chunk in _chunks(receive, limit)]) if length else b""


async def _chunks(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if chunk:
            yield chunk


def _too_large(limit: int) -> TooLarge:
    return TooLarge("the body is too large", "请求体过大", max_bytes=limit)


def build_request(
    scope: Scope,
    head: Head,
    body: bytes | AsyncIterator[bytes],
    authority: bytes,
    ids: tuple[str, str],
    seconds: float,
) -> Request:
    """The request as the service gets it. Our parser lets no line break in, and no space: looked at again here."""
    method, query = scope["method"].encode(), scope["query_string"]
    target = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
    own = f"x-request-id: {ids[0]}\r\nx-correlation-id: {ids[1]}\r\n"
    # The service need not work on when nobody waits here any more.
    own += f"{DEADLINE_HEADER}: {int(1000 * seconds)}\r\n"
    if scope.get("client"):
        own += f"x-forwarded-for: {scope['client'][0]}\r\n"
    if head.coded:
        own += "transfer-encoding: chunked\r\n"
    elif head.length is not None:
        own += f"content-length: {head.length}\r\n"
    onward = b"".join([b"%b: %b\r\n" % pair for pair in head.onward])
    lines = b"%b %b HTTP/1.1\r\nhost: %b\r\n%b%b\r\n" % (method, target, authority, onward, own.encode())
    ends = 3 + len(head.onward) + own.count("\n")
    if not lines.count(b"\r\n") == lines.count(b"\n") == lines.count(b"\r") == ends or b" " in target:
        raise BadRequest("this is not HTTP as it must be", "HTTP 请求格式不正确")
    return Request(method, lines, body, head.coded)


async def _while_there(receive: Receive, relaying: Coroutine[Any, Any, None]) -> None:
    """Relay a stream for as long as its client is there: nobody tells a sender that it sends to no one. ClientGone."""
    relay, gone = asyncio.ensure_future(relaying), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({relay, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not relay.done():
            raise ClientGone
        await relay
    finally:
        for task in (relay, gone):
            task.cancel()
        await asyncio.gather(relay, gone, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _relay(connection: Connection, send: Send, silence: float | None = None) -> None:
    """Send the answer as it comes; a small one in one piece. A longer `silence` is a TimeoutError."""
    headers = [pair for pair in connection.headers if pair[0] not in _FROM_SERVICE]
    if connection.status in _BODILESS:  # a length would be that of another answer
        headers = [pair for pair in headers if pair[0] != b"content-length"]
    await send({"type": "http.response.start", "status": connection.status, "headers": headers})
    while not connection.whole:
        async with asyncio.timeout(silence):
            piece = await connection.piece()
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": await connection.piece()})


def _refusal(service: str, error: BaseException) -> Unavailable | UpstreamTimeout:
    log.warning("upstream_failed", kind=service, error=type(error).__name__)
    if isinstance(error, TimeoutError | Silent):
        return UpstreamTimeout("the service did not answer in time", "服务响应超时", upstream=service)
    return Unavailable("the service does not answer", "服务暂时不可用", upstream=service)
