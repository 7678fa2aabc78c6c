"""Tokens on a developer's machine and in tests: refused in production."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from attune_contracts.access import CUSTOMER_ROLES, ROLE_SCOPES, WHOLE_BANK_BRANCH, WHOLE_BANK_ROLES
from attune_contracts.audiences import AUDIENCES
from attune_service_kit.token_settings import DEVELOPMENT_ISSUER, Environment


class DevelopmentIssuer:
    """Issues tokens on a developer's machine and in tests: an ES256 key and its `jwks.json` in a folder of its own."""

    issuer = DEVELOPMENT_ISSUER

    def __init__(self, keys_dir: Path, *, environment: Environment = "development") -> None:
        if environment == "production":
            raise RuntimeError("the development issuer does not run in production")
        self.jwks_path = keys_dir / "jwks.json"
        self._withdrawn_path = keys_dir / "withdrawn.json"
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
        audience: Sequence[str] = AUDIENCES,
    ) -> tuple[str, datetime]:
        """A token of a role, and its end. Staff of a branch need `branch`, `mobile` a `customer`; else ValueError.

        By default it is for the gateway and every service alike: one token to try everything with.
        """
        if role not in ROLE_SCOPES:
            raise ValueError(f"there is no role {role}; roles: {', '.join(sorted(ROLE_SCOPES))}")
        if role in CUSTOMER_ROLES and customer is None:
            raise ValueError(f"the role {role} needs a customer")
        where = None if customer else branch or (WHOLE_BANK_BRANCH if role in WHOLE_BANK_ROLES else None)
        if customer is None and where is None:
            raise ValueError(f"the role {role} needs a branch")
        now = datetime.now(UTC).replace(microsecond=0)
        expires = now + timedelta(hours=hours)
        claims = {
            "iss": self.issuer,
            "aud": list(audience),
            "sub": subject or f"{role}-1",
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
            "jti": secrets.token_hex(16),
            "roles": [role],
            "scope": " ".join(sorted(ROLE_SCOPES[role])),
        }
        claims |= {"branch": where} if where else {}
        claims |= {"customer": str(customer)} if customer else {}
        return self.sign(claims), expires

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An access token that says so."""
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self._key.kid}, dict(claims), self._key)

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token of this issuer, ended ones too; ValueError if it is none."""
        try:
            read = jwt.decode(token, self._key, algorithms=["ES256"])
        except JoseError as error:
            raise ValueError("not a token of this issuer") from error
        if read.header.get("typ") != "at+jwt":
            raise ValueError("not an access token")
        return read.claims

    def withdraw(self, token: str) -> None:
        """Let a token be exchanged no more; ValueError if it is none of this issuer's."""
        claims = self.read(token)
        ended = datetime.now(UTC).timestamp()
        kept = {jti: until for jti, until in self._withdrawn().items() if until > ended}
        draft = self._withdrawn_path.with_suffix(f".{secrets.token_hex(4)}")
        draft.write_text(json.dumps(kept | {claims["jti"]: claims["exp"]}))
        draft.replace(self._withdrawn_path)

    def withdrawn(self, jti: str) -> bool:
        """Whether the token of that id was withdrawn."""
        return jti in self._withdrawn()

    def _withdrawn(self) -> dict[str, float]:
        return dict(json.loads(self._withdrawn_path.read_text())) if self._withdrawn_path.exists() else {}
