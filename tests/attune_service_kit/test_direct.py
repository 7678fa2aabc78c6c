"""What is answered at once, before the application, is what that would have answered; it answers the rest."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from attune_service_kit.app import create_app
from attune_service_kit.auth import Caller, DevelopmentIssuer
from attune_service_kit.direct import DirectProtocol
from attune_service_kit.edge import checked
from attune_service_kit.hot import HotPost
from attune_service_kit.runtime import Runtime, Service

NOTE = {"id": 7, "text": "x"}


class Quiet(uvicorn.Server):
    """uvicorn without its signal handlers: the test owns the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def by_the_layers(_runtime: Runtime, _caller: Caller, body: Any) -> bytes | None:
    """Every note that is no fault's is answered by the application, too."""
    return b'{"by":"layers"}' if isinstance(body, dict) else None


def by_the_connection(_runtime: Runtime, _caller: Caller, body: bytes) -> bytes | None:
    """Note 7 is answered at once, note 8 fails, every other body is for the application."""
    told = checked(body, "application/json")
    if told.get("id") == 8:
        raise RuntimeError("nobody foresaw this")
    return b'{"by":"connection"}' if told == NOTE else None


@dataclass
class Running:
    """A server, and who asks it."""

    app: FastAPI
    server: Quiet
    port: int
    client: httpx.AsyncClient
    token: str

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/v1/notes", content=content, headers=named)

    def raw(self, body: bytes, length: int | None = None) -> bytes:
        """A request as it goes over the wire."""
        head = (
            "POST /v1/notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {length or len(body)}\r\n\r\n"
        )
        return head.encode() + body


@pytest.fixture
async def running(
    sample_service: Service, sample_settings: Callable[..., Any], issuer: DevelopmentIssuer
) -> AsyncIterator[Running]:
    """The sample service behind the protocol, and a token that it knows."""
    service = replace(sample_service, hot=(HotPost("write_note", by_the_layers, by_the_connection),))
    app = create_app(service, sample_settings(max_body_bytes=100_000, sample_ratio=0.0, max_in_flight=1))
    state = app.state
    protocol = partial(DirectProtocol, admission=state.admission, direct=state.direct)
    named: dict[str, Any] = {"http": protocol, "ws": "none", "lifespan": "off", "log_config": None}
    config = uvicorn.Config(app, port=0, server_header=False, **named)
    server = Quiet(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag only
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    token = issuer.issue("operator")[0]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        made = Running(app, server, port, client, token)
        assert (await made.post(NOTE)).json() == {"by": "layers"}  # its token is verified for the first time
        yield made
    server.should_exit = True
    await task


async def test_an_ordinary_request_is_answered_at_once_with_the_headers_of_every_answer(running: Running) -> None:
    direct = await running.post(NOTE, x_correlation_id="correlation-1")
    layers = await running.post(NOTE, x_correlation_id="correlation-1", x_request_timeout_ms="5000")
    assert (direct.json(), layers.json()) == ({"by": "connection"}, {"by": "layers"})
    assert direct.status_code == layers.status_code == 200
    assert list(direct.headers) == list(layers.headers)
    own = {"x-request-id", "date", "content-length"}
    assert {k: v for k, v in direct.headers.items() if k not in own} == {
        k: v for k, v in layers.headers.items() if k not in own
    }
    assert len(direct.headers["x-request-id"]) == 32
    assert (await running.post(NOTE, x_request_id="request-0001")).headers["x-request-id"] == "request-0001"


async def test_what_is_refused_is_refused_by_the_application(running: Running) -> None:
    cases: tuple[tuple[Any, dict[str, str], tuple[int, str]], ...] = (
        (NOTE, {"authorization": ""}, (401, "unauthenticated")),
        (NOTE, {"authorization": "Bearer x.y.z"}, (401, "unauthenticated")),
        (NOTE, {"content_type": "text/plain"}, (415, "unsupported_media_type")),
        (b'{"id":7,"text":"x","id":7}', {}, (400, "malformed_json")),
        (b'{"id":NaN,"text":"x"}', {}, (422, "invalid")),
        (b" " * 100_001, {}, (413, "too_large")),
        (NOTE, {"x_request_timeout_ms": "0"}, (504, "deadline_exceeded")),
        (b"", {}, (400, "idempotency_key_missing")),
    )
    for body, headers, expected in cases:
        answer = await running.post(body, **headers)
        assert (answer.status_code, answer.json()["code"]) == expected


async def test_who_lacks_the_scope_is_refused_also_when_known(running: Running, issuer: DevelopmentIssuer) -> None:
    stranger = {"authorization": f"Bearer {issuer.issue('call_centre')[0]}"}
    answers = [await running.post(NOTE, **stranger) for _ in range(2)]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "forbidden")] * 2


