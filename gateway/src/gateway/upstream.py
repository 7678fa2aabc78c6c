"""HTTP/1.1 to a service over kept connections: httptools parses the answers, one request at a time on each.

It knows what the gateway needs and no more: an origin, a request's head as bytes, an answer that says its length or
comes in chunks. A general client took most of the time that the gateway adds to a request (`attune bench B8`).
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

# uvicorn closes an idle connection after 5 s: let go of it before, or a request is lost on the way.
_KEEP_ALIVE = 4.0

# An answer up to this size is waited for as a whole; more than so much is not read before it is handed on.
SMALL = 1 << 16
_HELD = 1 << 18
_LARGEST_HEAD = 1 << 16

# How often it is looked whether an answer is overdue: a timer for each request would cost more than all of this.
_LOOK = 0.25

# What may be asked once more if the connection ended before a byte of the answer came (RFC 9110, 9.2.2).
_REPEATABLE = frozenset({b"GET", b"PUT", b"DELETE"})


class Lost(ConnectionError):
    """There is no connection, or it ended before the answer was whole, or what came was not HTTP."""

    kept = False  # whether it happened on a connection that had carried others before
    heard = 0  # bytes of the answer


class Unreached(Lost):
    """There is no connection: nothing was sent."""


class Taken(Lost):
    """Every connection of ours is taken: that says nothing about the service."""


class Silent(Lost):
    """Not a byte of an answer came in time."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent: the head with its empty line, and the body, in chunks if nobody knows its length."""

    method: bytes
    head: bytes
    body: bytes | AsyncIterator[bytes] = b""
    chunked: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent a second time."""
        return self.method in _REPEATABLE and isinstance(self.body, bytes)


class Connection(asyncio.Protocol):
    """One connection. After `ask` it holds an answer: `status`, `headers`, and the body in `piece` after `piece`."""

    def __init__(self, forget: "Callable[[Connection], None]") -> None:
        self.status, self.headers = 0, list[tuple[bytes, bytes]]()
        self.heard, self.whole = 0, True
        self.rested = 0.0
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._fault: Exception | None = None
        self._pieces: list[bytes] = []
        self._held, self._paused = 0, False
        self._has_head, self._small, self._keep = False, False, True

    async def ask(self, request: Request) -> None:
        """Send a request and wait for its answer: for all of it if it is small, else for the first of its body."""
        self.headers, self.heard, self.whole = [], 0, False
        self._has_head = self._small = False
        self._sending = None
        if isinstance(request.body, bytes):
            self._transport.write(request.head + request.body)
        else:
            self._transport.write(request.head)
            self._sending = asyncio.ensure_future(self._send(request.body, request.chunked))
        await self._news()

    async def piece(self) -> bytes:
        """What has come of the body since the last call, at least a byte; nothing at its end."""
        if not self._pieces and not self.whole:
            await self._news()
        pieces, self._pieces, self._held = self._pieces, [], 0
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return b"".join(pieces)

    @property
    def reusable(self) -> bool:
        """Whether the next request may take it: all was sent, all has come, and it stays open."""
        sent = self._sending is None or self._sending.done()
        return sent and self.whole and self._keep and not self._pieces and not self._transport.is_closing()

    def silent(self) -> None:
        """Give up on an answer of which nothing has come."""
        self._fail(Silent("nothing of an answer came"))

    def close(self) -> None:
        """Hang up."""
        if self._sending is not None:
            self._sending.cancel()
        self._transport.abort()

    async def _news(self) -> None:
        """Wait until there is something to hand on; raises what went wrong."""
        if self._fault is None:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._fault is not None and not self._ready:
            raise self._fault

    @property
    def _ready(self) -> bool:
        return self.whole or (bool(self._pieces) and not self._small)

    def _fail(self, error: Exception) -> None:
        if self._fault is None:
            self._fault = error
        self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _send(self, body: AsyncIterator[bytes], chunked: bool) -> None:
        try:
            async for piece in body:
                self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if self._writable is not None:
                    await self._writable
            if chunked:
                self._transport.write(b"0\r\n\r\n")
        except Exception as error:  # whoever waits for the answer raises it
            self._fail(error)

    # --- what the transport says --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's name
        """Tell whoever waits; a resting connection leaves the pool."""
        self._forget(self)
        self.resume_writing()
        self._fail(Lost("the connection ended"))

    def pause_writing(self) -> None:
        """The service reads slower than the client sends."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """The service has caught up."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def data_received(self, data: bytes) -> None:
        """Parse what has come; what nobody asked for ends the connection."""
        self.heard += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Lost("the answer is not HTTP/1.1 as it must be"))
            return
        if self._ready:
            self._wake()
        elif not self._has_head and self.heard > _LARGEST_HEAD:
            self._fail(Lost("the answer's head is too large"))
        if self._held > _HELD and not self._paused and not self.whole:
            self._paused = True
            self._transport.pause_reading()

    # --- what the parser says -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self.whole:
            raise ValueError("an answer without a question")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, its name in lower case; trailers are dropped."""
        if not self._has_head:
            name = name.lower()
            if name == b"content-length":
                self._small = int(value) <= SMALL
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there, or a word before it (1xx)."""
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200
        if not self._has_head:
            self.headers, self._small = [], False

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._pieces.append(body)
        self._held += len(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._has_head:
            self.whole, self._keep = True, self._parser.should_keep_alive()


class Pool:
    """Connections to one service, at most so many; the one that rested last is taken first."""

    def __init__(self, origin: str, limit: int, connect_seconds: float, trust: ssl.SSLContext | None) -> None:
        parts = urlsplit(origin)
        self.authority = parts.netloc.encode()
        self._host, self._tls = parts.hostname or "", trust if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._connect_seconds = connect_seconds
        self._turns = asyncio.Semaphore(limit)
        self._resting: list[Connection] = []
        self._overdue: dict[Connection, float] = {}
        self._looking: asyncio.TimerHandle | None = None

    async def ask(self, request: Request, silence: float | None = None, *, fresh: bool = False) -> Connection:
        """Send a request: the connection with its answer, to be given back with `leave`. Lost if there is none.

        Where a service is silent its callers do not wait for each other: what waits here holds a place of all others.
        `silence`: seconds in which something of the answer must come. `fresh`: by a new connection.
        """
        try:
            async with asyncio.timeout(self._connect_seconds) if self._turns.locked() else nullcontext():
                await self._turns.acquire()
        except TimeoutError:
            raise Taken("every connection is taken") from None
        connection = rested = None if fresh else self._rested()
        try:
            if connection is None:
                connection = await self._connect()
            if silence is not None:
                self._watch(connection, silence)
            await connection.ask(request)
        except BaseException as error:
            if isinstance(error, Lost) and connection is not None:
                error.kept, error.heard = rested is not None, connection.heard
            self.leave(connection)
            raise
        finally:
            if silence is not None and connection is not None:
                self._overdue.pop(connection, None)
        return connection

    def _watch(self, connection: Connection, silence: float) -> None:
        loop = asyncio.get_running_loop()
        self._overdue[connection] = loop.time() + silence
        if self._looking is None:
            self._looking = loop.call_later(min(silence, _LOOK), self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection, until in list(self._overdue.items()):
            if now >= until and not connection.heard:
                connection.silent()
        self._looking = loop.call_later(_LOOK, self._look) if self._overdue else None

    def leave(self, connection: Connection | None) -> None:
        """Keep a connection for the next request, or hang up; and let the next in."""
        self._turns.release()
        if connection is None:
            return
        if connection.reusable:
            connection.rested = time.monotonic()
            self._resting.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Hang up what rests."""
        if self._looking is not None:
            self._looking.cancel()
        for connection in list(self._resting):
            connection.close()

    def _rested(self) -> Connection | None:
        oldest = time.monotonic() - _KEEP_ALIVE
        while self._resting:
            connection = self._resting.pop()
            if connection.reusable and connection.rested > oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._forget), self._host, self._port, ssl=self._tls
                )
        except (TimeoutError, OSError) as error:
            raise Unreached("no connection") from error
        return connection

    def _forget(self, connection: Connection) -> None:
        if connection in self._resting:
            self._resting.remove(connection)
