"""The caller's token is exchanged for one of the called service: by the development issuer, and by bad ones."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from attune_contracts.access import ROLE_SCOPES
from attune_contracts.audiences import audience_of
from attune_service_kit import development_exchange
from attune_service_kit.auth import DevelopmentIssuer, TokenVerifier
from attune_service_kit.errors import Unauthenticated
from attune_service_kit.token_settings import TokenSettings
from gateway import token_exchange
from gateway.app import Gateway
from gateway.token_endpoint import signing_key

from .conftest import Echo

CUSTOMER = "/v1/customers/0190a7c0-0000-8000-8000-000000000001"
ACTIONS = f"{CUSTOMER}/next-best-actions"
SECRET = "a:secret/of the gateway%"
Answer = Callable[[Request], Any]


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What the development issuer was asked to exchange."""
    asked: list[dict[str, str]] = []
    exchange = development_exchange.exchange

    def noted(issuer: DevelopmentIssuer, form: dict[str, str], now: float) -> dict[str, Any]:
        asked.append(form)
        return exchange(issuer, form, now)

    monkeypatch.setattr(development_exchange, "exchange", noted)
    return asked


@pytest.fixture
async def echo(serve: Any) -> Echo:
    """What stands behind the gateway: one server for every service."""
    made = Echo("every service")
    made.url = await serve(made)
    return made


def upstreams(echo: Echo) -> dict[str, str]:
    return {"customer_360": echo.url, "campaign": echo.url}


@contextlib.asynccontextmanager
async def asking(made: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Ask a gateway, which begins and ends as its server has it."""
    told: asyncio.Queue[Any] = asyncio.Queue()
    living = asyncio.create_task(made({"type": "lifespan"}, told.get, lambda _: asyncio.sleep(0)))
    told.put_nowait({"type": "lifespan.startup"})
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(made), base_url="http://gateway.test") as http:
            yield http
    finally:
        told.put_nowait({"type": "lifespan.shutdown"})
        await living


@pytest.fixture
async def gateway(make_gateway: Any, echo: Echo, development_issuer: DevelopmentIssuer) -> AsyncIterator[Any]:
    """A gateway that exchanges with the development issuer; `gateway.http` asks it."""
    async with development_exchange.served(development_issuer, SECRET) as endpoint:
        made = make_gateway(upstreams(echo), exchange_url=endpoint, exchange_client_secret=SECRET)
        async with asking(made) as made.http:
            yield made


def forwarded(answer: httpx.Response) -> str:
    """The token that the service saw."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["headers"]["authorization"].removeprefix("Bearer "))


def at(service: str, issuer: DevelopmentIssuer) -> TokenVerifier:
    """How a service looks at tokens: for itself and nobody beside."""
    settings = TokenSettings(
        environment="test",
        token_issuer=issuer.issuer,
        token_jwks=str(issuer.jwks_path),
        token_audience=audience_of(service),
        token_audiences_beside=(),
    )
    return TokenVerifier(settings)


async def test_each_service_gets_a_token_that_is_for_it_alone(
    gateway: Any, development_issuer: DevelopmentIssuer
) -> None:
    given, ends = development_issuer.issue("teller", "B01", "t-9", audience=[audience_of("gateway")])
    bearer = {"Authorization": f"Bearer {given}"}
    for path, service, other in ((CUSTOMER, "customer_360", "campaign"), (ACTIONS, "campaign", "customer_360")):
        token = forwarded(await gateway.http.get(path, headers=bearer))
        seen = await at(service, development_issuer).verify(token)
        assert (seen.subject, seen.branch, seen.expires) == ("t-9", "B01", ends.timestamp())
        assert (seen.roles, seen.scopes) == (frozenset({"teller"}), ROLE_SCOPES["teller"])
        claims = development_issuer.read(token)
        assert (claims["aud"], claims["act"]) == (audience_of(service), {"sub": "attune-gateway"})
        for stranger in (at(other, development_issuer), gateway._verifier):
            with pytest.raises(Unauthenticated):
                await stranger.verify(token)
        with pytest.raises(Unauthenticated):  # and the caller's own opens no service
            await at(service, development_issuer).verify(given)


async def test_a_customers_token_stays_the_customers(gateway: Any, development_issuer: DevelopmentIssuer) -> None:
    customer = UUID("12345678-1234-8234-8234-123456789abc")
    bearer = {"Authorization": f"Bearer {development_issuer.issue('mobile', customer=customer)[0]}"}
    seen = await at("customer_360", development_issuer).verify(
        forwarded(await gateway.http.get(CUSTOMER, headers=bearer))
    )
    assert (seen.customer, seen.branch) == (customer, None)


async def test_one_exchange_serves_all_who_wait_and_all_who_come_later(
    gateway: Any, bearer: dict[str, str], exchanges: list[Any]
) -> None:
    answers = await asyncio.gather(*(gateway.http.get(CUSTOMER, headers=bearer) for _ in range(20)))
    later = await gateway.http.get(CUSTOMER, headers=bearer)
    assert len({forwarded(answer) for answer in (*answers, later)}) == 1
    assert len(exchanges) == 1
    await gateway.http.get(ACTIONS, headers=bearer)
    assert [asked["audience"] for asked in exchanges] == ["attune-customer-360", "attune-campaign"]


async def test_who_leaves_takes_it_from_nobody(gateway: Any, bearer: dict[str, str], exchanges: list[Any]) -> None:
    token = bearer["Authorization"].removeprefix("Bearer ")
    caller = await gateway._verifier.verify(token)
    authorization = gateway.token_exchange.authorization
    first, second = (asyncio.ensure_future(authorization(token, caller, "campaign")) for _ in "12")
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).startswith(b"Bearer ")
    assert len(exchanges) == 1


