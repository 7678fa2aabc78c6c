"""Hot routes: an operation that is asked hundreds of times a second, answered before the framework's routing.

The operation is declared like any other: its route documents it, names its scope and answers whatever is unusual. A hot
route is a shorter way to the same use case for requests that are entirely ordinary: it verifies the same token, demands
the same scope, and leaves what it does not recognise at first sight to the declared route.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from opentelemetry import trace
from starlette.types import Scope

from attune_service_kit.auth import Caller, Requires, bearer
from attune_service_kit.openapi import operations, required_scope

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

Answer = Callable[["Runtime", Caller, Mapping[str, str], bytes], Awaitable[bytes | None]]
"""Path parameters and the raw query in, the answer's JSON out; None leaves the request to the declared route."""

AnswerToBody = Callable[["Runtime", Caller, Any], Awaitable[bytes | None]]
"""The body in, read and checked as every JSON body is; the answer's JSON out, or None as above."""

AnswerAtOnce = Callable[["Runtime", Caller, bytes], bytes | None]
"""As `AnswerToBody`, from what the process holds: nothing is waited for, and nothing refused.

In comes the body's text, which nobody has read: whoever does not find it to be all that `edge.checked` demands, and
entirely ordinary, answers None.
"""

_KEPT = "attune.hot"


@dataclass(frozen=True)
class HotRoute:
    """A GET operation of the service, by its operation id, and its shorter way."""

    operation_id: str
    answer: Answer


@dataclass(frozen=True)
class HotPost:
    """A POST operation with neither path parameters nor query, and its shorter way. It writes nothing.

    `at_once` is the shortest one (`attune_service_kit.direct`); what it does not answer, `answer` is asked for.
    """

    operation_id: str
    answer: AnswerToBody
    at_once: AnswerAtOnce | None = None


@dataclass(frozen=True)
class AtOnce:
    """A path that is answered at once, by whom, and for whom."""

    path: str
    requires: Requires
    answer: AnswerAtOnce


@dataclass(frozen=True)
class _Found:
    route: Any
    method: str
    pattern: re.Pattern[str]
    requires: Requires
    hot: HotRoute | HotPost

    async def answer(self, runtime: "Runtime", caller: Caller, scope: Scope, path: Mapping[str, str]) -> bytes | None:
        """The answer, or None where the declared route gives it."""
        if isinstance(self.hot, HotRoute):
            return await self.hot.answer(runtime, caller, path, scope["query_string"])
        return None if scope["query_string"] else await self.hot.answer(runtime, caller, scope["state"].get("json"))


class HotRoutes:
    """The hot routes of one application; made once its declared routes stand."""

    def __init__(self, app: FastAPI, hot: Sequence[HotRoute | HotPost]) -> None:
        declared = {route.operation_id: route for route in operations(app)} if hot else {}
        self._state = app.state
        self._routes = [_found(declared[h.operation_id], h) for h in hot if h.operation_id in declared]

    @property
    def at_once(self) -> list[AtOnce]:
        """Those that have a shortest way."""
        return [
            AtOnce(found.route.path_format, found.requires, found.hot.at_once)
            for found in self._routes
            if isinstance(found.hot, HotPost) and found.hot.at_once is not None
        ]

    def find(self, scope: Scope) -> bool:
        """Whether a hot route may answer this request; what was found is kept for `answer`."""
        for hot in self._routes:
            if scope["method"] == hot.method and (match := hot.pattern.fullmatch(scope["path"])):
                scope[_KEPT] = hot, match
                return True
        return False

    async def answer(self, scope: Scope) -> Response | None:
        """The answer, or None for a request that goes the ordinary way. Refusals as the declared route gives them."""
        if _KEPT not in scope and not self.find(scope):
            return None
        hot, match = scope[_KEPT]
        scope["route"] = hot.route
        _name_span(hot.method, hot.route.path_format)
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        caller = await bearer(self._state.verifier, given)
        scope.setdefault("state", {})["client_id"] = caller.client_id
        hot.requires.check(caller)
        body = await hot.answer(self._state.runtime, caller, scope, match.groupdict())
        return None if body is None else Response(body, media_type="application/json")


def _name_span(method: str, path: str) -> None:
    """Name the request's span as the framework's routing would."""
    span = trace.get_current_span()
    if span.is_recording():
        span.update_name(f"{method} {path}")
        span.set_attribute("http.route", path)


def _found(route: Any, hot: HotRoute | HotPost) -> _Found:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route.path_format))
    method = "GET" if isinstance(hot, HotRoute) else "POST"
    return _Found(route, method, re.compile(pattern), Requires(required_scope(route.dependant) or ""), hot)
