"""Overload is refused early, so that accepted work stays fast (P-16); and work that nobody waits for is not done."""

from collections.abc import Iterable
from typing import Self

import structlog

from attune_service_kit.errors import Refusal, Unavailable

log = structlog.get_logger(__name__)

# What remains of the caller's patience, in milliseconds: set by a client, handed on less what was used up.
DEADLINE_HEADER = "x-request-timeout-ms"
_LONGEST_MS = 600_000
# Asked for by whoever keeps the process alive: urgent everywhere, and of no interest to a log.
QUIET = frozenset({"/livez", "/readyz"})

# Who looks for somebody and finds nobody is told so in the body; this header tells the gateway, which counts it (L88).
NOBODY_HEADER = "x-nobody-found"


class Overloaded(Unavailable):
    """As much work is under way as can be done well."""

    code = "overloaded"


class DeadlineExceeded(Refusal):
    """The caller's time is over; a write that had begun was undone, or is found again by its Idempotency-Key."""

    status, code, title = 504, "deadline_exceeded", "Gateway timeout"


class Admission:
    """At most `limit` requests under way; urgent ones have `reserve` places more of their own.

    Urgent are health and the paths with one of the endings `urgent` (opting out).
    """

    def __init__(self, limit: int, reserve: int, urgent: tuple[str, ...] = ()) -> None:
        self.limit, self.reserve, self.urgent = limit, reserve, urgent
        self.under_way = 0
        self.refused = 0

    def full(self, path: str) -> bool:
        """Whether a request for this path would be refused if it came now."""
        if self.under_way < self.limit:
            return False
        urgent = path in QUIET or path.endswith(self.urgent)
        return not urgent or self.under_way >= self.limit + self.reserve

    def place(self, path: str) -> "Place":
        """A place, held until the end of a `with` over it; Overloaded if none is left."""
        if self.full(path):
            raise self.refusal()
        return Place(self)

    def refusal(self) -> Overloaded:
        """The refusal of one request more, counted."""
        self.refused += 1
        if self.refused in (1, 10, 100) or self.refused % 1000 == 0:
            log.warning("overloaded", count=self.refused)
        return Overloaded("too much is under way: try again shortly", "系统繁忙，请稍后重试", retry_after=1)


class Place:
    """A place among the requests under way; a stream that stays open for hours gives it back when it begins."""

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission
        admission.under_way += 1

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.leave()

    def leave(self) -> None:
        """Give the place back; a second time does nothing."""
        if self._admission is not None:
            self._admission.under_way -= 1
            self._admission = None


def patience(value: str | None) -> float | None:
    """Seconds that the caller will still wait; None if they do not say, or say nothing that can be read."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 9:
        return None
    return min(int(value), _LONGEST_MS) / 1000


def deadline_exceeded() -> DeadlineExceeded:
    """The answer when the caller's time has run out."""
    return DeadlineExceeded("the caller's time is over", "请求已超过调用方时限")


def streams(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether an answer with these headers is a stream of events."""
    return any(value.startswith(b"text/event-stream") and name.lower() == b"content-type" for name, value in headers)
