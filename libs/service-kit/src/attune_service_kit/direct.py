"""The shortest way to a hot answer: from the connection, without a task, a scope, or the layers around the service.

A POST that is whole, ordinary, and answered from what the process holds costs a tenth of what it costs by the layers.
All that they demand is demanded here: the verified token, the scope, a place, the limit and the form of the body. What
is not entirely ordinary is handed to them from its beginning, before anything was answered: a refusal, a deadline, a
caller's trace, a second request in the same connection. So nothing is refused here: each refusal is what it always was.
"""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.types import Scope

from attune_service_kit import telemetry
from attune_service_kit.auth import TokenVerifier
from attune_service_kit.auth.caller import Caller
from attune_service_kit.edge import is_json
from attune_service_kit.hot import AtOnce, HotRoutes
from attune_service_kit.http_protocol import GuardedProtocol
from attune_service_kit.overload import DEADLINE_HEADER, Admission, Place

Headers = Sequence[tuple[bytes, bytes]]

_ELSEWHERE = frozenset({b"traceparent", DEADLINE_HEADER.encode(), b"transfer-encoding", b"expect"})
_HEADERS = (
    b"content-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\nx-correlation-id: %b\r\n"
    b"cache-control: no-store\r\n\r\n%b"
)
_NO_SPAN = nullcontext()
_BEARER = re.compile(rb"bearer +([!-~]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A request whose head is ordinary."""

    hot: AtOnce
    headers: Mapping[bytes, bytes]
    place: Place
    started: float
    scheme: str
    drawn: int | None
    """When it came, in nanoseconds of the clock; None of what gets no span."""


class Direct:
    """The operations of one application that are answered at once."""

    def __init__(
        self,
        hot: HotRoutes,
        runtime: Any,
        verifier: TokenVerifier,
        admission: Admission,
        tracing: telemetry.Tracing,
        max_body: int,
    ) -> None:
        self._routes = {(b"POST", route.path.encode()): route for route in hot.at_once}
        self._runtime, self._verifier, self._admission, self._tracing = runtime, verifier, admission, tracing
        self._max_body = max_body

    def asked(self, method: bytes, url: bytes, headers: Headers, scope: Scope) -> Asked | None:
        """The request if it may be answered at once, in a place of its own; None if the application is to have it."""
        if (hot := self._routes.get((method, url))) is None:
            return None
        told = dict(headers)
        if len(told) != len(headers) or not _ELSEWHERE.isdisjoint(told):
            return None
        if not (length := told.get(b"content-length", b"")).isdigit() or int(length) > self._max_body:
            return None
        drawn = time.time_ns() if self._tracing.draw(scope) else None
        return Asked(hot, told, self._admission.place(hot.path), time.perf_counter(), scope["scheme"], drawn)

    def answer(self, asked: Asked, caller: Caller, body: bytes) -> bytes | None:
        """The answer's headers and body after those of every answer; None if the application is to answer."""
        headers = asked.headers
        if asked.hot.requires.scope not in caller.scopes or not body:
            return None
        if not is_json(headers.get(b"content-type", b"").decode("latin-1")):
            return None
        try:
            answer = asked.hot.answer(self._runtime, caller, body)
        except Exception:  # a refusal or a fault: the application meets it again, and says so
            return None
        if answer is None:
            return None
        request, correlation = telemetry.begin(_text(headers, b"x-request-id"), _text(headers, b"x-correlation-id"))
        seconds = time.perf_counter() - asked.started
        # Nothing on the way to the answer makes a span within this one: so it is made when there is an answer.
        with _NO_SPAN if asked.drawn is None else self._tracing.answered(*_span(asked), asked.drawn):
            telemetry.ACCESS.line("POST", asked.hot.path, 200, seconds, len(answer), caller.client_id)
        return _HEADERS % (len(answer), request.encode(), correlation.encode(), answer)

    def known(self, authorization: bytes) -> tuple[Caller, float] | None:
        """Who asks, if their token was verified a moment ago, and until when that is believed."""
        found = _BEARER.fullmatch(authorization)
        return self._verifier.known(found[1]) if found else None


def _span(asked: Asked) -> tuple[str, dict[str, str | int]]:
    """The name and the attributes of the span that the framework would make, by OpenTelemetry's conventions."""
    told: dict[str, str | int] = {
        "url.scheme": asked.scheme,
        "http.request.method": "POST",
        "network.protocol.version": "1.1",
        "http.route": asked.hot.path,
        "http.response.status_code": 200,
    }
    with suppress(ValueError):  # of a Host that is none
        at = urlsplit("//" + asked.headers[b"host"].decode("latin-1"))
        if at.hostname and not (at.username is not None or at.path or at.query or at.fragment):
            told |= {"server.address": at.hostname, "server.port": at.port or (443 if asked.scheme == "https" else 80)}
    return f"POST {asked.hot.path}", told


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    return headers[name].decode("latin-1") if name in headers else None


class DirectProtocol(GuardedProtocol):
    """One connection, whose ordinary requests for hot operations the application never sees."""

    def __init__(self, *arguments: Any, direct: Direct, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._direct = direct
        self._asked: Asked | None = None
        self._parts: list[bytes] = []
        self._common: tuple[Headers, bytes] = ((), b"")
        self._believed: tuple[bytes, tuple[Caller, float] | None] = (b"", None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._asked is not None:
            self._asked.place.leave()
            self._asked = None
        super().connection_lost(exc)

    def on_body(self, body: bytes) -> None:
        """Keep a piece."""
        if self._asked is None:
            super().on_body(body)
        else:
            self._beside = 0
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Answer, or let the application."""
        if self._asked is not None:
            body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            if (answer := self._answer(self._asked, body)) is not None:
                self._whole = True
                self._asked.place.leave()
                self._asked = None
                self._parts = []
                self.transport.write(self._said_by_all() + answer)
                self.on_response_complete()
                return
            self._hand_over()
        super().on_message_complete()

    def _answer(self, asked: Asked, body: bytes) -> bytes | None:
        """The answer to a caller whose token is the one before on this connection, or known to the verifier."""
        authorization = asked.headers.get(b"authorization", b"")
        token, known = self._believed
        if token != authorization or known is None or time.time() >= known[1]:
            known = self._direct.known(authorization)
            self._believed = authorization, known
        return None if known is None else self._direct.answer(asked, known[0], body)

    def shutdown(self) -> None:
        """Let the application see a request to its end before the connection does."""
        self._hand_over()
        super().shutdown()

    def _take(self) -> None:
        """Keep the request if it may be answered at once."""
        idle = self.cycle is None or self.cycle.response_complete
        lasting = self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive()
        if idle and lasting and not self.flow.write_paused:
            scope = cast("Scope", self.scope)
            self._asked = self._direct.asked(self.parser.get_method(), self.url, self.headers, scope)
            self._parts = []
        if self._asked is None:
            super()._take()

    def _hand_over(self) -> None:
        """Give the application what was kept, as if it had just come."""
        if self._asked is None:
            return
        self._asked.place.leave()
        self._asked, parts, self._parts = None, self._parts, []
        super()._take()
        for part in parts:
            super().on_body(part)

    @property
    def _answered(self) -> bool:
        """A request that is being read has no answer yet, though the one before it has."""
        return self._asked is None and super()._answered

    def _said_by_all(self) -> bytes:
        """The status line and the headers of every answer, which change once a second."""
        said = self.server_state.default_headers
        if self._common[0] is not said:
            lines = b"".join(b"%b: %b\r\n" % line for line in said)
            self._common = said, b"HTTP/1.1 200 OK\r\n" + lines
        return self._common[1]
