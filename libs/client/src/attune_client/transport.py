"""Carries requests: the token, time limits, and trying again where that cannot do anything twice."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx

from attune_client.problems import Unreachable, problem

Token = str | Callable[[], str] | Callable[[], Awaitable[str]]

# Answers that pass by themselves; 409 only while the same key is in flight.
_PASSING = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE = 10.0
# So many calls may be repeated at first, and then a tenth of them: who all repeat bury what has just come back.
_SPARE, _SHARE = 10.0, 0.1


class Transport:
    """One connection pool to a gateway. Safe for many tasks of one event loop."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        retries: int = 2,
        timeout: float = 30.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._token, self._retries = token, retries
        self._spare = _SPARE
        # Certificates take 90 ms to load; plain HTTP needs none.
        self._http = http or httpx.AsyncClient(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)), verify=self.url.startswith("https:")
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        repeatable: bool = False,
    ) -> bytes:
        """Send a request and return the body of the answer.

        A `repeatable` one is sent again while nobody answers or the answer says "later", up to `retries` times.
        Raises Problem for a refusal, Unreachable if nobody answered.
        """
        self._spare = min(self._spare + _SHARE, _SPARE)
        for attempt in range(self._retries + 1):
            last = attempt == self._retries or not repeatable
            said = {"Accept": "application/json", **(headers or {}), "Authorization": f"Bearer {await self._bearer()}"}
            try:
                response = await self._http.request(
                    method, f"{self.url}{path}", params=params, headers=said, content=content
                )
            except httpx.TransportError as error:
                if last or not self._may_repeat():
                    raise Unreachable(f"{method} {path}: {type(error).__name__} {error}".rstrip()) from error
                await asyncio.sleep(_pause(attempt))
                continue
            if response.is_success:
                return response.content
            if last or not _passes(response) or not self._may_repeat():
                raise problem(response)
            await asyncio.sleep(_pause(attempt, response.headers.get("Retry-After")))
        raise AssertionError("the last attempt returns or raises")

    async def lines(self, path: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> AsyncIterator[str]:
        """GET and yield the lines of an answer without end, as they come; the caller goes on after a break."""
        said = {**headers, "Accept": "text/event-stream", "Authorization": f"Bearer {await self._bearer()}"}
        patience = httpx.Timeout(5, read=None)  # a quiet stream says nothing for long
        try:
            async with self._http.stream(
                "GET", f"{self.url}{path}", params=params, headers=said, timeout=patience
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise problem(response)
                async for line in response.aiter_lines():
                    yield line
        except httpx.TransportError as error:
            raise Unreachable(f"GET {path}: {type(error).__name__} {error}".rstrip()) from error

    def _may_repeat(self) -> bool:
        if self._spare < 1:
            return False
        self._spare -= 1
        return True

    async def _bearer(self) -> str:
        if isinstance(self._token, str):
            return self._token
        given = self._token()
        return given if isinstance(given, str) else await given


def _passes(response: httpx.Response) -> bool:
    if response.status_code != 409:
        return response.status_code in _PASSING
    try:
        return bool(json.loads(response.content)["code"] == "idempotency_key_in_flight")
    except (ValueError, KeyError, TypeError):
        return False


def _pause(attempt: int, wanted: str | None = None) -> float:
    """Seconds before the next attempt: what the server asks for, else growing; spread, so that callers do not meet."""
    least = float(wanted) if wanted and wanted.isdigit() else 0.0
    growing = random.uniform(0.1, 0.2) * float(2**attempt)  # noqa: S311 - no secret
    return min(least + growing, _LONGEST_PAUSE)
