"""The verifier of one issuer's tokens: keys, header, signature, times, claims; believed for a minute at most (X30)."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace

from joserfc import jwt
from joserfc.errors import JoseError

from attune_service_kit.auth import caller as callers
from attune_service_kit.auth import tokens
from attune_service_kit.auth.caller import Caller
from attune_service_kit.auth.keys import IssuerKeys
from attune_service_kit.errors import Unauthenticated
from attune_service_kit.token_settings import TokenSettings

_CACHED = 60  # a verified token is believed this long, never beyond its end
_CACHE_SIZE = 10_000


class TokenVerifier:
    """Verifies `at+jwt` access tokens of one issuer for its own audience, as the settings say."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._algorithms = tokens.names_of(settings.token_algorithms)
        self.keys = IssuerKeys(settings)
        self._verified: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """The caller behind a token; raises Unauthenticated without saying more than that."""
        text = token.encode("utf-8", "surrogatepass")
        if (known := self.known(text)) is not None:
            return known[0]
        now = time.time()
        own = self._settings.token_audience, self._settings.token_audiences_beside
        caller, expires = await self._check(token, now, *own)
        digest = hashlib.sha256(text).digest()
        self._verified[digest] = caller, min(expires + tokens.LEEWAY, now + _CACHED)
        self._verified.move_to_end(digest)
        if len(self._verified) > _CACHE_SIZE:
            self._verified.popitem(last=False)
        return caller

    def known(self, token: bytes) -> tuple[Caller, float] | None:
        """The caller behind a token that was verified a moment ago, and until when that is believed."""
        found = self._verified.get(hashlib.sha256(token).digest())
        return found if found is not None and time.time() < found[1] else None

    async def verify_for(self, token: str, audience: str) -> Caller:
        """The caller behind a token that is for somebody else, and for nobody beside; nothing is remembered."""
        caller, _ = await self._check(token, time.time(), audience, ())
        return caller

    async def _check(self, token: str, now: float, audience: str, beside: Collection[str]) -> tuple[Caller, float]:
        rules = self._settings
        try:
            header = tokens.header_of(token, self._algorithms)
            key = await self.keys.get(header["kid"])
            claims = jwt.decode(token, key, algorithms=list(self._algorithms)).claims
            expires = tokens.check(claims, rules.token_issuer, rules.token_minutes * 60, now)
            caller = callers.read(claims, rules.token_claims, rules.token_roles)
            tokens.check_audience(claims, audience, beside)
            return replace(caller, expires=expires), expires
        except tokens.ForAnother:
            raise for_another(audience) from None
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise invalid_token() from error


def invalid_token() -> Unauthenticated:
    """The one answer to whatever is not a valid token."""
    return Unauthenticated("a valid access token is needed", "需要有效的访问令牌")


def for_another(audience: str) -> Unauthenticated:
    """A token that is good, for somebody else: who holds it may know whom it has to name."""
    return Unauthenticated(
        "the token is for another audience: its aud must name this service, and nobody who does not belong to it",
        "令牌的受众不符：aud 须包含本服务，且不得包含无关的受众",
        audience=audience,
    )