async def test_what_is_kept_is_bounded_and_let_go_before_its_end(
    gateway: Any, development_issuer: DevelopmentIssuer, exchanges: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_exchange, "_SIZE", 3)
    tokens = [development_issuer.issue("call_centre", subject=f"c-{n}", hours=1 / 36)[0] for n in range(5)]
    for token in (*tokens, tokens[4], tokens[0]):
        forwarded(await gateway.http.get(CUSTOMER, headers={"Authorization": f"Bearer {token}"}))
    assert len(exchanges) == 6  # the fifth was there, the first no more
    kept = gateway.token_exchange._kept
    assert len(kept) == 3
    ends = development_issuer.read(tokens[0])["exp"]
    assert all(ends - 6 < until < ends - 4 for _, until in kept.values())
    for key, (value, _) in kept.items():
        kept[key] = value, time.time()
    forwarded(await gateway.http.get(CUSTOMER, headers={"Authorization": f"Bearer {tokens[0]}"}))
    assert len(exchanges) == 7


async def test_a_withdrawn_token_is_refused_and_the_issuer_not_asked_each_time(
    gateway: Any, echo: Echo, development_issuer: DevelopmentIssuer, exchanges: list[Any]
) -> None:
    token = development_issuer.issue("call_centre", subject="left-yesterday")[0]
    development_issuer.withdraw(token)
    for _ in range(3):
        answer = await gateway.http.get(CUSTOMER, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert "the issuer gives no token" in answer.json()["detail"]["en"]
        assert "签发方拒绝" in answer.json()["detail"]["zh"]
    assert (len(exchanges), echo.requests) == (1, [])


async def test_a_token_that_is_not_for_the_gateway_is_not_exchanged(
    gateway: Any, development_issuer: DevelopmentIssuer, exchanges: list[Any]
) -> None:
    now = int(time.time())
    for aud, more in (("attune-customer-360", {}), ("attune-gateway", {"cnf": {"jkt": "x"}})):
        good = development_issuer.read(development_issuer.issue("call_centre")[0]) | {"iat": now, "exp": now + 60}
        token = development_issuer.sign(good | {"aud": aud} | more)
        answer = await gateway.http.get(CUSTOMER, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, aud
    assert exchanges == []


async def test_without_an_exchange_the_callers_token_goes_on(
    make_gateway: Any, echo: Echo, bearer: dict[str, str]
) -> None:
    async with asking(make_gateway(upstreams(echo))) as http:
        assert forwarded(await http.get(CUSTOMER, headers=bearer)) == bearer["Authorization"].removeprefix("Bearer ")


# --- issuers that answer otherwise -----------------------------------------------------------------------------------


class Issuer:
    """An issuer's token endpoint that answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: Any = None
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(dict(parse_qsl((await Request(scope, receive).body()).decode())))
        response = self.answer
        if not isinstance(response, Response):
            issued = {"issued_token_type": development_exchange.ACCESS_TOKEN, "token_type": "Bearer"}
            response = JSONResponse({"access_token": response} | issued)
        await response(scope, receive, send)


@pytest.fixture
async def issuer(serve: Any) -> Any:
    made = Issuer()
    made.url = await serve(made, lifespan="off") + "/token"
    return made


@pytest.fixture
async def behind(make_gateway: Any, serve: Any, echo: Echo, issuer: Any) -> AsyncIterator[Any]:
    """A gateway that exchanges with such an issuer."""
    made = make_gateway(upstreams(echo), exchange_url=issuer.url, exchange_client_secret=SECRET, exchange_seconds=5)
    async with asking(made) as made.http:
        yield made


def error(code: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": code, "error_description": "eyJ secret"}, status)


FAULTS: list[tuple[str, Response, int]] = [
    ("the token has ended", error("invalid_grant"), 401),
    ("RFC 8693 says it so", error("invalid_request"), 401),
    ("not by this person", error("access_denied", 403), 401),
    ("a wrong secret", error("invalid_client", 401), 503),
    ("an unknown service", error("invalid_target"), 503),
    ("the client may not", error("unauthorized_client"), 503),
    ("no code at all", error("<script>"), 503),
    ("another kind of token", JSONResponse({"access_token": "x", "token_type": "N_A"}), 503),
    ("nothing", JSONResponse({}), 503),
    ("it fails", error("server_error", 500), 503),
    ("elsewhere", Response(status_code=302, headers={"Location": "http://127.0.0.1:1/"}), 503),
    ("a page", Response("<html>"), 503),
    ("a list", JSONResponse([]), 503),
    ("too much", Response(b" " * 100_000), 503),
]


async def test_whatever_the_issuer_answers_is_told_clearly_and_no_token_is_logged(
    behind: Any, issuer: Any, echo: Echo, development_issuer: DevelopmentIssuer, capfd: pytest.CaptureFixture[str]
) -> None:
    tokens = []
    for why, response, status in FAULTS:
        issuer.answer, behind.token_exchange._down_until = response, 0
        tokens.append(development_issuer.issue("call_centre", subject=why)[0])
        answer = await behind.http.get(CUSTOMER, headers={"Authorization": f"Bearer {tokens[-1]}"})
        body = answer.json()
        assert (answer.status_code, set(body["detail"])) == (status, {"en", "zh"}), why
        assert ("WWW-Authenticate" if status == 401 else "Retry-After") in answer.headers, why
        assert "secret" not in answer.text
    assert len(issuer.asked) == len(FAULTS)
    assert echo.requests == []
    told = "".join(capfd.readouterr())
    assert "exchange_refused" in told
    assert "exchange_unavailable" in told
    assert not any(part in told for token in tokens for part in token.split(".")[1:])
    assert "eyJ" not in told


def wrong_tokens(issuer: DevelopmentIssuer, token: str) -> dict[str, str]:
    """What an issuer must not give for a token, by what is logged of it."""
    claims = issuer.read(token) | {"aud": "attune-customer-360"}
    powers = {"roles": ["operator"], "scope": "imports:write customers:read"}
    return {
        "for another person": issuer.sign(claims | {"sub": "somebody"}),
        "for more than the caller may": issuer.sign(claims | powers | {"branch": "B01"}),
        "for other rows": issuer.sign(claims | {"branch": "B02"}),
        "lives longer than the caller's": issuer.sign(claims | {"exp": claims["exp"] + 1}),
        "for another audience": issuer.sign(claims | {"aud": ["attune-customer-360", "attune-campaign"]}),
        "the service would not take it": issuer.sign(claims | {"cnf": {"jkt": "x"}}),
    }


async def test_a_token_that_says_more_than_the_callers_does_not_go_on(
    behind: Any, issuer: Any, echo: Echo, development_issuer: DevelopmentIssuer, capfd: pytest.CaptureFixture[str]
) -> None:
    token = development_issuer.issue("teller", "B01", "t-9", hours=0.05)[0]
    for reason, wrong in wrong_tokens(development_issuer, token).items():
        issuer.answer = wrong
        behind.token_exchange._kept.clear()
        answer = await behind.http.get(CUSTOMER, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), reason
        assert reason in capfd.readouterr().err, reason
    asked = len(issuer.asked)
    assert (await behind.http.get(CUSTOMER, headers={"Authorization": f"Bearer {token}"})).status_code == 503
    assert (len(issuer.asked), echo.requests) == (asked, [])
    claims = development_issuer.read(token) | {"aud": "attune-customer-360", "scope": "tasks:read"}
    issuer.answer = development_issuer.sign(claims)
    behind.token_exchange._kept.clear()
    forwarded(await behind.http.get(CUSTOMER, headers={"Authorization": f"Bearer {token}"}))


async def test_an_issuer_that_gives_each_token_a_life_of_its_own_may_be_let_to(
    make_gateway: Any, serve: Any, echo: Echo, issuer: Any, development_issuer: DevelopmentIssuer
) -> None:
    token = development_issuer.issue("call_centre", hours=0.02)[0]
    claims = development_issuer.read(token)
    issuer.answer = development_issuer.sign(claims | {"aud": "attune-customer-360", "exp": claims["exp"] + 200})
    made = make_gateway(
        upstreams(echo), exchange_url=issuer.url, exchange_client_secret=SECRET, exchange_longer_seconds=300
    )
    async with asking(made) as http:
        forwarded(await http.get(CUSTOMER, headers={"Authorization": f"Bearer {token}"}))
    # It goes on no longer than the caller's own would.
    assert [until < claims["exp"] for _, until in made.token_exchange._kept.values()] == [True]


async def test_an_issuer_that_is_silent_is_not_waited_for_again_and_again(
    make_gateway: Any, serve: Any, echo: Echo, development_issuer: DevelopmentIssuer
) -> None:
    asked, ended = [], asyncio.Event()

    async def silent(_scope: Any, _receive: Any, _send: Any) -> None:
        asked.append(1)
        await ended.wait()

    url = await serve(silent, lifespan="off")
    made = make_gateway(upstreams(echo), exchange_url=url, exchange_client_secret=SECRET, exchange_seconds=0.1)
    async with asking(made) as http:
        for number in range(3):
            bearer = {"Authorization": f"Bearer {development_issuer.issue('call_centre', subject=f's-{number}')[0]}"}
            answer = await http.get(CUSTOMER, headers=bearer)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert "无响应" in answer.json()["detail"]["zh"]
            made.token_exchange._down_until += 60
        made.token_exchange._down_until = 0
        await http.get(CUSTOMER, headers=bearer)
    ended.set()
    assert len(asked) == 2


# --- who asks --------------------------------------------------------------------------------------------------------

KEYS: dict[str, tuple[Callable[[], Any], Any]] = {
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECKey),
    "PS256": (lambda: rsa.generate_private_key(65537, 2048), RSAKey),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate, OKPKey),
}


@pytest.mark.parametrize("algorithm", KEYS)
async def test_the_gateway_signs_who_it_is_with_its_own_key(
    algorithm: str, make_gateway: Any, serve: Any, echo: Echo, issuer: Any, bearer: Any, tmp_path: Any
) -> None:
    make, kind = KEYS[algorithm]
    file = tmp_path / "client.pem"
    pem = make().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem)
    issuer.answer = error("invalid_grant")
    made = make_gateway(upstreams(echo), exchange_url=issuer.url, exchange_client_key=file, exchange_client_id="gw")
    async with asking(made) as http:
        await http.get(CUSTOMER, headers=bearer)
    (asked,) = issuer.asked
    signed = jwt.decode(asked["client_assertion"], kind.import_key(pem), algorithms=[algorithm])
    assert (signed.claims["iss"], signed.claims["sub"], signed.claims["aud"]) == ("gw", "gw", "attune-development")
    assert signed.claims["exp"] - signed.claims["iat"] == 60
    assert asked["client_assertion_type"].endswith(":jwt-bearer")
    assert asked["audience"] == "attune-customer-360"
    assert asked["subject_token_type"] == development_exchange.ACCESS_TOKEN


async def test_production_says_so_where_tokens_are_passed_on(
    make_gateway: Any, serve: Any, echo: Echo, capfd: pytest.CaptureFixture[str]
) -> None:
    made = make_gateway(upstreams(echo))
    made.settings = made.settings.model_copy(update={"environment": "production"})
    async with asking(made):
        await asyncio.sleep(0)
    assert "tokens_passed_on" in capfd.readouterr().err


@pytest.mark.parametrize("curve", [ec.SECP384R1()], ids=["P-384"])
def test_a_weak_or_foreign_key_is_none(curve: ec.EllipticCurve) -> None:
    pem = ec.generate_private_key(curve).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="P-256"):
        signing_key(pem)
