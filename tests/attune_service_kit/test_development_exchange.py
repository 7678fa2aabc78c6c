"""The development issuer's token endpoint answers as RFC 8693 and RFC 6749 have it."""

import base64
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import pytest

from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.development_exchange import ACCESS_TOKEN, CLIENT, GRANT, ExchangeRefused, endpoint, exchange

SECRET = "a:secret%"


@pytest.fixture
def issuer(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path)


def asked(issuer: DevelopmentIssuer, **changes: Any) -> dict[str, str]:
    """A good request; what is changed to None is left out."""
    token = issuer.issue("teller", "B01", "t-9")[0]
    kinds = {"subject_token_type": ACCESS_TOKEN, "requested_token_type": ACCESS_TOKEN}
    good = {"grant_type": GRANT, "subject_token": token, "audience": "attune-insight"} | kinds
    return {name: value for name, value in (good | changes).items() if value is not None}


def test_the_new_token_says_the_same_for_one_service_and_who_uses_it(issuer: DevelopmentIssuer) -> None:
    form = asked(issuer)
    answer = exchange(issuer, form, time.time())
    old, new = issuer.read(form["subject_token"]), issuer.read(answer["access_token"])
    assert new.pop("aud") == "attune-insight"
    assert new.pop("act") == {"sub": CLIENT}
    assert new.pop("jti") != old["jti"]
    assert {**new, "iat": 0} == {k: 0 if k == "iat" else v for k, v in old.items() if k not in ("aud", "jti")}
    assert (answer["token_type"], answer["issued_token_type"]) == ("Bearer", ACCESS_TOKEN)
    assert 0 < answer["expires_in"] <= old["exp"] - time.time() + 1


def test_who_used_it_before_stays_known_and_less_may_be_asked_for(issuer: DevelopmentIssuer) -> None:
    claims = issuer.read(issuer.issue("teller", "B01")[0]) | {"act": {"sub": "counter-app"}, "client_id": "counter"}
    form = asked(issuer, subject_token=issuer.sign(claims), scope="tasks:read")
    new = issuer.read(exchange(issuer, form, time.time())["access_token"])
    assert new["act"] == {"sub": CLIENT, "act": {"sub": "counter-app"}}
    assert (new["scope"], new["client_id"]) == ("tasks:read", "counter")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
    ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
    ({"actor_token": "x"}, "invalid_request"),
    ({"audience": None}, "invalid_target"),
    ({"audience": "https://evil.example"}, "invalid_target"),
    ({"audience": CLIENT}, "invalid_target"),
    ({"subject_token": None}, "invalid_grant"),
    ({"subject_token": "a.b.c"}, "invalid_grant"),
    ({"scope": "imports:write"}, "invalid_scope"),
]


@pytest.mark.parametrize(("change", "code"), REFUSED, ids=[f"{next(iter(c))}-{n}" for n, (c, _) in enumerate(REFUSED)])
def test_a_request_that_is_not_right_is_refused_by_its_code(
    issuer: DevelopmentIssuer, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(ExchangeRefused, match=code):
        exchange(issuer, asked(issuer, **change), time.time())


def test_ended_withdrawn_bound_and_foreign_tokens_are_exchanged_for_nothing(
    issuer: DevelopmentIssuer, tmp_path: Path
) -> None:
    good = asked(issuer)
    claims, now = issuer.read(good["subject_token"]), time.time()
    exchange(issuer, good, claims["exp"] - 1)
    stranger = DevelopmentIssuer(tmp_path / "other")
    bad = [
        (good, claims["exp"]),
        (asked(issuer, subject_token=issuer.sign(claims | {"cnf": {"jkt": "x"}})), now),
        (asked(issuer, subject_token=issuer.sign(claims | {"aud": "attune-insight"})), now),
        (asked(stranger), now),
    ]
    issuer.withdraw(asked(issuer)["subject_token"])
    issuer.withdraw(good["subject_token"])
    for form, moment in (*bad, (good, now)):
        with pytest.raises(ExchangeRefused, match="invalid_grant"):
            exchange(issuer, form, moment)
    with pytest.raises(ValueError, match="not a token"):
        issuer.withdraw(asked(stranger)["subject_token"])


def basic(name: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(name)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


async def test_the_endpoint_knows_the_gateway_alone(issuer: DevelopmentIssuer) -> None:
    good, here = asked(issuer), httpx.ASGITransport(endpoint(issuer, SECRET))
    async with httpx.AsyncClient(transport=here, base_url="http://issuer.test") as http:
        for headers in ({}, basic(CLIENT, "guess"), basic("other", SECRET), {"Authorization": "Basic ?"}):
            answer = await http.post("/token", data=good, headers=headers)
            assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
            assert answer.headers["WWW-Authenticate"] == "Basic"
        known = basic(CLIENT, SECRET)
        answer = await http.post("/token", data=good, headers=known)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        twice = urlencode(good) + "&audience=attune-scoring"
        for body in (twice, "no form", "x=" + "y" * 40_000, b"\xff=\xff"):
            answer = await http.post("/token", content=body, headers=known)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert (await http.get("/token", headers=known)).status_code == 405
