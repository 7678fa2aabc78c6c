"""Refusals: what the platform answers when it will not do what was asked, as problem+json with stable codes.

Refusal
├── BadRequest        400  the request cannot be read
├── Unauthenticated   401  no valid token
├── Forbidden         403  a valid token without the right
├── NotFound          404  unknown, or outside the caller's scope: the same answer
├── Conflict          409  the state forbids it
├── TooLarge          413  the body is over its limit
├── UnsupportedMedia  415  the body is not JSON
├── Invalid           422  readable, but against the contract
└── Unavailable       503  cannot now; comes with Retry-After
"""

import re
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from attune_service_kit import value_texts
from attune_service_kit.telemetry import request_id

PROBLEM_JSON = "application/problem+json"

log = structlog.get_logger(__name__)


class Refusal(Exception):
    """A refusal in both languages. `extras` become fields of the problem; they never repeat the caller's input."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"
    # English and Chinese for the documents' example, where the code makes the words as it goes.
    shown: ClassVar[tuple[str, str] | None] = None

    def __init__(self, en: str, zh: str, **extras: Any) -> None:
        super().__init__(en)
        self.en, self.zh, self.extras = en, zh, extras

    def headers(self) -> dict[str, str]:
        """Headers that the answer carries beside the problem."""
        return {}


class BadRequest(Refusal):
    """The request cannot be read."""

    status, code, title = 400, "bad_request", "Bad request"


class Unauthenticated(Refusal):
    """No valid token."""

    status, code, title = 401, "unauthenticated", "Unauthenticated"

    def headers(self) -> dict[str, str]:
        """RFC 6750: the scheme to use."""
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(Refusal):
    """A valid token without the right."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(Refusal):
    """Unknown, or outside the caller's scope: the same answer for both."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(Refusal):
    """The state forbids it."""

    status, code, title = 409, "conflict", "Conflict"

    def headers(self) -> dict[str, str]:
        """`Retry-After`, where waiting helps (extra `retry_after`, seconds)."""
        return _retry(self.extras.get("retry_after"))


class TooLarge(Refusal):
    """The body is over its limit."""

    status, code, title = 413, "too_large", "Body too large"


class UnsupportedMedia(Refusal):
    """The body is not JSON."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class Invalid(Refusal):
    """Readable, but against the contract."""

    status, code, title = 422, "invalid", "Invalid"


class Unavailable(Refusal):
    """Cannot now; `retry_after` in seconds."""

    status, code, title = 503, "unavailable", "Unavailable"

    def __init__(self, en: str, zh: str, *, retry_after: int = 1, **extras: Any) -> None:
        super().__init__(en, zh, **extras)
        self.retry_after = retry_after

    def headers(self) -> dict[str, str]:
        """When to come back."""
        return _retry(self.retry_after)


class Detail(BaseModel):
    """One text in both languages."""

    en: str
    zh: str


class Problem(BaseModel):
    """RFC 9457 problem details; a refusal's extras stand beside these fields."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: Detail
    request_id: str


def refusals(*classes: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that can give these refusals."""
    described: dict[int | str, dict[str, Any]] = {}
    for refusal in classes:
        codes = [*described.get(refusal.status, {}).get("x-codes", []), refusal.code]
        described[refusal.status] = {
            "description": f"{refusal.title}: {', '.join(codes)}",
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            "x-codes": codes,
        }
    return described


def problem(refusal: Refusal) -> Response:
    """Render a refusal."""
    body = {
        "type": f"urn:attune:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": {"en": refusal.en, "zh": refusal.zh},
        "request_id": request_id(),
    }
    return Response(orjson.dumps(refusal.extras | body, default=str), refusal.status, refusal.headers(), PROBLEM_JSON)


def unexpected() -> Response:
    """The answer to a defect: no word about its cause."""
    refusal = Refusal("something went wrong on our side", "系统内部错误")
    body = {
        "type": "urn:attune:problem:internal",
        "title": "Internal error",
        "status": 500,
        "code": "internal",
        "detail": {"en": refusal.en, "zh": refusal.zh},
        "request_id": request_id(),
    }
    return Response(orjson.dumps(body), 500, media_type=PROBLEM_JSON)


def _retry(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(seconds)}


# What passes by itself, by SQLSTATE. Classes 53 (resources), 57 (shutdown, cancel), 08 (connection), 55P03 (lock),
# 40 (serialization, deadlock): nothing was written, coming back helps (P-15).
_PASSING_CLASSES = ("08", "40", "53", "57")
# What the driver cannot encode (22000), a number too large for its column, a character that text cannot hold.
_UNSTORABLE_STATES = frozenset({"22000", "22003", "22021"})
_PASSING_STATES = frozenset({"55P03", "25P03"})


def database_refusal(error: BaseException) -> Refusal | None:
    """The refusal behind a database error that passes by itself or is the caller's, or None for a defect of ours."""
    state = _sqlstate(error)
    if state in _UNSTORABLE_STATES:
        return Invalid("a value is out of the range that can be stored", "数值超出可存储范围")
    if state is None or not (state.startswith(_PASSING_CLASSES) or state in _PASSING_STATES):
        return None
    return Unavailable("the database cannot take this now", "数据库暂时无法处理此请求")


def _sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error of asyncpg, alone or inside SQLAlchemy's; `08006` for a lost or refused connection."""
    original = getattr(error, "orig", error)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if isinstance(state, str):
        return state
    # InternalClientError: the server hung up in the middle of what asyncpg was about to ask.
    lost = (
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        PoolTimeout,
        ConnectionError,
        TimeoutError,
        socket.gaierror,
    )
    disconnected = isinstance(error, DBAPIError) and error.connection_invalidated
    return "08006" if disconnected or isinstance(error, lost) else None


def register(app: FastAPI) -> None:
    """Render every refusal, validation error and framework error of this app as problem+json."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for this class only
    return problem(error)


async def _on_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    faults = [_told(fault) for fault in error.errors()[:20]]
    return problem(Invalid("the request does not meet its contract", "请求不符合接口约定", errors=faults))


def _told(fault: Mapping[str, Any]) -> dict[str, str]:
    """The place and the kind of a fault and what the contract admits there; never `input`: what the caller sent."""
    words = value_texts.of_request(fault)
    return {"at": _place(fault), "fault": fault["type"]} | ({} if words is None else {"en": words[0], "zh": words[1]})


_FIELD = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def _place(fault: Mapping[str, Any]) -> str:
    """Where the fault is; a name that the caller made up is "?"."""
    *path, last = (str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        last = "?"
    return ".".join(part if part.isdigit() or _FIELD.fullmatch(part) else "?" for part in (*path, last))


_HTTP_TEXTS: Mapping[int, tuple[str, str, str]] = {
    404: ("not_found", "no such resource", "资源不存在"),
    405: ("method_not_allowed", "this resource does not know the method", "不支持该方法"),
    413: ("too_large", "the body is too large", "请求体过大"),
}


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    code, en, zh = _HTTP_TEXTS.get(error.status_code, ("refused", "the request was refused", "请求被拒绝"))
    kind = type(
        "HttpRefusal", (Refusal,), {"status": error.status_code, "code": code, "title": code.replace("_", " ").title()}
    )
    response = problem(kind(en, zh))
    response.headers.update(error.headers or {})
    if error.status_code == 405 and (allowed := request.app.state.methods.allowed(request.url.path)):
        response.headers["Allow"] = allowed
    return response
