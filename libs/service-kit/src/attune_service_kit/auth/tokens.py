"""What an access token must be, before and after its signature is checked. Pure."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from joserfc.util import urlsafe_b64decode

LEEWAY = 10  # seconds between two clocks (P-22)

_LONGEST_TOKEN = 8192
_TYPES = ("at+jwt", "application/at+jwt")
_NEEDED = frozenset({"alg", "typ", "kid"})
# Thumbprints only say what a certificate would hash to. `jku`, `x5u`, `jwk`, `x5c` bring keys of the sender's choice,
# `crit`, `b64`, `zip`, `enc`, `cty` make it something else than a signed token: all are refused.
_HARMLESS = frozenset({"x5t", "x5t#S256"})
# RFC 9864 gives the one algorithm its full name; issuers still write the old one.
_NAMES: Mapping[str, tuple[str, ...]] = {"EdDSA": ("EdDSA", "Ed25519")}


def names_of(algorithms: tuple[str, ...]) -> tuple[str, ...]:
    """The `alg` values of the algorithms that are allowed."""
    return tuple(name for algorithm in algorithms for name in _NAMES.get(algorithm, (algorithm,)))


def header_of(token: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
    """The header of a compact JWS that may be an access token; raises ValueError. Nothing is verified yet."""
    head, _, rest = token.partition(".")
    if len(token) > _LONGEST_TOKEN or rest.count(".") != 1 or not token.isascii():
        raise ValueError("not a compact JWS")
    header = json.loads(urlsafe_b64decode(head.encode()))
    if not isinstance(header, dict) or not _NEEDED <= header.keys() <= _NEEDED | _HARMLESS:
        raise ValueError("not the header of an access token")
    if header["alg"] not in algorithms or header["typ"] not in _TYPES or not isinstance(header["kid"], str):
        raise ValueError("another algorithm or type")
    return header


class ForAnother(ValueError):
    """A token of our issuer that is good for somebody else."""


def check(claims: Mapping[str, Any], issuer: str, longest: float, now: float) -> float:
    """When the token ends, in seconds; raises ValueError or KeyError if it is not our issuer's or not of now."""
    if claims["iss"] != issuer:
        raise ValueError("issuer")
    expires, issued = _moment(claims["exp"]), _moment(claims["iat"])
    begins = _moment(claims.get("nbf", issued))
    if now > expires + LEEWAY or issued > now + LEEWAY or begins > now + LEEWAY:
        raise ValueError("outside its time")
    if not 0 < expires - issued <= longest:
        raise ValueError("lives too long")
    if not isinstance(claims.get("jti"), str):
        raise ValueError("no id")
    # Bound to a certificate or to a key that signs each request (RFC 8705, 9449): nobody here checks that the sender
    # has it, and such a token without its proof is a stolen one.
    if "cnf" in claims:
        raise ValueError("bound to a holder who is not asked")
    return float(expires)


def check_audience(claims: Mapping[str, Any], audience: str, beside: Collection[str]) -> None:
    """Raises ForAnother unless `aud` names the audience, alone or with some of those `beside` it.

    Whoever is named may use the token too: here as well, unless they belong together.
    """
    said = claims["aud"]
    names = [said] if isinstance(said, str) else said
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("an audience is a name or a list of names")
    if audience not in names or not all(name == audience or name in beside for name in names):
        raise ForAnother


def _moment(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**11:
        raise ValueError("not a moment")
    return value
