"""HTTP/1.1 as we speak it: uvicorn's parser, and what it lets pass refused (E45 to E50 of the attack list).

One Host, a path as target, no other transfer coding than chunked, no upgrade; a bounded head; and a client that is too
slow is cut, so that ten thousand sleepers cost nobody else a place. A refusal is a whole answer; then it hangs up. Who
has been answered before the end of their body may go on sending for a while, to read the answer, and not for ever.
Where all places are taken a request is refused here, before anything is made for it (P-16), and the connection goes on.
"""

import asyncio
from typing import Any, NamedTuple

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from attune_service_kit import telemetry
from attune_service_kit.errors import problem
from attune_service_kit.overload import Admission

LARGEST_HEAD = 48 << 10
HEAD_SECONDS = 10.0
SLOWEST_BODY = 512  # bytes a second, looked at every ten seconds


# What a head may say once, in one way, or not at all.
_WATCHED = frozenset({b"host", b"transfer-encoding", b"upgrade"})


class _Answer(NamedTuple):
    status: str
    code: str
    en: str
    zh: str


_BAD = _Answer("400 Bad Request", "malformed_http", "the request is not HTTP/1.1 as it must be", "HTTP 请求格式不正确")
_HOST = _Answer(
    "400 Bad Request", "malformed_http", "name one Host and a path beginning with /", "须有唯一的 Host 与路径"
)
_CODING = _Answer("501 Not Implemented", "transfer_coding", "only chunked is understood", "仅支持 chunked 传输编码")
_HEAD = _Answer("431 Request Header Fields Too Large", "headers_too_large", "the headers are too large", "请求头过大")
_SLOW = _Answer("408 Request Timeout", "request_timeout", "the request came too slowly", "请求发送过慢")


class GuardedProtocol(HttpToolsProtocol):
    """One connection. A request that arrives whole costs no timer."""

    def __init__(self, *arguments: Any, admission: Admission | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._admission = admission
        self._turned_away = False
        self._timer: asyncio.TimerHandle | None = None
        self._in_head, self._whole = True, True
        self._head, self._body, self._began = 0, 0, 0.0
        self._beside, self._overheard = 0, False
        self._wrong = _BAD
        self._watched: list[tuple[bytes, bytes]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._expired)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, within the limits."""
        self._unset_keepalive_if_required()
        if self._in_head:
            end = data.find(b"\r\n\r\n")
            self._head += end if end >= 0 else len(data)
            if self._head > LARGEST_HEAD:
                self._refuse(_HEAD)
                return
        else:
            self._body += len(data)
            self._beside += len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(self._wrong)
            return
        if self._beside > LARGEST_HEAD and not self._whole:
            self._refuse(_HEAD)
            return
        if self._whole and not self._in_head:
            self._in_head, self._head = True, 0
        if self._whole:
            self._disarm()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._expired)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._whole, self._turned_away = True, False, False
        self._watched = []
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. What comes after the body is none: a length or a host there would be believed by the next."""
        if not self._in_head:
            return
        name = name.lower()
        if name in _WATCHED:
            self._watched.append((name, value))
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Refuse what two readers would read as two different requests."""
        hosts = [value for name, value in self._watched if name == b"host"]
        codings = [value.strip().lower() for name, value in self._watched if name == b"transfer-encoding"]
        if len(hosts) != 1 or not hosts[0] or not self.url.startswith(b"/"):
            self._wrong = _HOST
            raise ValueError("host or target")
        if codings not in ([], [b"chunked"]):
            self._wrong = _CODING
            raise ValueError("transfer coding")
        if len(self._watched) > len(hosts) + len(codings) or self.parser.get_http_version() not in ("1.0", "1.1"):
            raise ValueError("upgrade")
        self._in_head, self._head, self._body, self._began = False, 0, 0, self.loop.time()
        self._beside, self._overheard = 0, False
        self._unset_keepalive_if_required()
        if self._admission is not None and self._full(self._admission):
            self._turn_away(self._admission)
        else:
            self._take()

    def on_body(self, body: bytes) -> None:
        """Hand a piece on, unless its request has had its answer.

        What comes without any, chunk extensions and trailers, is kept by the parser.
        """
        self._beside = 0
        if not self._turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._whole = True
        if self._turned_away:
            self.on_response_complete()
        else:
            super().on_message_complete()

    def _take(self) -> None:
        """Give the request to the application."""
        super().on_headers_complete()
        if self.expect_100_continue:
            # Who was not told to go on may never send the body, and ask something else in its place.
            self.cycle.keep_alive = False

    def _full(self, admission: Admission) -> bool:
        """Whether to refuse now: no place is left, and nothing of the connection asks for more than an answer."""
        if not admission.full(self.url.partition(b"?")[0].decode("latin-1")):
            return False
        busy = self.cycle is not None and not self.cycle.response_complete
        return not (busy or self.expect_100_continue or self.flow.write_paused) and self.parser.should_keep_alive()

    def _turn_away(self, admission: Admission) -> None:
        """Answer as the edge does, without a task, a scope or a span."""
        self._turned_away = True
        headers = dict(self.headers)
        told = (headers.get(name, b"").decode("latin-1") for name in (b"x-request-id", b"x-correlation-id"))
        request, correlation = telemetry.begin(*told)
        response = problem(admission.refusal())
        lines = [
            *self.server_state.default_headers,
            *response.raw_headers,
            (b"x-request-id", request.encode()),
            (b"x-correlation-id", correlation.encode()),
            (b"cache-control", b"no-store"),
        ]
        head = b"".join(b"%b: %b\r\n" % line for line in lines)
        self.transport.write(b"".join((b"HTTP/1.1 503 Service Unavailable\r\n", head, b"\r\n", response.body)))
        method = self.parser.get_method().decode("ascii")
        telemetry.ACCESS.line(method, "unknown", response.status_code, 0.0, len(response.body), None)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        """The head did not come in time, or the body comes too slowly."""
        self._timer = None
        if self.transport.is_closing():
            return
        if self._in_head:
            self._refuse(None if self._whole and not self._head else _SLOW)
        elif self._answered and self._overheard:
            self._refuse(None)
        elif self.flow.read_paused or self._body >= SLOWEST_BODY * (self.loop.time() - self._began):
            self._overheard = self._answered
            self._timer = self.loop.call_later(HEAD_SECONDS, self._expired)
        else:
            self._refuse(_SLOW)

    @property
    def _answered(self) -> bool:
        """Whether the request has had its answer, though its body still comes."""
        return self._turned_away or (self.cycle is not None and self.cycle.response_complete)

    def _refuse(self, answer: _Answer | None) -> None:
        """Answer, if nothing else is being answered, and hang up."""
        self._disarm()
        if self.transport.is_closing():
            return
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if answer is not None and not begun and not self._turned_away:
            title = answer.status.split(" ", 1)[1]
            problem = {
                "type": f"urn:attune:problem:{answer.code}",
                "title": title,
                "status": int(answer.status[:3]),
                "code": answer.code,
                "detail": {"en": answer.en, "zh": answer.zh},
            }
            body = orjson.dumps(problem)
            head = (
                f"HTTP/1.1 {answer.status}\r\ncontent-type: application/problem+json\r\n"
                f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