async def test_what_is_unusual_or_fails_goes_to_the_application(running: Running) -> None:
    traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for answer in (
        await running.post({"id": 9, "text": "x"}),
        await running.post({"id": 8, "text": "x"}),
        await running.post(NOTE, traceparent=traced),
    ):
        assert answer.json() == {"by": "layers"}
    assert (await running.client.post("/v1/notes?more=1", json=NOTE)).json()["code"] == "invalid"


async def test_what_is_drawn_gets_the_span_that_the_layers_make(
    running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    runtime = running.app.state.runtime
    runtime.tracing._ratio = 1.0
    direct = [await running.post(NOTE, host=host) for host in ("bank.example:8443", "a", "[::1]:80", "x:y")]
    layers = await running.post({"id": 9, "text": "x"}, host="bank.example:8443")
    assert [answer.json()["by"] for answer in (*direct, layers)] == ["connection"] * 4 + ["layers"]
    runtime.tracing.close()
    spans = [json.loads(line) for line in runtime.settings.trace_file.read_text().splitlines()]
    own = {"trace_id", "span_id", "start_ns", "end_ns"}
    first, *others, by_the_layers = [{k: v for k, v in span.items() if k not in own} for span in spans]
    assert first == by_the_layers
    assert [span["attributes"].get("server.address") for span in others] == ["a", "::1", None]
    assert all(span["start_ns"] < span["end_ns"] for span in spans)
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"event":"request"' in line]
    assert [line["trace_id"] for line in told[-5:]] == [span["trace_id"] for span in spans]


async def test_requests_in_pieces_and_many_at_once_are_answered_in_their_order(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    one, other = running.raw(json.dumps(NOTE).encode()), running.raw(b'{"id":9}')
    writer.write(one[:-5])
    await asyncio.sleep(0.05)
    assert running.app.state.admission.under_way == 1  # it has a place while it is read
    writer.write(one[-5:] + one + other + one)
    told = b""
    async with asyncio.timeout(5):
        while told.count(b"HTTP/1.1 200 OK") < 4 or not told.endswith(b"}"):
            told += await reader.read(65536)
    assert [part[: part.index(b'"}')] for part in told.split(b'{"by":"')[1:]] == [
        b"connection",
        b"connection",
        b"layers",
        b"layers",  # it came while another was being answered
    ]
    assert running.app.state.admission.under_way == 0
    writer.close()


async def test_who_leaves_gives_the_place_back_and_a_full_house_refuses(running: Running) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(running.raw(b'{"id"', length=20))
    await asyncio.sleep(0.05)
    refused = await running.post(NOTE)
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    writer.close()
    await asyncio.sleep(0.05)
    assert running.app.state.admission.under_way == 0
    assert (await running.post(NOTE)).json() == {"by": "connection"}


async def test_a_request_that_is_being_read_is_answered_before_the_server_ends(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    asked = running.raw(json.dumps(NOTE).encode())
    writer.write(asked[:-5])
    await asyncio.sleep(0.05)
    running.server.should_exit = True
    await asyncio.sleep(0.3)
    writer.write(asked[-5:])
    async with asyncio.timeout(5):
        told = await reader.read()
    assert b"connection: close" in told
    assert told.endswith(b'{"by":"layers"}')
