"""The caller's token, exchanged for one that is for the called service alone (P-25, RFC 8693).

A service that is broken into then holds tokens that are good for nothing but itself. One exchange a token and service,
kept until shortly before its end; what the issuer gives is looked at before it goes on.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from attune_service_kit.auth import Caller, TokenVerifier
from attune_service_kit.errors import Refusal, Unauthenticated
from gateway.settings import GatewaySettings
from gateway.token_endpoint import IssuerDown, NotExchangeable, TokenEndpoint, refused

log = structlog.get_logger(__name__)

_SIZE = 10_000
_KEPT = 300.0  # seconds at most, however long the tokens live: so long a withdrawal may be unknown here
_EARLY = 5.0  # seconds before its end from which on a token is exchanged anew; a tenth of its life if that is less
_REFUSED = 5.0  # seconds that a refusal holds: who repeats a token that is withdrawn does not ask the issuer each time
_REST = 1.0  # seconds for which an issuer that does not answer is not asked again

_Key = tuple[bytes, str]
_Kept = bytes | Callable[[], Refusal]


class TokenExchange:
    """What each caller's token was exchanged for, by service."""

    def __init__(self, settings: GatewaySettings, verifier: TokenVerifier) -> None:
        self._settings, self._verifier = settings, verifier
        self._endpoint = TokenEndpoint(settings)
        self._kept: OrderedDict[_Key, tuple[_Kept, float]] = OrderedDict()
        self._under_way: dict[_Key, asyncio.Task[bytes]] = {}
        self._down_until = float("-inf")

    async def close(self) -> None:
        """Let go of the issuer, and of what is under way."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._endpoint.close()

    async def authorization(self, token: str, caller: Caller, service: str) -> bytes:
        """The Authorization header for a service; raises a Refusal. The token has been verified: it is the caller's."""
        key = hashlib.sha256(token.encode()).digest(), service
        known = self._kept.get(key)
        if known is not None and time.time() < known[1]:
            self._kept.move_to_end(key)
            if isinstance(known[0], bytes):
                return known[0]
            raise known[0]()
        under_way = self._under_way.get(key)
        if under_way is None:
            under_way = self._under_way[key] = asyncio.create_task(self._exchange(key, token, caller))
            under_way.add_done_callback(lambda done: self._ended(key, done))
        # One who leaves does not take it away from those who wait beside.
        return await asyncio.shield(under_way)

    def _ended(self, key: _Key, done: asyncio.Task[bytes]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # looked at here: all who waited may have left

    async def _exchange(self, key: _Key, token: str, caller: Caller) -> bytes:
        service = key[1]
        if time.monotonic() < self._down_until:
            raise IssuerDown
        audience = self._settings.audience_of(service)
        try:
            given = await self._endpoint.exchange(token, audience, service)
            ends = await self._judged(given, audience, caller, service)
        except IssuerDown:
            self._down_until = time.monotonic() + _REST
            raise
        except (Unauthenticated, NotExchangeable) as error:
            again = refused if isinstance(error, Unauthenticated) else NotExchangeable
            self._keep(key, again, time.time() + _REFUSED)
            raise
        now = time.time()
        value = b"Bearer " + given.encode()
        self._keep(key, value, min(ends - min(_EARLY, (ends - now) / 10), now + _KEPT))
        return value

    async def _judged(self, given: str, audience: str, caller: Caller, service: str) -> float:
        """When what the issuer gave has to be let go; NotExchangeable if it is not what was asked for."""
        reason: str | None
        try:
            new = await self._verifier.verify_for(given, audience)
        except Unauthenticated as error:
            reason = "for another audience" if "audience" in error.extras else "the service would not take it"
        else:
            reason = too_much(caller, new, self._settings.exchange_longer_seconds)
            if reason is None:
                return min(caller.expires, new.expires)
        log.error("exchange_unusable", kind=service, reason=reason)
        raise NotExchangeable

    def _keep(self, key: _Key, value: _Kept, until: float) -> None:
        self._kept[key] = value, until
        self._kept.move_to_end(key)
        if len(self._kept) > _SIZE:
            self._kept.popitem(last=False)


def too_much(caller: Caller, new: Caller, longer: float) -> str | None:
    """What a token says beyond the one that it was given for; None if nothing. Pure."""
    if new.subject != caller.subject:
        return "for another person"
    if new.scope != caller.scope and caller.scope.kind != "all":
        return "for other rows"
    if not (new.roles <= caller.roles and new.scopes <= caller.scopes):
        return "for more than the caller may"
    if new.expires > caller.expires + longer:
        return "lives longer than the caller's: see EXCHANGE_LONGER_SECONDS"
    return None
