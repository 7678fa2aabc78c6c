"""A: who is not known stays outside. Every row of the list against a running service, past any gateway."""

import asyncio
import hashlib
import hmac
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey

from attune_service_kit.auth import keys
from attune_service_kit.testing import RunningService, StartService
from insight.app import SERVICE

from .conftest import DOCUMENT, OPERATIONS, roles_with
from .tokens import (
    AUDIENCE,
    FOR_ENCRYPTION,
    ISSUER,
    KEY,
    OTHER_CURVE,
    RSA,
    STRANGER,
    WEAK,
    claims,
    encoded,
    signed,
    token,
    write_jwks,
)

PATH = "/v1/segments/value-quadrant"
NOW = int(time.time())
OFFICE: dict[str, Any] = {"roles": ["head_office"], "branch": None}


@pytest.fixture
async def service(start_service: StartService, tmp_path: Path) -> RunningService:
    """Any service: all verify by the same code. Its issuer is a bank's, and its tokens live five minutes."""
    jwks = str(write_jwks(tmp_path))
    return await start_service(SERVICE, worker=False, token_issuer=ISSUER, token_jwks=jwks, token_minutes=5)


async def answers(service: RunningService, *tokens: str) -> list[httpx.Response]:
    return [await service.client.get(PATH, headers={"Authorization": f"Bearer {one}"}) for one in tokens]


def refused(response: httpx.Response) -> bool:
    """401 in the one voice: the scheme, and no word about what was wrong."""
    body = response.json()
    told = (body["code"], body["detail"]["en"], set(body))
    known = (
        "unauthenticated",
        "a valid access token is needed",
        {"type", "title", "status", "code", "detail", "request_id"},
    )
    return response.status_code == 401 and response.headers["WWW-Authenticate"] == "Bearer" and told == known


async def test_a_good_token_comes_in(service: RunningService) -> None:
    good = [token(**OFFICE), token(RSA, alg="PS256", **OFFICE), token(header={"x5t": "AA"}, **OFFICE)]
    # Nothing has been computed yet: the answer comes from behind the door.
    assert [r.status_code for r in await answers(service, *good)] == [404] * 3


async def test_a01_no_token_or_another_scheme(service: RunningService) -> None:
    good = token(**OFFICE)
    headers: list[list[tuple[str, str]]] = [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic dGVsbGVyOnNlY3JldA==")],
        [("Authorization", good)],
        [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")],
        [("Authorization", f"Bearer {good}"), ("Authorization", "Basic dGVsbGVyOnNlY3JldA==")],
        [("Authorization", f"Bearer {good}, Bearer {good}")],
    ]
    for given in headers:
        assert refused(await service.client.get(PATH, headers=given)), given


async def test_a02_no_signature(service: RunningService) -> None:
    _, payload, signature = token(**OFFICE).split(".")
    for alg in ("none", "None", "nOnE", ""):
        head = encoded(json.dumps({"alg": alg, "typ": "at+jwt", "kid": "ec"}).encode())
        for answer in await answers(service, f"{head}.{payload}.", f"{head}.{payload}.{signature}"):
            assert refused(answer), alg


async def test_a03_hmac_with_a_public_key_as_the_secret(service: RunningService) -> None:
    for key in (RSA, KEY):
        head = {"alg": "HS256", "typ": "at+jwt", "kid": key.kid}
        content = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims(**OFFICE)))
        mac = hmac.digest(key.as_pem(private=False), content.encode(), hashlib.sha256)
        (answer,) = await answers(service, f"{content}.{encoded(mac)}")
        assert refused(answer)


async def test_a04_key_ids_that_lead_elsewhere(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, reads = service.runtime.verifier.keys, 0
    read = keys.read

    async def counted() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return await read()

    monkeypatch.setattr(keys, "read", counted)
    names: list[Any] = ["../../dev/null", "' OR 1=1--", "x" * 5000, 7, ["ec"], {"kid": "ec"}, "", "EC"]
    names += [f"unknown-{number}" for number in range(300)]
    head = {"alg": "ES256", "typ": "at+jwt"}
    for name in names:
        forged = encoded(json.dumps(head | {"kid": name}).encode())
        (answer,) = await answers(service, f"{forged}.{token(**OFFICE).partition('.')[2]}")
        assert refused(answer)
    assert reads == 1
    (answer,) = await answers(service, token(**OFFICE))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "extra",
    [
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"jwk": STRANGER.as_dict(private=False)},
    ],
    ids=lambda extra: next(iter(extra)),
)
async def test_a05_keys_that_the_sender_brings_along(
    service: RunningService, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any, **__: Any) -> None:
        pytest.fail("a token made the service call somebody")

    monkeypatch.setattr(httpx.AsyncClient, "stream", nobody)
    head = {"alg": "ES256", "typ": "at+jwt", "kid": "ec"} | extra
    for key in (STRANGER, KEY):
        (answer,) = await answers(service, signed(head, claims(**OFFICE), key, "ES256"))
        assert refused(answer)


