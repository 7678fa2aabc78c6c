"""Hand a request on to the service that answers it, and its answer back. Nothing is stored, bodies pass through."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send
from yarl import URL

from attune_service_kit.errors import TooLarge, Unavailable
from attune_service_kit.overload import DEADLINE_HEADER, patience, streams
from gateway.refusals import UpstreamTimeout
from gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)

# RFC 9110, 7.6.1, and what only this hop may say: a client's word on who it is or where it comes from goes no further.
_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    b" upgrade expect host".split()
)
_OURS = re.compile(rb"x-forwarded-.*|forwarded|x-real-ip|x-client-ip|true-client-ip|x-request-id|x-correlation-id")
_FROM_SERVICE = frozenset((*_HOP, b"date", b"server", b"x-request-id", b"x-correlation-id"))

_SMALL = 1 << 16
_NO_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

# uvicorn closes an idle connection after 5 s: let go of it before, or a request is lost on the way.
_KEEP_ALIVE = 4.0

# A stream of events that is silent so long is dead: the services' hearts beat every quarter of a minute.
_SILENCE = 60.0


class ClientGone(Exception):
    """The client left in the middle of its request."""


class Upstreams:
    """Connections to the services. Use as an asynchronous context."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._streaming: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pools; nothing is connected yet. Streams have one of their own: they keep what they take."""
        self._session = self._pool(self._settings.connections)
        self._streaming = self._pool(self._settings.streams)

    def _pool(self, connections: int) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=connections,
                keepalive_timeout=_KEEP_ALIVE,
                ssl=_trust(self._settings.upstream_ca),
            ),
            # No limit on the whole: a stream of events stays open. Until the answer begins, `forward` limits it.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_seconds),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NO_AUTO_HEADERS,
        )

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._session, self._streaming):
            if session is not None:
                await session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool."""
        if self._session is None:
            raise RuntimeError("the gateway is not open")
        return self._session

    def _session_for(self, scope: Scope) -> aiohttp.ClientSession:
        """The streams' pool for who asks for events, as every EventSource does."""
        asks = any(name == b"accept" and b"text/event-stream" in value for name, value in scope["headers"])
        return self._streaming if asks and self._streaming is not None else self.session

    async def alive(self, service: str, path: str = "/livez") -> bool:
        """Whether the service's process answers; with /readyz, whether it can work."""
        timeout = aiohttp.ClientTimeout(total=self._settings.connect_seconds)
        try:
            async with self.session.get(f"{self._settings.upstreams[service]}{path}", timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send, ids: tuple[str, str]) -> None:
        """Send the request on and the answer back.

        Raises TooLarge, Unavailable or UpstreamTimeout before the answer has begun; later the connection is cut.
        """
        body = Body(scope, receive, self._settings.max_body_bytes)
        url = URL(self._settings.upstreams[service] + _target(scope), encoded=True)
        limit = asyncio.timeout(self._settings.total_seconds)
        try:
            async with (
                limit,
                self._session_for(scope).request(
                    scope["method"],
                    url,
                    headers=_request_headers(scope, ids, body.length, self._settings.total_seconds),
                    data=await body.content(),
                    allow_redirects=False,
                ) as answer,
            ):
                if streams(answer.raw_headers):
                    limit.reschedule(None)
                    await _while_there(receive, _relay(answer, send, _SILENCE))
                else:
                    await _relay(answer, send)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise body.fault or _refusal(service, error) from error


class Body:
    """A request's body: small ones are read at once, others streamed within the limit."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        self.length = int(length) if length.isdigit() else None
        self._none = self.length in (None, 0) and b"transfer-encoding" not in headers
        self._receive, self._limit = receive, limit
        self.fault: Exception | None = None

    async def content(self) -> bytes | AsyncIterator[bytes] | None:
        """What to send on. TooLarge at once if the client says so itself."""
        if self._none:
            return None
        if self.length is not None and self.length > self._limit:
            raise _too_large(self._limit)
        if self.length is not None and self.length <= _SMALL:
            return b"".join([chunk async for chunk in self._chunks()])
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.fault = ClientGone()
                raise self.fault
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(chunk)
            if size > self._limit:
                self.fault = _too_large(self._limit)
                raise self.fault
            if chunk:
                yield chunk


def _trust(authority: Path | None) -> ssl.SSLContext | bool:
    """Whose certificates the services may show: the named authority's, else those that the machine trusts."""
    return ssl.create_default_context(cafile=authority) if authority else True


def _too_large(limit: int) -> TooLarge:
    return TooLarge("the body is too large", "请求体过大", max_bytes=limit)


def _target(scope: Scope) -> str:
    path = bytes(scope["raw_path"]).decode("ascii")
    query = bytes(scope["query_string"]).decode("ascii")
    return f"{path}?{query}" if query else path


def _request_headers(scope: Scope, ids: tuple[str, str], length: int | None, seconds: float) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    dropped = _HOP | _named_by_connection(scope["headers"])
    for name, value in scope["headers"]:
        if name not in dropped and name != b"content-length" and not _OURS.fullmatch(name):
            headers.add(name.decode("latin-1"), value.decode("latin-1"))
    if length is not None:
        headers["Content-Length"] = str(length)
    if scope.get("client"):
        headers["X-Forwarded-For"] = scope["client"][0]
    headers["X-Request-Id"], headers["X-Correlation-Id"] = ids
    # The service need not work on when nobody waits here any more.
    asked = patience(headers.get(DEADLINE_HEADER))
    headers[DEADLINE_HEADER] = str(int(1000 * min(seconds, seconds if asked is None else asked)))
    return headers


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """Headers that the client marks as meant for this hop only."""
    named = (value for name, value in headers if name == b"connection")
    return frozenset(part.strip().lower() for value in named for part in value.split(b","))


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


async def _relay(answer: aiohttp.ClientResponse, send: Send, silence: float | None = None) -> None:
    """Send the answer as it comes; a small one in one piece. A longer `silence` is a TimeoutError."""
    headers = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() not in _FROM_SERVICE]
    whole = answer.content_length is not None and answer.content_length <= _SMALL
    first = await answer.read() if whole else await answer.content.readany()
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if whole:
        await send({"type": "http.response.body", "body": first})
        return
    chunk = first
    while chunk:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        async with asyncio.timeout(silence):
            chunk = await answer.content.readany()
    await send({"type": "http.response.body", "body": b""})


def _refusal(service: str, error: BaseException) -> Unavailable | UpstreamTimeout:
    log.warning("upstream_failed", kind=service, error=type(error).__name__)
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return UpstreamTimeout("the service did not answer in time", "服务响应超时", upstream=service)
    return Unavailable("the service does not answer", "服务暂时不可用", upstream=service)
