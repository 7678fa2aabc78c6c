"""What is asked again, what is not, and when a service is left alone (P-21)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from attune_service_kit.breaker import SPARE
from gateway.calling import RETRIES, Upstream
from gateway.settings import GatewaySettings
from gateway.upstream import Connection, Lost, Request, Silent, Unreached

from .conftest import TABLE, Echo
from .test_upstream import GET, OK, POST, Talk, everything, pool_of

CUSTOMER = "/v1/customers/0190a7c0-0000-8000-8000-000000000001"
OPT_OUT = {"method": "POST", "path": "/v1/customers/{customer_id}/consents", "service": "customer_360"}
NOBODY = "http://127.0.0.1:9"


def upstream_at(address: str) -> Upstream:
    settings = GatewaySettings(environment="test", upstreams={}, token_issuer="https://none.test")
    return Upstream("customer_360", address, settings, None)


@asynccontextmanager
async def upstream_of(talk: Talk) -> AsyncIterator[Upstream]:
    """A service that talks so, as the gateway knows it."""
    async with pool_of(talk) as pool:
        upstream = upstream_at(f"http://{pool.authority.decode()}")
        yield upstream
        upstream.close()


async def answer(upstream: Upstream, request: Request = GET, silence: float = 5.0) -> bytes:
    ticket = upstream.admit(anyway=False)
    connection: Connection = await upstream.ask(upstream.pool, request, silence, ticket)
    try:
        return await everything(connection)
    finally:
        upstream.pool.leave(connection)


async def test_a_kept_connection_that_has_ended_is_replaced_for_what_may_be_asked_twice() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # the second request is read and never answered

    async with upstream_of(talk) as upstream:
        assert [await answer(upstream), await answer(upstream)] == [b"ok"] * 2
        assert upstream.breaker.repeated == 1
        with pytest.raises(Lost):
            await answer(upstream, POST)
        assert upstream.breaker.repeated == 1, "nobody knows what became of the write"


async def test_what_was_never_sent_is_tried_again_whatever_it_is() -> None:
    upstream = upstream_at(NOBODY)
    with pytest.raises(Unreached):
        await answer(upstream, POST)
    assert upstream.breaker.repeated == RETRIES


async def test_a_read_without_a_byte_of_an_answer_is_asked_anew_and_a_write_is_waited_for() -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while await reader.readuntil(b"\r\n\r\n"):
            asked += 1

    async with upstream_of(silent) as upstream:
        with pytest.raises(Silent):
            await answer(upstream, silence=0.05)
        assert asked == 1 + RETRIES
        write = asyncio.ensure_future(answer(upstream, POST, silence=0.05))
        done, _ = await asyncio.wait({write}, timeout=0.6)
        assert not done
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)


async def test_a_slow_beginning_in_time_is_an_answer() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:9])
        await asyncio.sleep(0.7)
        writer.write(OK[9:])

    async with upstream_of(slow) as upstream:
        assert await answer(upstream, silence=0.3) == b"ok"
        assert upstream.breaker.repeated == 0


async def test_a_service_that_is_gone_gets_few_calls_more_than_were_made() -> None:
    """However many ask: within ten seconds a tenth of them, or SPARE, are tried again."""
    upstream = upstream_at(NOBODY)
    told = await asyncio.gather(*(answer(upstream) for _ in range(15)), return_exceptions=True)
    assert {type(one) for one in told} == {Unreached}
    assert upstream.breaker.repeated == SPARE


@pytest.fixture
async def broken(make_gateway: Any, serve: Any, bearer: Any, echoes: Any) -> Callable[..., Any]:
    """`client, service = await broken(…)`: a gateway of hasty settings, and the first service behind it."""

    async def start(**settings: Any) -> tuple[httpx.AsyncClient, Echo]:
        hasty = {"breaker_calls": 4, "breaker_pause_seconds": 0.3} | settings
        url = await serve(make_gateway(echoes["urls"], table=[*TABLE, OPT_OUT], **hasty))
        return httpx.AsyncClient(base_url=url, headers=bearer, timeout=20), echoes["customer_360"]

    return start


async def never(receive: Any, _send: Any) -> None:
    """Say nothing until the caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def breaker(client: httpx.AsyncClient) -> dict[str, Any]:
    told: dict[str, Any] = (await client.get("/readyz")).json()["breakers"]["customer_360"]
    return told


async def test_a_service_that_fails_too_often_is_left_alone_but_for_opting_out(broken: Any) -> None:
    client, service = await broken(read_seconds=0.1, breaker_pause_seconds=30.0)
    service.paths[CUSTOMER] = never
    async with client:
        for _ in range(4):
            assert (await client.get(CUSTOMER)).status_code == 504
        assert (await breaker(client))["state"] == "open"
        before = len(service.requests)
        refused = await client.get(CUSTOMER)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert (refused.json()["upstream"], refused.json()["detail"]["zh"]) == (
            "customer_360",
            "服务近期故障，请稍后重试",
        )
        assert len(service.requests) == before, "it was told at once"
        assert (await client.post(f"{CUSTOMER}/consents")).status_code == 200, "opting out is sent on all the same"
        assert (await client.get("/v1/decisions/a")).status_code == 200, "the other service's callers notice nothing"


async def test_it_is_normal_again_when_a_call_that_is_let_through_works(broken: Any) -> None:
    client, service = await broken(read_seconds=0.1, breaker_pause_seconds=0.5)
    service.paths[CUSTOMER] = never
    async with client:
        while (await breaker(client))["opened"] == 0:
            assert (await client.get(CUSTOMER)).status_code == 504
        del service.paths[CUSTOMER]
        async with asyncio.timeout(20):
            while (await client.get(CUSTOMER)).status_code != 200:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        assert (await breaker(client))["state"] == "closed"


async def test_an_answer_of_any_kind_is_no_failure(broken: Any) -> None:
    async def refuse(_receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"1")]})
        await send({"type": "http.response.body", "body": b"{}"})

    client, service = await broken()
    service.paths[CUSTOMER] = refuse
    async with client:
        assert [(await client.get(CUSTOMER)).status_code for _ in range(8)] == [503] * 8
        assert await breaker(client) == {"state": "closed", "opened": 0, "repeated": 0}


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_the_callers_own_patience_ends_the_call_and_blames_nobody(broken: Any, method: str) -> None:
    client, service = await broken()
    service.paths[CUSTOMER] = never
    async with client:
        hasty = {"X-Request-Timeout-Ms": "50"}
        for told in await asyncio.gather(*(client.request(method, CUSTOMER, headers=hasty) for _ in range(6))):
            assert (told.status_code, told.json()["code"]) == (504, "deadline_exceeded")
        assert (await breaker(client))["state"] == "closed"


async def test_a_client_that_sends_slowly_blames_nobody(broken: Any) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(0.6)

    client, _ = await broken(total_seconds=0.2)
    async with client:
        for told in await asyncio.gather(*(client.patch(CUSTOMER, content=slowly()) for _ in range(6))):
            assert told.status_code == 504
        assert (await breaker(client))["state"] == "closed"
