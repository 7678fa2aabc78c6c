"""Each client's share: requests a second, and customers who are not there a minute (L88). Counted here, in memory."""

import structlog
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from gateway.refusals import TooManyRequests

log = structlog.get_logger(__name__)


class Fairness:
    """One gateway process's counters; with several, each client has its share at each."""

    def __init__(self, requests_per_second: int, misses_per_minute: int) -> None:
        self._requests = RateLimitItemPerSecond(requests_per_second)
        self._misses = RateLimitItemPerMinute(misses_per_minute)
        self._counters = FixedWindowRateLimiter(MemoryStorage())

    def admit(self, client: str, template: str) -> None:
        """Count a request; TooManyRequests beyond the client's share.

        Who has asked for too many unknown customers gets no answer about any for the rest of the minute: found and
        not found are told apart by nobody then.
        """
        if not self._counters.hit(self._requests, "requests", client):
            raise _refusal(1)
        if _about_customers(template) and not self._counters.test(self._misses, "misses", client):
            raise _refusal(60)

    def answered(self, client: str, template: str, status: int) -> None:
        """Count a customer who is not there."""
        if status != 404 or not _about_customers(template):
            return
        self._counters.hit(self._misses, "misses", client)
        if not self._counters.test(self._misses, "misses", client):
            log.warning("customers_probed", client_id=client, route=template)


def _about_customers(template: str) -> bool:
    return "{customer_id}" in template


def _refusal(seconds: int) -> TooManyRequests:
    return TooManyRequests("this client asks too much", "该客户端请求过于频繁", retry_after=seconds)
