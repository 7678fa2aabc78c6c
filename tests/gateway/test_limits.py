"""The gateway's own limits: hosts, encodings, ranges, each client's share, and places under overload."""

import asyncio
from typing import Any

import httpx
import pytest

from gateway import app
from gateway.fairness import Fairness, Window
from gateway.refusals import TooManyRequests

CUSTOMER = "/v1/customers/0190a7c0-0000-8000-8000-000000000001"


@pytest.fixture
async def limited(make_gateway: Any, echoes: Any, serve: Any) -> Any:
    """`await limited(**settings)`: a client of a gateway with these settings."""
    clients = []

    async def make(**settings: Any) -> httpx.AsyncClient:
        url = await serve(make_gateway(echoes["urls"], **settings))
        clients.append(httpx.AsyncClient(base_url=url, timeout=30))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.mark.parametrize("host", ["evil.example", "attune.example.evil.example", "127.0.0.1", ""])
async def test_e49_another_host_is_refused_before_the_token_is_read(limited: Any, bearer: Any, host: str) -> None:
    client = await limited(hosts="attune.example")
    answer = await client.get(CUSTOMER, headers=bearer | {"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.text


async def test_e49_a_served_host_passes_with_and_without_its_port(limited: Any, bearer: Any) -> None:
    client = await limited(hosts="attune.example")
    for host in ("attune.example", "ATTUNE.example", "attune.example:8443"):
        assert (await client.get(CUSTOMER, headers=bearer | {"Host": host})).status_code == 200
    assert (await client.get("/livez", headers={"Host": "10.0.0.7:8443"})).status_code == 200, "a probe knows no name"


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", "deflate"])
async def test_e46_a_compressed_body_is_refused(client: Any, bearer: Any, echoes: Any, encoding: str) -> None:
    answer = await client.post("/v1/imports", content=b"x" * 99, headers=bearer | {"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert echoes["customer_360"].requests == []


async def test_e47_ten_thousand_ranges_are_refused(client: Any, bearer: Any) -> None:
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(2_000))
    assert (await client.get(CUSTOMER, headers=bearer | {"Range": ranges})).status_code == 400


async def test_one_client_that_asks_too_much_is_429_and_others_are_not(limited: Any, development_issuer: Any) -> None:
    client = await limited(client_requests=1)
    greedy, modest = (
        {"Authorization": f"Bearer {development_issuer.issue('call_centre', subject=name)[0]}"} for name in ("g", "m")
    )
    answers = await asyncio.gather(*(client.get(CUSTOMER, headers=greedy) for _ in range(80)))
    refused = [a for a in answers if a.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "too_many_requests"
    assert refused[0].headers["retry-after"] == "1"
    assert (await client.get(CUSTOMER, headers=modest)).status_code == 200


def test_a_window_counts_by_client_and_begins_anew() -> None:
    now = 100.0
    window = Window(2, 60, lambda: now)
    assert [window.count("a"), window.count("a"), window.count("b"), window.count("a", 0)] == [1, 2, 1, 2]
    now = 121.0
    assert window.count("a", 0) == 0


def test_l88_who_probes_for_customers_learns_nothing_more_this_minute() -> None:
    fair, template = Fairness(1_000, 60), "/v1/customers/{customer_id}"
    fair.admit("prober", template)
    assert [fair.missed("prober", template) for _ in range(60)] == [False] * 59 + [True]
    with pytest.raises(TooManyRequests) as refused:
        fair.admit("prober", template)
    assert refused.value.headers() == {"Retry-After": "60"}
    fair.admit("prober", "/v1/branches")
    fair.admit("teller", template)
    assert not fair.missed("teller", "/v1/branches")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", CUSTOMER), ("GET", "/v1/customers"), ("POST", "/v1/customers:search"), ("POST", "/v1/visits")],
)
async def test_l88_looking_by_phone_or_document_counts_as_much_and_others_of_the_application_go_on(
    limited: Any,
    echoes: Any,
    development_issuer: Any,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
) -> None:
    alarms: list[dict[str, Any]] = []
    monkeypatch.setattr(app.log, "warning", lambda event, **fields: alarms.append({"event": event} | fields))

    async def nobody(receive: Any, send: Any) -> None:
        told = [(b"x-nobody-found", b"1")] if path.startswith("/v1/customers") and path != CUSTOMER else []
        await send({"type": "http.response.start", "status": 200 if told else 404, "headers": told})
        await send({"type": "http.response.body", "body": b"{}"})

    echoes["customer_360"].paths[path] = nobody
    rows = [("GET", "/v1/customers/{customer_id}"), ("GET", "/v1/customers"), ("GET", "/v1/branches")]
    rows += [("POST", "/v1/customers:search"), ("POST", "/v1/visits")]
    table = [{"method": verb, "path": of, "service": "customer_360"} for verb, of in rows]
    client = await limited(client_misses=3, table=table, token_claims={"client": "iss"})
    prober, teller = (
        {"Authorization": f"Bearer {development_issuer.issue('call_centre', subject=name)[0]}"} for name in ("p", "t")
    )
    answers = [await client.request(method, path, headers=prober) for _ in range(5)]
    assert [a.status_code for a in answers[:3]] == [answers[0].status_code] * 3
    assert [(a.status_code, a.headers["retry-after"]) for a in answers[3:]] == [(429, "60")] * 2
    assert "x-nobody-found" not in answers[0].headers
    assert (await client.get("/v1/branches", headers=prober)).status_code == 200
    assert (await client.request(method, path, headers=teller)).status_code == answers[0].status_code
    route = path if path != CUSTOMER else "/v1/customers/{customer_id}"
    who = {"client_id": development_issuer.issuer, "staff_id": "p"}
    assert alarms == [{"event": "customers_probed", "route": route} | who]


async def test_more_than_there_are_places_for_is_503_and_opting_out_is_not(
    limited: Any, echoes: Any, bearer: Any
) -> None:
    gate = asyncio.Event()

    async def wait(receive: Any, send: Any) -> None:
        await gate.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    echoes["customer_360"].paths[CUSTOMER] = wait
    client = await limited(
        max_in_flight=2,
        reserved_in_flight=1,
        table=[
            {"method": "GET", "path": "/v1/customers/{customer_id}", "service": "customer_360"},
            {"method": "PUT", "path": "/v1/customers/{customer_id}/consents", "service": "customer_360"},
            {"method": "GET", "path": "/v1/x", "service": "campaign"},
        ],
    )
    waiting = [asyncio.create_task(client.get(CUSTOMER, headers=bearer)) for _ in range(2)]
    while len(echoes["customer_360"].requests) < 2:  # noqa: ASYNC110 - the upstream counts, it does not tell
        await asyncio.sleep(0.01)
    refused = await client.get(CUSTOMER, headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert (await client.put(CUSTOMER + "/consents", headers=bearer, json={})).status_code == 200
    gate.set()
    assert [a.status_code for a in await asyncio.gather(*waiting)] == [204, 204]


async def test_the_callers_patience_goes_on_to_the_service(client: Any, bearer: Any, echoes: Any) -> None:
    await client.get(CUSTOMER, headers=bearer | {"X-Request-Timeout-Ms": "250"})
    await client.get(CUSTOMER, headers=bearer)
    asked = [int(r["headers"]["x-request-timeout-ms"]) for r in echoes["customer_360"].requests]
    assert asked == [250, 30_000]


async def test_a_stream_of_events_outlives_the_limit_of_an_answer(limited: Any, echoes: Any, bearer: Any) -> None:
    async def stream(receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for n in range(3):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % n, "more_body": True})
            await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b""})

    echoes["customer_360"].paths[CUSTOMER] = stream
    client = await limited(total_seconds=0.3)
    heard = []
    async with client.stream("GET", CUSTOMER, headers=bearer) as answer:
        async for line in answer.aiter_lines():
            heard += [line] if line else []
            if len(heard) == 1:
                assert heard == ["data: 0"], "each event at once, not when all are there"
    assert heard == ["data: 0", "data: 1", "data: 2"]
