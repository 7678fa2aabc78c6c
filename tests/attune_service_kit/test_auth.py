"""Only a fresh token of our issuer, for us, of an allowed algorithm and a strong key opens the door (P-25)."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from attune_service_kit.auth import Caller, DevelopmentIssuer, TokenVerifier
from attune_service_kit.database import Scope
from attune_service_kit.errors import Unauthenticated, Unavailable

ISSUER, AUDIENCE = "https://login.bank.example", "attune"
KEY = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
WEAK = RSAKey.generate_key(1024, {"kid": "weak"})
OTHER_CURVE = ECKey.generate_key("P-384", {"kid": "p384"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "teller-7",
        "iat": now,
        "exp": now + 300,
        "jti": uuid4().hex,
        "roles": ["teller"],
        "scope": "customers:read tasks:read",
        "branch": "B01",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(key: Any = KEY, *, alg: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    head = {"alg": alg, "typ": "at+jwt", "kid": key.kid} | (header or {})
    head = {name: value for name, value in head.items() if value is not None}
    return jws.serialize_compact(head, json.dumps(claims(**changes)).encode(), key, algorithms=[alg])


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    keys = [key.as_dict(private=False) for key in (KEY, RSA, ED, WEAK, OTHER_CURVE)]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [*keys, {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}, {"kty": "?"}]}))
    return path


@pytest.fixture
def verifier(jwks: Path) -> TokenVerifier:
    return TokenVerifier(ISSUER, AUDIENCE, str(jwks))


@pytest.mark.parametrize(("key", "alg"), [(KEY, "ES256"), (RSA, "PS256"), (ED, "EdDSA"), (ED, "Ed25519")])
async def test_a_good_token_names_its_caller(verifier: TokenVerifier, key: Any, alg: str) -> None:
    caller = await verifier.verify(token(key, alg=alg))
    assert caller == Caller(
        subject="teller-7",
        roles=frozenset({"teller"}),
        scopes=frozenset({"customers:read", "tasks:read"}),
        branch="B01",
        customer=None,
        client_id="teller-7",
    )
    assert caller.scope == Scope("branch", branch="B01")


NOW = int(time.time())
BAD_CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another"},
    {"aud": ["another"]},
    {"aud": None},
    {"exp": NOW - 60},
    {"exp": None},
    {"exp": "tomorrow"},
    {"exp": True},
    {"exp": 1e300},
    {"iat": NOW + 600},
    {"iat": None},
    {"nbf": NOW + 600},
    {"sub": None},
    {"sub": 7},
    {"sub": ""},
    {"jti": None},
    {"branch": None},
    {"branch": ""},
    {"branch": "B" * 65},
    {"branch": ["B01"]},
    {"customer": "not-a-uuid"},
    {"scope": None},
    {"roles": 7},
]


@pytest.mark.parametrize("change", BAD_CLAIMS, ids=",".join)
async def test_bad_claims_are_refused(verifier: TokenVerifier, change: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(token(**change))


async def test_bad_headers_and_keys_are_refused(verifier: TokenVerifier) -> None:
    secret = OctKey.import_key("secret-secret-secret-secret-secret")
    confused = jws.serialize_compact(
        {"alg": "HS256", "typ": "at+jwt", "kid": "ec"}, json.dumps(claims()).encode(), secret, algorithms=["HS256"]
    )
    unsigned = ".".join([*token().split(".")[:2], ""])
    bad = [
        confused,
        unsigned,
        token(STRANGER),
        token(WEAK, alg="PS256"),
        token(OTHER_CURVE, alg="ES384"),
        token(RSA, alg="RS256"),
        token(header={"typ": "JWT"}),
        token(header={"typ": None}),
        token(header={"kid": None}),
        token(header={"kid": "../../dev/null"}),
        token(header={"kid": "x" * 3000}),
        token(header={"jku": "https://evil.example/jwks.json"}),
        token(header={"jwk": KEY.as_dict(private=False)}),
        token(sub="x" * 9000),
        token()[:-4] + "AAAA",
        token() + ".x",
        "",
        "a.b.c",
        "王.伟.x",
        "\ud800.x.y",
        "e30.e30.e30",
        "W10.W10.W10",
    ]
    for one in bad:
        with pytest.raises(Unauthenticated):
            await verifier.verify(one)


async def test_unknown_keys_ask_the_issuer_once_a_minute_at_most(
    verifier: TokenVerifier, jwks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = verifier._read

    async def counted() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return await read()

    monkeypatch.setattr(verifier, "_read", counted)
    for number in range(50):
        with pytest.raises(Unauthenticated):
            await verifier.verify(token(header={"kid": f"unknown-{number}"}))
    assert reads == 1
    assert (await verifier.verify(token())).subject == "teller-7"


async def test_a_rotated_key_is_found_after_the_minute(verifier: TokenVerifier, jwks: Path) -> None:
    await verifier.verify(token())
    new = ECKey.generate_key("P-256", {"kid": "new"})
    jwks.write_text(json.dumps({"keys": [new.as_dict(private=False)]}))
    with pytest.raises(Unauthenticated):
        await verifier.verify(token(new))
    verifier._tried -= 61
    assert (await verifier.verify(token(new))).subject == "teller-7"


async def test_without_any_key_the_service_is_unavailable_not_open(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await TokenVerifier(ISSUER, AUDIENCE, str(tmp_path / "missing.json")).verify(token())


async def test_a_verified_token_is_cached_until_its_end_only(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    short = token(exp=now + 30)
    first = await verifier.verify(short)
    assert await verifier.verify(short) is first
    monkeypatch.setattr("attune_service_kit.auth.time.time", lambda: now + 61.0)
    with pytest.raises(Unauthenticated):
        await verifier.verify(short)


async def test_the_development_issuer_issues_what_the_verifier_accepts(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer(tmp_path / "keys")
    again = DevelopmentIssuer(tmp_path / "keys")
    verifier = TokenVerifier(issuer.issuer, issuer.audience, str(issuer.jwks_path))
    customer = UUID("12345678-1234-8234-8234-123456789abc")
    teller = await verifier.verify(issuer.issue("teller", branch="B01", subject="t-9")[0])
    operator = await verifier.verify(again.issue("operator")[0])
    mobile = await verifier.verify(issuer.issue("mobile", customer=customer)[0])
    assert (teller.subject, teller.scope, "decisions:write" in teller.scopes) == ("t-9", Scope("branch", "B01"), True)
    assert (operator.scope, "imports:write" in operator.scopes) == (Scope("all"), True)
    assert mobile.scope == Scope("customer", customer=customer)
    assert (tmp_path / "keys" / "issuer.json").stat().st_mode & 0o077 == 0
    assert '"d"' not in issuer.jwks_path.read_text()


@pytest.mark.parametrize(("role", "needs"), [("teller", "branch"), ("mobile", "customer"), ("emperor", "no role")])
def test_a_role_needs_what_narrows_it(tmp_path: Path, role: str, needs: str) -> None:
    with pytest.raises(ValueError, match=needs):
        DevelopmentIssuer(tmp_path).issue(role)


def test_the_development_issuer_refuses_production(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="production"):
        DevelopmentIssuer(tmp_path, environment="production")


async def test_many_at_once_read_the_keys_once(verifier: TokenVerifier) -> None:
    callers = await asyncio.gather(*(verifier.verify(token(sub=f"t-{number}")) for number in range(20)))
    assert [caller.subject for caller in callers] == [f"t-{number}" for number in range(20)]
