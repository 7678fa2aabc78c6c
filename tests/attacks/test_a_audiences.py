"""A08, past any gateway: whoever holds a token for one service has nothing with it at another.

Nobody here comes as far as a database: a good token of somebody without the scope is told so, and no other is.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from attune_contracts.audiences import AUDIENCES, GATEWAY, audience_of
from attune_service_kit.app import create_app
from attune_service_kit.auth import DevelopmentIssuer, TokenVerifier
from attune_service_kit.errors import Unauthenticated
from attune_service_kit.runtime import Service
from attune_service_kit.settings import ServiceSettings

from .conftest import OPERATIONS, SERVICES, service_of
from .test_a_tokens import BOUND, NOT_GOOD, NOT_OURS, OTHER_TYPES, refused
from .tokens import ISSUER, token, write_jwks

Ask = Callable[[str, str], Any]
PATHS = {o.service: o.url() for o in OPERATIONS if o.method == "GET" and o.scope != "segments:read"}
POWERLESS: dict[str, Any] = {"roles": ["approver"], "branch": None, "scope": "nothing:ours segments:read"}


def settings_of(service: Service, folder: Path, kek_file: Path, issuer: str, jwks: Path) -> ServiceSettings:
    """Settings with which an application can say who may come in, and nothing else."""
    return service.settings(
        environment="test",
        database_url="postgresql://nowhere.test/none",
        worker_database_url="postgresql://nowhere.test/none",
        nats_url="nats://nowhere.test",
        lake_url=str(folder),
        scratch=folder,
        token_issuer=issuer,
        token_jwks=str(jwks),
        token_minutes=5,
        cursor_key=SecretStr("u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd"),
        kek_file=kek_file,
    )


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory, kek_file: Path) -> dict[str, FastAPI]:
    """Every service's application, which nothing stands behind."""
    folder = tmp_path_factory.mktemp("doors")
    jwks = write_jwks(folder)
    given = {name: settings_of(service_of(name), folder, kek_file, ISSUER, jwks) for name in SERVICES}
    return {name: create_app(service_of(name), given[name], worker=False) for name in SERVICES}


@pytest.fixture
async def ask(doors: dict[str, FastAPI]) -> AsyncIterator[Ask]:
    """Ask a service, by its name, with a token."""
    clients = {
        name: httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service.test")
        for name, app in doors.items()
    }

    async def answer(service: str, bearer: str) -> httpx.Response:
        return await clients[service].get(PATHS[service], headers={"Authorization": f"Bearer {bearer}"})

    yield answer
    for client in clients.values():
        await client.aclose()


def sent_away(answer: httpx.Response, audience: str) -> bool:
    """401 that tells the holder of a good token whom it has to name, in both languages."""
    body = answer.json()
    told = "another audience" in body["detail"]["en"] and "受众" in body["detail"]["zh"]
    return (answer.status_code, body["code"], body["audience"], told) == (401, "unauthenticated", audience, True)


async def test_a08_a_token_for_one_service_is_refused_by_every_other(ask: Ask) -> None:
    for part in (GATEWAY, *SERVICES):
        narrow = token(aud=audience_of(part), **POWERLESS)
        for service in SERVICES:
            answer = await ask(service, narrow)
            own = part == service
            assert answer.status_code == 403 if own else sent_away(answer, audience_of(service)), (part, service)


async def test_a08_a_list_may_name_the_services_and_nobody_else(ask: Ask) -> None:
    for service in SERVICES:
        own = audience_of(service)
        others = [name for name in AUDIENCES if name != own]
        assert (await ask(service, token(aud=list(AUDIENCES), **POWERLESS))).status_code == 403, service
        assert (await ask(service, token(aud=[own], **POWERLESS))).status_code == 403, service
        strangers: list[Any] = [others, [own, "another"], [own.upper()], [], "", f"{own} {others[0]}", own[:-1]]
        for strange in strangers:
            assert sent_away(await ask(service, token(aud=strange, **POWERLESS)), own), (service, strange)
        unreadable: list[Any] = [None, 7, {own: True}, [own, 7], [[own]]]
        for broken in unreadable:
            assert refused(await ask(service, token(aud=broken, **POWERLESS))), (service, broken)


async def test_a07_to_a10_every_service_refuses_the_whole_corpus_by_itself(ask: Ask) -> None:
    for service in SERVICES:
        good = POWERLESS | {"aud": audience_of(service)}
        for change in (*NOT_GOOD, *(c for c in NOT_OURS if "aud" not in c), *BOUND):
            assert refused(await ask(service, token(**good | change))), (service, change)
        for typ in OTHER_TYPES:
            assert refused(await ask(service, token(header={"typ": typ}, **good))), (service, typ)


async def test_what_was_wrong_is_told_to_holders_of_good_tokens_alone(ask: Ask) -> None:
    wrong: list[dict[str, Any]] = [{"exp": 1}, {"iss": "https://evil.example"}, {"cnf": {}}, {"roles": ["teller"]}]
    for change in wrong:
        assert refused(await ask("insight", token(**POWERLESS | {"aud": "another"} | change))), change


async def test_one_development_token_opens_every_service_and_may_be_narrowed(
    development_issuer: DevelopmentIssuer, tmp_path: Path, kek_file: Path
) -> None:
    opens: dict[str, list[str]] = {"wide": [], "narrow": []}
    narrow = development_issuer.issue("approver", audience=[audience_of("scoring")])[0]
    for name in SERVICES:
        known = (development_issuer.issuer, development_issuer.jwks_path)
        settings = settings_of(service_of(name), tmp_path, kek_file, *known).model_copy(update={"token_minutes": 720})
        for kind, one in (("wide", development_issuer.issue("approver")[0]), ("narrow", narrow)):
            with contextlib.suppress(Unauthenticated):
                await TokenVerifier(settings).verify(one)
                opens[kind].append(name)
    assert opens == {"wide": list(SERVICES), "narrow": ["scoring"]}
