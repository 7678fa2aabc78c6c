"""The issuer's public keys: found by discovery or by settings, kept for ten minutes, weak ones left out (P-25)."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from attune_service_kit.errors import Unavailable
from attune_service_kit.token_settings import TokenSettings

log = structlog.get_logger(__name__)

PublicKey = ECKey | RSAKey | OKPKey

AGE = 600  # seconds that keys are believed without having been read again
RENEW = 300  # from this age on the issuer is asked, and they are believed meanwhile
REFETCH = 60  # unknown key ids ask the issuer at most this often
_AGAIN = 5  # and so often it is asked while there are no keys to believe
_LONGEST = 5  # seconds in all: an issuer that trickles holds up whoever waits for its keys
_PATIENCE = httpx.Timeout(2, connect=1, pool=1)
_LARGEST = 256 * 1024
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError)


class IssuerKeys:
    """The keys of one issuer. Only the settings say where they are; nothing in a token does."""

    def __init__(self, settings: TokenSettings) -> None:
        self._issuer, self._jwks = settings.token_issuer, settings.token_jwks
        self._keys: dict[str, PublicKey] = {}
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, kid: str) -> PublicKey:
        """The key of that id; raises KeyError, or Unavailable if for ten minutes no key could be read."""
        if kid not in self._keys or self._age > AGE or (self._age > RENEW and not self._lock.locked()):
            await self._refresh()
        if self._age > AGE:  # a withdrawn key may be among them
            raise Unavailable("the issuer's keys cannot be read", "无法读取签发方密钥")
        return self._keys[kid]

    @property
    def _age(self) -> float:
        return time.monotonic() - self._fetched

    async def _refresh(self) -> None:
        async with self._lock:
            now = time.monotonic()
            if now - self._tried < (REFETCH if self._age <= AGE else _AGAIN):
                return
            self._tried = now
            try:
                async with asyncio.timeout(_LONGEST):
                    self._keys = strong(await self.read())
                self._fetched = now
            except (OSError, httpx.HTTPError, ValueError, TypeError, KeyError) as error:
                log.warning("jwks_unavailable", error=type(error).__name__)

    async def read(self) -> dict[str, Any]:
        """The key set as the issuer publishes it."""
        if self._jwks is not None and not self._jwks.startswith("https://"):
            return dict(json.loads(await asyncio.to_thread(Path(self._jwks).read_bytes)))
        async with httpx.AsyncClient(timeout=_PATIENCE, follow_redirects=False) as client:
            return await _document(client, self._jwks or await self._discovered(client))

    async def _discovered(self, client: httpx.AsyncClient) -> str:
        """The key set's address, from the issuer's own discovery document (OpenID Connect Discovery 1.0)."""
        if not self._issuer.startswith("https://"):
            raise ValueError("an issuer is discovered by https")
        document = await _document(client, self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        address = document["jwks_uri"]
        if document["issuer"] != self._issuer or not isinstance(address, str) or not address.startswith("https://"):
            raise ValueError("the discovery document is of another issuer")
        return address


async def _document(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as response:
        response.raise_for_status()
        if response.is_redirect:
            raise ValueError("the issuer sends elsewhere")
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > _LARGEST:
                raise ValueError("the issuer's document is too large")
    return dict(json.loads(content))


def strong(document: dict[str, Any]) -> dict[str, PublicKey]:
    """The usable signing keys of a key set by id; weak and foreign ones are left out with a warning."""
    keys: dict[str, PublicKey] = {}
    for entry in document["keys"]:
        try:
            for key in KeySet.import_key_set({"keys": [entry]}).keys:
                if isinstance(key, PublicKey) and isinstance(entry.get("kid"), str) and _strong(key, entry):
                    keys[entry["kid"]] = key
                else:
                    log.warning("jwks_key_ignored", reason="weak, unnamed or for another use")
        except _UNREADABLE:
            log.warning("jwks_key_ignored", reason="unreadable")
    return keys


def _strong(key: PublicKey, entry: dict[str, Any]) -> bool:
    if entry.get("use", "sig") != "sig":
        return False
    match key:
        case ECKey():
            return key.curve_name == "P-256"
        case OKPKey():
            return key.curve_name == "Ed25519"
        case RSAKey():
            return key.public_key.key_size >= 2048
