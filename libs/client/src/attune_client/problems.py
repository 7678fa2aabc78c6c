"""What Attune refuses, as exceptions: one class for each status, with the stable code that tells the case.

Problem
├── BadRequest       400  the request cannot be read
├── Unauthenticated  401  no valid token
├── Forbidden        403  the token lacks the right
├── NotFound         404  unknown, or outside the caller's scope: the same answer
├── Conflict         409  the state forbids it
├── StaleVersion     412  it has changed since it was read
├── TooLarge         413  the body is over its limit
├── Invalid          422  readable, but against the contract
├── TooManyRequests  429  slower, please
└── Unavailable      503  cannot now, and retrying did not help
Unreachable               nobody answered at all
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx


class Unreachable(Exception):
    """Nobody answered, however often it was tried."""


class Problem(Exception):
    """A refusal (RFC 9457). Texts are for people, `code` is for programs; `extras` holds what else was said."""

    def __init__(self, status: int, method: str, path: str, said: Mapping[str, Any]) -> None:
        self.status, self.method, self.path = status, method, path
        self.code, self.title = str(said.get("code", "unknown")), str(said.get("title", "refused"))
        detail = said.get("detail")
        texts = detail if isinstance(detail, dict) else {"en": str(detail or self.title)}
        self.en, self.zh = str(texts.get("en", self.title)), str(texts.get("zh", self.title))
        self.extras = {name: value for name, value in said.items() if name not in ("code", "title", "detail")}
        super().__init__(f"{status} {self.code}: {self.en}")

    @property
    def request_id(self) -> str | None:
        """The id to name when asking the operators about it."""
        return self.extras.get("request_id")


class BadRequest(Problem):
    """The request cannot be read."""


class Unauthenticated(Problem):
    """No valid token."""


class Forbidden(Problem):
    """The token lacks the right."""


class NotFound(Problem):
    """Unknown, or outside the caller's scope."""


class Conflict(Problem):
    """The state forbids it."""


class StaleVersion(Problem):
    """It has changed since it was read."""


class TooLarge(Problem):
    """The body is over its limit."""


class Invalid(Problem):
    """Readable, but against the contract."""


class TooManyRequests(Problem):
    """Slower, please."""


class Unavailable(Problem):
    """Attune cannot now, and retrying did not help."""


_CLASSES: Mapping[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: StaleVersion,
    413: TooLarge,
    422: Invalid,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def problem(response: httpx.Response) -> Problem:
    """The exception for a refusing response; one that is no problem+json (a proxy's) keeps its status."""
    try:
        body = json.loads(response.content)
    except ValueError:
        body = {}
    said = body if isinstance(body, dict) else {}
    kind = _CLASSES.get(response.status_code, Problem)
    return kind(response.status_code, response.request.method, response.request.url.path, said)
