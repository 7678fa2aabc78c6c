"""The shortest way to a hot answer: from the connection, without a task, a scope, or the layers around the service.

A POST that is whole, ordinary, and answered from what the process holds costs a tenth of what it costs by the layers.
All that they demand is demanded here: the verified token, the scope, a place, the limit and the form of the body. What
is not entirely ordinary is handed to them from its beginning, before anything was answered: a refusal, a deadline, a
trace, a second request in the same connection. So nothing is refused here, and each refusal is what it always was.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from starlette.types import Scope

from attune_service_kit import telemetry
from attune_service_kit.auth import TokenVerifier
from attune_service_kit.auth.caller import Caller
from attune_service_kit.edge import checked
from attune_service_kit.hot import AtOnce, HotRoutes
from attune_service_kit.http_protocol import GuardedProtocol
from attune_service_kit.overload import DEADLINE_HEADER, Admission, Place

Headers = Sequence[tuple[bytes, bytes]]

_ELSEWHERE = frozenset({b"traceparent", DEADLINE_HEADER.encode(), b"transfer-encoding", b"expect"})
_BEARER = re.compile(rb"bearer +([!-~]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A request whose head is ordinary."""

    hot: AtOnce
    headers: Mapping[bytes, bytes]
    place: Place
    started: float


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
        if self._tracing.draw(scope):
            return None
        return Asked(hot, told, self._admission.place(hot.path), time.perf_counter())

    def answer(self, asked: Asked, body: bytes) -> bytes | None:
        """The answer's headers and body after those of every answer; None if the application is to answer."""
        headers = asked.headers
        caller = self._caller(headers.get(b"authorization", b""))
        if caller is None or asked.hot.requires.scope not in caller.scopes or not body:
            return None
        try:
            document = checked(body, headers.get(b"content-type", b"").decode("latin-1"))
            answer = asked.hot.answer(self._runtime, caller, document)
        except Exception:  # a refusal or a fault: the application meets it again, and says so
            return None
        if answer is None:
            return None
        ids = (headers.get(name, b"").decode("latin-1") for name in (b"x-request-id", b"x-correlation-id"))
        request, correlation = telemetry.begin(*ids)
        seconds = time.perf_counter() - asked.started
        telemetry.ACCESS.line("POST", asked.hot.path, 200, seconds, len(answer), caller.client_id)
        return (
            f"content-length: {len(answer)}\r\ncontent-type: application/json\r\nx-request-id: {request}\r\n"
            f"x-correlation-id: {correlation}\r\ncache-control: no-store\r\n\r\n"
        ).encode() + answer

    def _caller(self, authorization: bytes) -> Caller | None:
        """Who asks, if their token was verified a moment ago."""
        found = _BEARER.fullmatch(authorization)
        return self._verifier.known(found[1]) if found else None


class DirectProtocol(GuardedProtocol):
    """One connection, whose ordinary requests for hot operations the application never sees."""

    def __init__(self, *arguments: Any, direct: Direct, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._direct = direct
        self._asked: Asked | None = None
        self._parts: list[bytes] = []
        self._common: tuple[Headers, bytes] = ((), b"")

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
            answer = self._direct.answer(self._asked, body)
            if answer is not None:
                self._whole = True
                self._asked.place.leave()
                self._asked = None
                self._parts = []
                self.transport.write(self._said_by_all() + answer)
                self.on_response_complete()
                return
            self._hand_over()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Let the application see a request to its end before the connection does."""
        self._hand_over()
        super().shutdown()

    def _take(self) -> None:
        """Keep the request if it may be answered at once."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and not self.flow.write_paused and self.parser.should_keep_alive():
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
