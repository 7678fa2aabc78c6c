"""The bank's issuer, asked for a token for one service in exchange for the caller's (RFC 8693)."""

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from attune_service_kit.errors import Refusal, Unauthenticated, Unavailable
from gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind
_KINDS = (ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt")
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_LARGEST = 64 << 10
_CODE = re.compile(r"[a-z_]{1,40}")
# What an issuer says when the fault is the caller's token; RFC 8693, 2.2.2 has `invalid_request` for it, others these.
_CALLERS = frozenset({"invalid_request", "invalid_grant", "invalid_token", "access_denied"})
_CONNECTIONS = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30)


class IssuerDown(Unavailable):
    """The issuer's token endpoint does not answer, or not as one."""

    def __init__(self) -> None:
        super().__init__(
            "the issuer that exchanges tokens does not answer: try again soon",
            "负责换取令牌的签发方无响应，请稍后重试",
        )


class NotExchangeable(Unavailable):
    """The issuer's rules and the gateway's settings do not fit together: no caller can do anything about it."""

    def __init__(self) -> None:
        super().__init__(
            "no token for this service can be had: whoever runs the gateway finds the reason in its log",
            "无法换取访问此服务的令牌，请由网关运维人员查看日志中的原因",
            retry_after=30,
        )


def refused() -> Unauthenticated:
    """The issuer gives nothing for the caller's token: it has ended, was withdrawn, or may not be exchanged."""
    return Unauthenticated(
        "the issuer gives no token for this service in exchange for yours: get a new one, or ask for the right to it",
        "签发方拒绝以此令牌换取访问该服务的令牌，请重新获取令牌或申请相应权限",
    )


class TokenEndpoint:
    """Asks the issuer; holds a few connections to it."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._url, self._seconds = str(settings.exchange_url), settings.exchange_seconds
        self._credentials = credentials(settings)
        # On this machine, where it is not https, no proxy of the environment stands between.
        secure = self._url.startswith("https://")
        self._client = httpx.AsyncClient(timeout=self._seconds, limits=_CONNECTIONS, trust_env=secure)

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def exchange(self, token: str, audience: str, service: str) -> str:
        """The token for an audience that the issuer gives for the caller's; raises a Refusal. Nothing is judged yet."""
        headers, more = self._credentials()
        asked = {
            "grant_type": GRANT,
            "subject_token": token,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
            "audience": audience,
        }
        try:
            async with asyncio.timeout(self._seconds):
                status, answer = await self._ask(headers, asked | more)
        except (OSError, httpx.HTTPError, ValueError) as error:
            log.warning("exchange_unavailable", kind=service, error=type(error).__name__)
            raise IssuerDown from error
        if status == 200 and isinstance(given := answer.get("access_token"), str) and _usable(answer):
            return given
        raise _refusal(status, answer.get("error"), service)

    async def _ask(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        accept = {"Accept": "application/json"}
        async with self._client.stream("POST", self._url, data=form, headers=headers | accept) as response:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _LARGEST:
                    raise ValueError("the issuer's answer is too large")
        if response.status_code >= 500:
            raise ValueError("the issuer fails")
        answer = json.loads(content)
        if not isinstance(answer, dict):
            raise ValueError("not an answer of a token endpoint")
        return response.status_code, answer


def _usable(answer: dict[str, Any]) -> bool:
    return str(answer.get("token_type")).lower() == "bearer" and answer.get("issued_token_type", ACCESS_TOKEN) in _KINDS


def _refusal(status: int, code: object, service: str) -> Refusal:
    said = code if isinstance(code, str) and _CODE.fullmatch(code) else "unreadable"
    log.warning("exchange_refused", kind=service, status=status, code=said)
    return refused() if said in _CALLERS else NotExchangeable()


# --- who asks ---------------------------------------------------------------------------------------------------------

Credentials = Callable[[], tuple[dict[str, str], dict[str, str]]]
"""Headers and fields that say who asks, made for each request."""


def credentials(settings: GatewaySettings) -> Credentials:
    """By the secret (RFC 6749, 2.3.1), or by an assertion that the client's own key signs (RFC 7523)."""
    client = settings.exchange_client_id
    if settings.exchange_client_secret is not None:
        pair = f"{quote_plus(client)}:{quote_plus(settings.exchange_client_secret.get_secret_value())}"
        basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return lambda: (basic, {})
    key, algorithm = signing_key(Path(str(settings.exchange_client_key)).read_bytes())
    header = {"alg": algorithm, "kid": settings.exchange_client_kid or key.thumbprint(), "typ": "JWT"}

    def assertion() -> tuple[dict[str, str], dict[str, str]]:
        now = int(time.time())
        # The issuer's own name (FAPI 2.0, 5.3.3.1): an assertion for one endpoint cannot be used at another.
        who = {"iss": client, "sub": client, "aud": settings.token_issuer}
        times = {"iat": now, "exp": now + 60, "jti": secrets.token_hex(16)}
        signed = jwt.encode(header, who | times, key, algorithms=[algorithm])
        return {}, {"client_id": client, "client_assertion_type": _ASSERTION, "client_assertion": signed}

    return assertion


def signing_key(pem: bytes) -> tuple[ECKey | RSAKey | OKPKey, str]:
    """A private key and the algorithm that it signs with; ValueError if it is none that FAPI 2.0 allows."""
    match load_pem_private_key(pem, None):
        case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
            return ECKey.import_key(pem), "ES256"
        case rsa.RSAPrivateKey(key_size=size) if size >= 2048:
            return RSAKey.import_key(pem), "PS256"
        case ed25519.Ed25519PrivateKey():
            return OKPKey.import_key(pem), "Ed25519"
    raise ValueError("the key is neither P-256, nor RSA of 2048 bits or more, nor Ed25519")
