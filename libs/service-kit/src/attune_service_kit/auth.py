"""Who is asking: bearer tokens verified here, in every service, and the scope each route demands (P-25)."""

import asyncio
import hashlib
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import structlog
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

from attune_contracts.access import ROLE_SCOPES, WHOLE_BANK_ROLES
from attune_service_kit.database import Scope
from attune_service_kit.errors import Forbidden, Unauthenticated, Unavailable
from attune_service_kit.settings import DEVELOPMENT_ISSUER, Environment, ServiceSettings

log = structlog.get_logger(__name__)

PublicKey = ECKey | RSAKey | OKPKey

ALGORITHMS = ("ES256", "PS256", "EdDSA", "Ed25519")
WHOLE_BANK_BRANCH = "*"

_LEEWAY = 10  # seconds between two clocks
_CACHED = 60  # a verified token is believed this long, never beyond its end (X30)
_CACHE_SIZE = 10_000
_LONGEST_TOKEN = 8192
_JWKS_AGE = 600
_REFETCH = 60  # unknown key ids ask the issuer at most this often
_LARGEST_JWKS = 256 * 1024


@dataclass(frozen=True)
class Caller:
    """A verified caller."""

    subject: str
    roles: frozenset[str]
    scopes: frozenset[str]
    branch: str | None  # "*" = the whole bank
    customer: UUID | None
    client_id: str

    @property
    def scope(self) -> Scope:
        """Whose data the caller may see. The narrowest claim wins."""
        if self.customer is not None:
            return Scope("customer", customer=self.customer, subject=self.subject)
        if self.branch == WHOLE_BANK_BRANCH:
            return Scope("all", subject=self.subject)
        return Scope("branch", branch=self.branch, subject=self.subject)


class TokenVerifier:
    """Verifies `at+jwt` access tokens of one issuer for one audience. Keys come from a file or by https."""

    def __init__(self, issuer: str, audience: str, jwks: str) -> None:
        self._issuer, self._audience, self._jwks = issuer, audience, jwks
        self._keys: dict[str, PublicKey] = {}
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._lock = asyncio.Lock()
        self._verified: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """The caller behind a token; raises Unauthenticated without saying more than that."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        now = time.time()
        if (known := self._verified.get(digest)) is not None and now < known[1]:
            return known[0]
        caller, expires = await self._check(token, now)
        self._verified[digest] = caller, min(expires, now + _CACHED)
        self._verified.move_to_end(digest)
        if len(self._verified) > _CACHE_SIZE:
            self._verified.popitem(last=False)
        return caller

    async def _check(self, token: str, now: float) -> tuple[Caller, float]:
        try:
            key = await self._key(_checked_header(token))
            claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
            return _caller(claims, self._issuer, self._audience, now)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise _invalid_token() from error

    async def _key(self, header: dict[str, Any]) -> PublicKey:
        """The key that the header names; raises KeyError."""
        kid = str(header["kid"])
        if kid not in self._keys or time.monotonic() - self._fetched > _JWKS_AGE:
            await self._refresh()
        return self._keys[kid]

    async def _refresh(self) -> None:
        async with self._lock:
            now = time.monotonic()
            if now - self._tried < _REFETCH:
                return
            self._tried = now
            try:
                self._keys = _strong_keys(await self._read())
                self._fetched = now
            except (OSError, httpx.HTTPError, ValueError) as error:
                log.warning("jwks_unavailable", error=type(error).__name__)
                if not self._keys:
                    raise Unavailable("the issuer's keys cannot be read", "无法读取签发方密钥") from error

    async def _read(self) -> dict[str, Any]:
        if not self._jwks.startswith("https://"):
            return dict(json.loads(await asyncio.to_thread(Path(self._jwks).read_bytes)))
        async with httpx.AsyncClient(timeout=5, follow_redirects=False) as client:
            response = await client.get(self._jwks)
            response.raise_for_status()
            if len(response.content) > _LARGEST_JWKS:
                raise ValueError("the key set is too large")
            return dict(response.json())


def _checked_header(token: str) -> dict[str, Any]:
    """The header of a compact JWS that may be an access token; raises ValueError. Nothing is verified yet."""
    head, _, rest = token.partition(".")
    if len(token) > _LONGEST_TOKEN or rest.count(".") != 1 or not token.isascii():
        raise ValueError("not a compact JWS")
    header = json.loads(urlsafe_b64decode(head.encode()))
    if not isinstance(header, dict) or not {"alg", "typ", "kid"} <= header.keys() <= {"alg", "typ", "kid"}:
        raise ValueError("not the header of an access token")
    if header["alg"] not in ALGORITHMS or header["typ"] not in ("at+jwt", "application/at+jwt"):
        raise ValueError("another algorithm or type")
    return header


def _strong_keys(document: dict[str, Any]) -> dict[str, PublicKey]:
    """The usable public keys of a key set by id; weak and foreign ones are left out with a warning."""
    keys: dict[str, PublicKey] = {}
    for entry in document.get("keys", []):
        try:
            for key in KeySet.import_key_set({"keys": [entry]}).keys:
                if isinstance(key, PublicKey) and isinstance(entry.get("kid"), str) and _strong(key):
                    keys[entry["kid"]] = key
                else:
                    log.warning("jwks_key_ignored", reason="weak or unnamed")
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            log.warning("jwks_key_ignored", reason="unreadable")
    return keys


def _strong(key: PublicKey) -> bool:
    match key:
        case ECKey():
            return key.curve_name == "P-256"
        case OKPKey():
            return key.curve_name == "Ed25519"
        case RSAKey():
            return key.public_key.key_size >= 2048


def _caller(claims: dict[str, Any], issuer: str, audience: str, now: float) -> tuple[Caller, float]:
    """The caller of verified claims, and when the token ends; raises ValueError, TypeError or KeyError."""
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims["iss"] != issuer or audience not in audiences:
        raise ValueError("issuer or audience")
    expires, issued = _seconds(claims["exp"]), _seconds(claims["iat"])
    if now > expires + _LEEWAY or issued > now + _LEEWAY or _seconds(claims.get("nbf", issued)) > now + _LEEWAY:
        raise ValueError("outside its time")
    subject, branch, customer = claims["sub"], claims.get("branch"), claims.get("customer")
    if not isinstance(subject, str) or not subject or not isinstance(claims.get("jti"), str):
        raise ValueError("subject or id")
    if branch is None and customer is None:
        raise ValueError("neither branch nor customer")
    if branch is not None and not (isinstance(branch, str) and 0 < len(branch) <= 64):
        raise ValueError("branch")
    caller = Caller(
        subject=subject,
        roles=frozenset(str(role) for role in claims.get("roles", [])),
        scopes=frozenset(str(claims["scope"]).split()),
        branch=branch,
        customer=None if customer is None else UUID(customer),
        client_id=str(claims.get("client_id", subject)),
    )
    return caller, expires + _LEEWAY


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise ValueError("not a moment")
    return float(value)


def _invalid_token() -> Unauthenticated:
    return Unauthenticated("a valid access token is needed", "需要有效的访问令牌")


def verifier(settings: ServiceSettings) -> TokenVerifier:
    """The verifier that the settings describe."""
    return TokenVerifier(settings.token_issuer, settings.token_audience, settings.token_jwks)


async def bearer(verifier: TokenVerifier, authorization: Sequence[str]) -> Caller:
    """The verified caller behind a request's Authorization headers, of which there is exactly one."""
    scheme, _, token = authorization[0].partition(" ") if len(authorization) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise _invalid_token()
    return await verifier.verify(token.strip())


