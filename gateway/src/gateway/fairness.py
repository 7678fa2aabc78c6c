"""Each caller's share: requests a second, and customers who are not there a minute (L88). Counted here, in memory.

A caller is a person or a machine at a client: one application serves a thousand tellers, and none shuts out the others.

Windows are fixed and end for all clients at once: one dictionary each, thrown away as a whole. (The library `limits`
starts a thread for nearly every count: measured, it cost more than the token check and the routing together.)
"""

import time
from collections.abc import Callable, Hashable

from gateway.refusals import TooManyRequests

# What finds customers by something else than Attune's own id: one who looks by phones or documents learns as much.
_LOOKUPS = frozenset({"/v1/customers", "/v1/customers:search", "/v1/visits"})


class Window:
    """Counts by caller in windows of so many seconds of the monotonic clock."""

    def __init__(self, limit: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.seconds, self._now = limit, seconds, now
        self._counts: dict[Hashable, int] = {}
        self._number = 0

    def count(self, client: Hashable, more: int = 1) -> int:
        """Add to the caller's count in the present window and return it."""
        number = int(self._now() / self.seconds)
        if number != self._number:
            self._number, self._counts = number, {}
        total = self._counts.get(client, 0) + more
        if more:
            self._counts[client] = total
        return total


class Fairness:
    """One gateway process's counters; with several, each caller has its share at each."""

    def __init__(self, requests_per_second: int, misses_per_minute: int) -> None:
        self._requests = Window(requests_per_second, 1)
        self._misses = Window(misses_per_minute, 60)

    def admit(self, client: Hashable, template: str) -> None:
        """Count a request; TooManyRequests beyond the caller's share.

        Who has asked for too many unknown customers gets no answer about any for the rest of the minute: found and
        not found are told apart by nobody then.
        """
        if self._requests.count(client) > self._requests.limit:
            raise _refusal(1)
        if _about_customers(template) and self._misses.count(client, 0) >= self._misses.limit:
            raise _refusal(60)

    def missed(self, client: Hashable, template: str) -> bool:
        """Count a customer who is not there; True if that was the last one of this minute."""
        return _about_customers(template) and self._misses.count(client) == self._misses.limit


def _about_customers(template: str) -> bool:
    return "{customer_id}" in template or template in _LOOKUPS


def _refusal(seconds: int) -> TooManyRequests:
    return TooManyRequests("this client asks too much", "该客户端请求过于频繁", retry_after=seconds)
