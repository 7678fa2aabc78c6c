"""Whose tokens count, and where in them the bank's issuer says what Attune asks: for the services and the gateway."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings

from attune_contracts.access import ROLE_SCOPES
from attune_contracts.audiences import AUDIENCES, PLATFORM, audience_of

Environment = Literal["development", "test", "production"]
Algorithm = Literal["PS256", "ES256", "EdDSA"]

# The issuer of `attune token` and of the tests: its private key lies beside its public one, so production refuses it.
DEVELOPMENT_ISSUER = "attune-development"

# P-25: a token that is out lives five minutes. A developer's lasts a working day.
_MINUTES = 5
_DEVELOPMENT_MINUTES = 12 * 60


def _claim(value: str) -> str:
    if not value.strip("/"):
        raise ValueError("a claim has a name")
    return value


Claim = Annotated[str, Field(max_length=200), AfterValidator(_claim)]


def audience(part: str) -> Any:
    """The field `token_audience` of a part that has an audience of its own: `audience("insight")`."""
    return Field(default=audience_of(part), min_length=1, description="Its own name, which `aud` must have")


class TokenClaims(BaseModel):
    """Where each fact stands: a claim's name, or from `/` on a JSON Pointer: `/realm_access/roles`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Claim = "sub"
    roles: Claim = "roles"
    scope: Claim = "scope"
    branch: Claim = "branch"
    customer: Claim = "customer"
    client: Claim = "client_id"


class TokenSettings(BaseSettings):
    """The issuer, its keys, and how its tokens are read. Any OIDC issuer will do that signs `at+jwt` access tokens."""

    environment: Environment = "production"
    token_issuer: str = Field(description="`iss`, exactly as the tokens have it")
    token_audience: str = Field(default=PLATFORM, min_length=1, description="Its own name, which `aud` must have")
    token_audiences_beside: tuple[str, ...] = Field(
        default=AUDIENCES,
        description="JSON: who else `aud` may name beside it; a token that is for anybody else too is refused",
    )
    token_jwks: str | None = Field(
        default=None,
        description="The issuer's key set, an https URL; outside production a path will do. By default the issuer's own"
        " discovery document names it",
    )
    token_algorithms: tuple[Algorithm, ...] = Field(default=("PS256", "ES256", "EdDSA"), min_length=1)
    token_minutes: float = Field(
        default_factory=lambda known: _MINUTES if known.get("environment") == "production" else _DEVELOPMENT_MINUTES,
        gt=0,
        le=_DEVELOPMENT_MINUTES,
        description="The longest life of a token that is believed; 5 in production, else 720",
    )
    token_claims: TokenClaims = Field(default=TokenClaims(), description="JSON: where the issuer says what")
    token_roles: dict[str, str] = Field(
        default_factory=dict,
        description="JSON: the issuer's role → ours; roles that are not named here count for nothing. Empty: ours",
    )

    def unsafe_tokens(self) -> dict[str, bool]:
        """What must not be in production, in words that never repeat a value."""
        unknown = [role for role in self.token_roles.values() if role not in ROLE_SCOPES]
        return {
            "token_jwks is not an https URL": not (self.token_jwks or "https://").startswith("https://"),
            "token_issuer is no https URL to discover the keys by, and token_jwks is not set": self.token_jwks is None
            and not self.token_issuer.startswith("https://"),
            "token_issuer is the development issuer": self.token_issuer == DEVELOPMENT_ISSUER,
            "token_roles names roles that there are not": bool(unknown),
        }


def claim(claims: dict[str, Any], where: str) -> Any:
    """The claim's value, None where there is none."""
    if not where.startswith("/"):
        return claims.get(where)
    found: Any = claims
    for part in where[1:].split("/"):
        if not isinstance(found, dict):
            return None
        found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found