async def authenticated(request: Request) -> Caller:
    """The verified caller of a request, whatever its scopes."""
    caller = await bearer(request.app.state.verifier, request.headers.getlist("authorization"))
    request.state.client_id = caller.client_id
    return caller


class Requires:
    """Dependency: a caller whose token carries the scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, caller: Annotated[Caller, Depends(authenticated)]) -> Caller:
        """Return the caller, or refuse with 403."""
        return self.check(caller)

    def check(self, caller: Caller) -> Caller:
        """The same for a caller who is known already."""
        if self.scope not in caller.scopes:
            raise Forbidden("the token lacks the scope of this operation", "令牌缺少此操作所需的权限", needs=self.scope)
        return caller


def requires(scope: str) -> Requires:
    """The dependency every route has: `caller: Annotated[Caller, Depends(requires("customers:read"))]`."""
    return Requires(scope)


class DevelopmentIssuer:
    """Issues tokens on a developer's machine and in tests: an ES256 key and its `jwks.json` in a folder of its own."""

    issuer = DEVELOPMENT_ISSUER

    def __init__(self, keys_dir: Path, *, audience: str = "attune", environment: Environment = "development") -> None:
        if environment == "production":
            raise RuntimeError("the development issuer does not run in production")
        self.audience = audience
        self.jwks_path = keys_dir / "jwks.json"
        self._key = self._load(keys_dir)

    def _load(self, folder: Path) -> ECKey:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = folder / "issuer.json"
        if not private.exists():
            key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig", "alg": "ES256"})
            private.touch(mode=0o600)
            private.write_text(json.dumps(key.as_dict(private=True)))
        key = ECKey.import_key(json.loads(private.read_text()))
        public = json.dumps({"keys": [key.as_dict(private=False)]})
        # Services may read the file at any moment: it is replaced as a whole, and only when it says something else.
        if not self.jwks_path.exists() or self.jwks_path.read_text() != public:
            draft = self.jwks_path.with_suffix(f".{secrets.token_hex(4)}")
            draft.write_text(public)
            draft.replace(self.jwks_path)
        return key

    def issue(
        self,
        role: str,
        branch: str | None = None,
        subject: str | None = None,
        customer: UUID | None = None,
        hours: float = 12,
    ) -> tuple[str, datetime]:
        """A token of a role, and its end. Staff of a branch need `branch`, `mobile` a `customer`; else ValueError."""
        if role not in ROLE_SCOPES:
            raise ValueError(f"there is no role {role}; roles: {', '.join(sorted(ROLE_SCOPES))}")
        if role == "mobile" and customer is None:
            raise ValueError("the role mobile needs a customer")
        where = None if customer else branch or (WHOLE_BANK_BRANCH if role in WHOLE_BANK_ROLES else None)
        if customer is None and where is None:
            raise ValueError(f"the role {role} needs a branch")
        now = datetime.now(UTC).replace(microsecond=0)
        expires = now + timedelta(hours=hours)
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject or f"{role}-1",
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
            "jti": secrets.token_hex(16),
            "roles": [role],
            "scope": " ".join(sorted(ROLE_SCOPES[role])),
        }
        claims |= {"branch": where} if where else {}
        claims |= {"customer": str(customer)} if customer else {}
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key), expires