async def test_a06_something_else_than_a_signed_token(service: RunningService) -> None:
    good = token(**OFFICE)
    head, payload, signature = good.split(".")
    inner = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A128CBC-HS256", "kid": "ec"}, good.encode(), OctKey.generate_key(256)
    )
    bomb = encoded(zlib.compress(b"0" * 10_000_000))
    zipped = encoded(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": "ec", "zip": "DEF"}).encode())
    bad = [
        inner,
        f"{zipped}.{bomb[:6000]}.{signature}",
        *(token(header=extra, **OFFICE) for extra in ({"crit": ["exp"]}, {"crit": ["x"], "x": 1}, {"cty": "JWT"})),
        *(f"{head}.{payload}", f"{good}.x", f"{head}..{signature}", f".{payload}.{signature}", "a.b.c", "..", "."),
        *("e30.e30.e30", "W10.W10.W10", good[:-4] + "AAAA", good + "A", "[" * 4000 + ".x.y"),
        encoded(b"[" * 6000) + ".x.y",
    ]
    for one in bad:
        (answer,) = await answers(service, one)
        assert refused(answer), one[:60]


OTHER_TYPES: list[Any] = ["JWT", "jwt", "logout+jwt", "dpop+jwt", "at+JWT", None, 7]


async def test_a07_another_kind_of_token(service: RunningService) -> None:
    for typ in OTHER_TYPES:
        (answer,) = await answers(service, token(header={"typ": typ}, **OFFICE))
        assert refused(answer), typ


NOT_OURS: list[Any] = [
    {"aud": None},
    {"aud": 7},
    {"aud": [AUDIENCE, 7]},
    {"iss": ISSUER + "/"},
    {"iss": "https://evil.example"},
    {"iss": None},
    {"iss": [ISSUER]},
]


FOR_ANOTHER: list[Any] = ["another", [AUDIENCE, "another"], ["another"], [], AUDIENCE + "/"]


async def test_a08_not_meant_for_us_or_not_from_ours(service: RunningService) -> None:
    for audience in FOR_ANOTHER:
        (answer,) = await answers(service, token(**OFFICE | {"aud": audience}))
        assert (answer.status_code, answer.json()["audience"]) == (401, AUDIENCE), audience
    for change in NOT_OURS:
        (answer,) = await answers(service, token(**OFFICE | change))
        assert refused(answer), change


NOT_GOOD: list[Any] = [
    {"exp": None},
    {"exp": 9 * 10**18},
    {"exp": NOW + 200.5},
    {"exp": str(NOW + 200)},
    {"exp": -1},
    {"exp": True},
    {"exp": 1e300},
    {"exp": NOW - 60},
    {"nbf": NOW + 3600},
    {"nbf": "now"},
    {"iat": NOW + 3600, "exp": NOW + 3700},
    {"iat": None},
    {"iat": NOW, "exp": NOW + 10 * 365 * 86400},
    {"iat": NOW - 600, "exp": NOW + 200},
    {"iat": NOW + 5, "exp": NOW + 5},
    {"jti": None},
    {"sub": None},
    {"sub": ""},
    {"sub": "teller\x007"},
    {"sub": "x" * 200},
    {"sub": 7},
    {"roles": 7},
    {"roles": [{"name": "head_office"}]},
    {"roles": ["teller"], "branch": "*"},
    {"roles": ["teller"]},
    {"roles": ["teller"], "branch": ["B01"]},
    {"roles": ["teller"], "branch": "B" * 65},
    {"roles": ["mobile"], "branch": "B01"},
    {"roles": ["mobile"], "customer": "not-a-uuid"},
    {"scope": ["segments:read"]},
]


async def test_a09_times_and_claims_that_no_good_token_has(service: RunningService) -> None:
    for change in NOT_GOOD:
        (answer,) = await answers(service, token(**OFFICE | change))
        assert refused(answer), change


async def test_a11_weak_keys_of_the_issuer_count_for_nothing(
    service: RunningService, capfd: pytest.CaptureFixture[str]
) -> None:
    weak = [token(WEAK, alg="PS256", **OFFICE), token(FOR_ENCRYPTION, **OFFICE), token(RSA, alg="RS256", **OFFICE)]
    weak += [token(OTHER_CURVE, alg="ES384", **OFFICE), token(STRANGER, **OFFICE)]
    weak.append(token(RSAKey.generate_key(2048, {"kid": "not-there"}), alg="PS256", **OFFICE))
    for answer in await answers(service, *weak):
        assert refused(answer)
    warnings = [line for line in capfd.readouterr().err.splitlines() if "jwks_key_ignored" in line]
    assert len(warnings) == 6  # 1024 bits, P-384, for encryption, a secret, an unknown kind, no key at all


async def test_a12_a_token_in_another_place(service: RunningService, capfd: pytest.CaptureFixture[str]) -> None:
    good = token(**OFFICE)
    asks: list[Callable[[], Any]] = [
        lambda: service.client.get(PATH, params={"access_token": good}),
        lambda: service.client.get(PATH, params={"token": good}),
        lambda: service.client.get(PATH, headers={"Cookie": f"token={good}; Authorization=Bearer {good}"}),
        lambda: service.client.get(PATH, headers={"X-Authorization": f"Bearer {good}"}),
        lambda: service.client.get(PATH, headers={"Proxy-Authorization": f"Bearer {good}"}),
    ]
    for ask in asks:
        assert refused(await ask())
    await asyncio.sleep(0)  # the lines of a turn are written at its end
    told = capfd.readouterr().err
    assert "request" in told
    assert good.split(".")[1] not in told


BOUND: list[Any] = [
    {"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}},
    {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
    {"cnf": {}},
    {"cnf": "x"},
]


async def test_a10_a_token_that_is_bound_to_its_holder_is_no_bearer_token(service: RunningService) -> None:
    for change in BOUND:
        (answer,) = await answers(service, token(**OFFICE | change))
        assert refused(answer), change
    good, proof = token(**OFFICE), token(header={"typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)})
    for headers in ({"Authorization": f"DPoP {good}"}, {"Authorization": f"DPoP {good}", "DPoP": proof}):
        assert refused(await service.client.get(PATH, headers=headers))


async def test_a13_a_captured_write_has_no_second_effect(service: RunningService) -> None:
    """Whoever holds a token may use it while it lives; what was written once is not written again."""
    [operation] = [o for o in OPERATIONS if str(o) == "PUT /v1/parameters/value-quadrant"]
    bearer = token(roles=[roles_with(operation.scope)[0]], branch=None)
    asked = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": "captured-on-its-way-1"}
    first, second = [await service.client.put(operation.path, json=operation.example, headers=asked) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200), first.text
    assert (second.headers["Idempotent-Replayed"], second.content) == ("true", first.content)
    assert await service.runtime.database.pool.fetchval("SELECT count(*) FROM audit") == 1


def test_a14_there_is_nothing_to_guess() -> None:
    """No operation takes a password, a PIN or a client's secret: the bank's issuer has them, and counts."""
    told = json.dumps(DOCUMENT["paths"]).lower() + json.dumps(DOCUMENT["components"]["schemas"]).lower()
    for word in ("password", "passwd", '"pin"', "client_secret", "grant_type"):
        assert word not in told
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"bearer"}


async def test_a15_a_withdrawn_key_and_a_short_life_end_a_token(
    service: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_key, by_other = token(**OFFICE), token(RSA, alg="PS256", **OFFICE)
    assert [a.status_code for a in await answers(service, by_key, by_other)] == [404, 404]
    remaining = json.loads(write_jwks(tmp_path).read_text())
    remaining["keys"] = [k for k in remaining["keys"] if not (isinstance(k, dict) and k.get("kid") == KEY.kid)]
    (tmp_path / "jwks.json").write_text(json.dumps(remaining))
    # As if it were time to ask the issuer again, and the minute for which a token is believed were over.
    monkeypatch.setattr(keys, "RENEW", 0)
    monkeypatch.setattr(keys, "REFETCH", 0)
    service.runtime.verifier._verified.clear()
    ended, goes_on = await answers(service, by_key, by_other)
    assert refused(ended)
    assert goes_on.status_code == 404
    long_lived = [token(RSA, alg="PS256", **OFFICE | {"exp": int(time.time()) + minutes * 60}) for minutes in (4, 6)]
    lives, is_refused = await answers(service, *long_lived)
    assert lives.status_code == 404
    assert refused(is_refused)
