"""Keys found and kept, claims read as the bank's issuer writes them, and the development issuer (P-25).

What is refused stands in tests/attacks/test_a_tokens.py, against a running service.
"""

import asyncio
import datetime as dt
import ipaddress
import json
import math
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey
from tests.attacks.tokens import AUDIENCE, ED, ISSUER, KEY, RSA, claims

from attune_contracts.access import ROLE_SCOPES
from attune_service_kit.auth import Caller, DevelopmentIssuer, TokenVerifier
from attune_service_kit.auth.caller import read
from attune_service_kit.database import Scope
from attune_service_kit.errors import Unauthenticated, Unavailable
from attune_service_kit.token_settings import TokenClaims, TokenSettings, claim

SCOPE = "customers:read tasks:read"


def token(key: Any = KEY, *, alg: str = "ES256", **changes: Any) -> str:
    head = {"alg": alg, "typ": "at+jwt", "kid": key.kid}
    content = claims(**{"scope": SCOPE} | changes)
    return jws.serialize_compact(head, json.dumps(content).encode(), key, algorithms=[alg])


def rules(jwks: object, **changes: Any) -> TokenSettings:
    keys = None if jwks is None else str(jwks)
    values = {"environment": "test", "token_issuer": ISSUER, "token_audience": AUDIENCE, "token_jwks": keys}
    return TokenSettings(**values | changes)


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in (KEY, RSA, ED)]}))
    return path


@pytest.fixture
def verifier(jwks: Path) -> TokenVerifier:
    return TokenVerifier(rules(jwks))


@pytest.mark.parametrize(("key", "alg"), [(KEY, "ES256"), (RSA, "PS256"), (ED, "EdDSA"), (ED, "Ed25519")])
async def test_a_good_token_names_its_caller(verifier: TokenVerifier, key: Any, alg: str) -> None:
    caller = await verifier.verify(token(key, alg=alg))
    assert replace(caller, expires=math.inf) == Caller(
        subject="teller-7",
        roles=frozenset({"teller"}),
        scopes=frozenset({"customers:read", "tasks:read"}),
        branch="B01",
        customer=None,
        client_id="teller-7",
    )
    assert (caller.scope, caller.scope.subject) == (Scope("branch", branch="B01"), "teller-7")


async def test_only_the_algorithms_of_the_settings_count(jwks: Path) -> None:
    verifier = TokenVerifier(rules(jwks, token_algorithms=("PS256",)))
    assert (await verifier.verify(token(RSA, alg="PS256"))).subject == "teller-7"
    for key, alg in ((KEY, "ES256"), (ED, "EdDSA")):
        with pytest.raises(Unauthenticated):
            await verifier.verify(token(key, alg=alg))


# --- claims ------------------------------------------------------------------------------------------------------


def caller(roles: object, *, names: dict[str, str] | None = None, **said: Any) -> Caller:
    """The caller of a token with these roles."""
    return read({"sub": "x", "roles": roles} | said, TokenClaims(), names or {})


def test_roles_alone_give_the_scopes_of_our_table() -> None:
    assert caller(["teller"], branch="B1").scopes == ROLE_SCOPES["teller"]
    both = caller(["teller", "branch_manager"], branch="B1")
    assert both.scopes == ROLE_SCOPES["teller"] | ROLE_SCOPES["branch_manager"]
    assert caller(["emperor"], branch="B1").scopes == frozenset()


def test_a_token_may_say_less_than_its_roles_never_more() -> None:
    narrow = caller(["teller"], branch="B1", scope="openid customers:read models:write")
    assert narrow.scopes == {"customers:read"}
    assert caller(["teller"], branch="B1", scope="openid profile").scopes == ROLE_SCOPES["teller"]
    assert caller(None, branch="B1", scope="ledger:write nonsense").scopes == {"ledger:write"}


def test_the_banks_roles_are_ours_by_the_settings() -> None:
    names = {"CN=Counter": "teller", "CN=Audit": "auditor"}
    assert caller("CN=Counter CN=Others", names=names, branch="B1").roles == {"teller"}
    assert caller(["teller"], names=names, branch="B1").roles == frozenset()


def test_who_says_no_branch_is_the_whole_bank_only_by_role() -> None:
    assert caller(["auditor"]).scope == Scope("all")
    assert caller(["auditor"], branch="B7").scope == Scope("branch", branch="B7")
    for roles in (["teller"], ["teller", "auditor"], []):
        with pytest.raises(ValueError, match="neither"):
            caller(roles)
    with pytest.raises(ValueError, match="branch"):
        caller(["teller"], branch="*")


def test_a_customers_token_opens_one_customer_whatever_else_it_says() -> None:
    customer = "12345678-1234-8234-8234-123456789abc"
    assert caller(["mobile"], customer=customer).scope == Scope("customer", customer=UUID(customer))
    assert caller(["auditor"], customer=customer, branch="*").scope.kind == "customer"
    with pytest.raises(ValueError, match="without the customer"):
        caller(["mobile"], branch="B1")


def test_claims_stand_where_the_settings_say() -> None:
    said = {
        "https://bank.example/branch": "B9",
        "realm_access": {"roles": ["teller"]},
        "ext": {"a/b": {"staff": "t-9"}},
        "azp": "counter-app",
    }
    where = TokenClaims(
        subject="/ext/a~1b/staff", roles="/realm_access/roles", branch="https://bank.example/branch", client="azp"
    )
    found = read(said, where, {})
    assert (found.subject, found.roles, found.branch, found.client_id) == ("t-9", {"teller"}, "B9", "counter-app")
    assert claim(said, "/realm_access/nothing/deeper") is None
    with pytest.raises(ValueError, match="a claim has a name"):
        TokenClaims(roles="/")


# --- keys --------------------------------------------------------------------------------------------------------


async def test_unknown_keys_ask_the_issuer_once_a_minute_at_most(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, read_keys = 0, verifier.keys.read

    async def counted() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return await read_keys()

    monkeypatch.setattr(verifier.keys, "read", counted)
    good = await asyncio.gather(*(verifier.verify(token(sub=f"t-{number}")) for number in range(20)))
    assert [one.subject for one in good] == [f"t-{number}" for number in range(20)]
    for number in range(50):
        with pytest.raises(Unauthenticated):
            await verifier.verify(token(ECKey.generate_key("P-256", {"kid": f"unknown-{number}"})))
    assert reads == 1
    verifier.keys._fetched -= 601
    verifier.keys._tried -= 601
    await verifier.verify(token())
    assert reads == 2  # ten minutes old


async def test_a_rotated_key_is_found_after_the_minute(verifier: TokenVerifier, jwks: Path) -> None:
    await verifier.verify(token())
    new = ECKey.generate_key("P-256", {"kid": "new"})
    jwks.write_text(json.dumps({"keys": [new.as_dict(private=False)]}))
    with pytest.raises(Unauthenticated):
        await verifier.verify(token(new))
    verifier.keys._tried -= 61
    assert (await verifier.verify(token(new))).subject == "teller-7"


async def test_without_any_key_the_service_is_unavailable_not_open(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await TokenVerifier(rules(tmp_path / "missing.json")).verify(token())


async def test_keys_that_could_not_be_read_again_are_believed_for_ten_minutes(
    verifier: TokenVerifier, jwks: Path
) -> None:
    await verifier.verify(token(sub="t-1"))
    jwks.unlink()
    for age, believed in ((301, True), (599, True), (601, False)):
        verifier.keys._tried = float("-inf")
        verifier.keys._fetched = time.monotonic() - age
        if believed:
            assert (await verifier.verify(token(sub=f"t-{age}"))).subject == f"t-{age}"
        else:
            with pytest.raises(Unavailable):
                await verifier.verify(token(sub=f"t-{age}"))
    with pytest.raises(Unavailable):  # nor is it asked again at once, nor is the token called a bad one
        await verifier.verify(token(sub="t-again"))


async def test_a_verified_token_is_cached_until_its_end_only(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    short = token(exp=now + 30)
    first = await verifier.verify(short)
    assert await verifier.verify(short) is first
    monkeypatch.setattr("attune_service_kit.auth.verifier.time.time", lambda: now + 61.0)
    with pytest.raises(Unauthenticated):
        await verifier.verify(short)


class Issuer:
    """An issuer by https on this machine, with a certificate of its own authority."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        self.trickles = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        if self.trickles:
            await receive()
            await send({"type": "http.response.start", "status": 200})
            gone = asyncio.ensure_future(receive())
            while not gone.done():
                await send({"type": "http.response.body", "body": b" ", "more_body": True})
                await asyncio.wait({gone}, timeout=0.05)
            return
        body = self.documents.get(scope["path"])
        if isinstance(body, str):
            headers = [(b"location", body.encode())]
            await send({"type": "http.response.start", "status": 302, "headers": headers})
            await send({"type": "http.response.body"})
            return
        await send({"type": "http.response.start", "status": 404 if body is None else 200})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "issuer.pem", folder / "issuer.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return paths


@pytest.fixture
async def discovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Issuer, str]]:
    chain, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    app = Issuer()
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, ssl_certfile=chain, ssl_keyfile=key)
    config.ssl_cert_reqs = ssl.CERT_NONE
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag only
            await asyncio.sleep(0.01)
    yield app, f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/bank"
    server.should_exit = True
    await task


async def test_an_issuer_is_discovered_by_its_own_document(discovered: tuple[Issuer, str]) -> None:
    app, issuer = discovered
    keys = issuer + "/keys"
    app.documents = {
        "/bank/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": keys},
        "/bank/keys": {"keys": [KEY.as_dict(private=False)]},
    }
    verifier = TokenVerifier(rules(None, token_issuer=issuer))
    assert (await verifier.verify(token(iss=issuer))).subject == "teller-7"
    assert app.asked == ["/bank/.well-known/openid-configuration", "/bank/keys"]


async def test_p21_an_issuer_that_trickles_holds_nobody_up_and_is_asked_again_soon(
    discovered: tuple[Issuer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, issuer = discovered
    keys = issuer + "/keys"
    app.documents = {"/bank/keys": {"keys": [KEY.as_dict(private=False)]}}
    app.trickles = True
    monkeypatch.setattr("attune_service_kit.auth.keys._LONGEST", 0.2)
    verifier = TokenVerifier(rules(keys, token_issuer=issuer))
    async with asyncio.timeout(20):
        for told in await asyncio.gather(
            *(verifier.verify(token(iss=issuer)) for _ in range(5)), return_exceptions=True
        ):
            assert isinstance(told, Unavailable)
    assert app.asked == ["/bank/keys"], "one asks for all"
    app.trickles = False
    verifier.keys._tried -= 6
    assert (await verifier.verify(token(iss=issuer))).subject == "teller-7"


async def test_a_discovery_document_that_leads_elsewhere_is_not_followed(discovered: tuple[Issuer, str]) -> None:
    app, issuer = discovered
    good = {"issuer": issuer, "jwks_uri": issuer + "/keys"}
    app.documents = {"/bank/keys": {"keys": [KEY.as_dict(private=False)]}}
    bad: list[Any] = [
        good | {"issuer": issuer + "/"},
        good | {"jwks_uri": "http://127.0.0.1/keys"},
        good | {"jwks_uri": None},
        good | {"padding": "x" * 300_000},
        [],
        None,
        issuer + "/keys",  # a redirect
    ]
    for document in bad:
        app.documents["/bank/.well-known/openid-configuration"] = document
        with pytest.raises(Unavailable):
            await TokenVerifier(rules(None, token_issuer=issuer)).verify(token(iss=issuer))
    assert "/bank/keys" not in app.asked


# --- settings and the development issuer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"token_jwks": "keys.json"}, "token_jwks is not an https URL"),
        ({"token_jwks": None, "token_issuer": "bank"}, "token_issuer is no https URL"),
        ({"token_issuer": "attune-development"}, "token_issuer is the development issuer"),
        ({"token_roles": {"x": "emperor"}}, "token_roles names roles that there are not"),
    ],
)
def test_production_refuses_what_lets_strangers_in(change: dict[str, Any], why: str) -> None:
    good = {"environment": "production", "token_issuer": ISSUER, "token_jwks": "https://login.bank.example/keys"}
    assert not any(TokenSettings(**good).unsafe_tokens().values())
    assert [reason for reason, broken in TokenSettings(**good | change).unsafe_tokens().items() if broken] == [
        next(r for r in TokenSettings(**good).unsafe_tokens() if r.startswith(why))
    ]


def test_a_token_lives_five_minutes_in_production_and_a_working_day_elsewhere() -> None:
    assert TokenSettings(token_issuer=ISSUER).token_minutes == 5
    assert TokenSettings(token_issuer=ISSUER, environment="development").token_minutes == 720
    with pytest.raises(ValueError, match="720"):
        TokenSettings(token_issuer=ISSUER, token_minutes=721)


async def test_the_development_issuer_issues_what_the_verifier_accepts(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer(tmp_path / "keys")
    again = DevelopmentIssuer(tmp_path / "keys")
    verifier = TokenVerifier(rules(issuer.jwks_path, token_issuer=issuer.issuer, environment="development"))
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
