"""Requests that two readers would read differently, or that never end, are refused before our code sees them."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import orjson
import pytest
import uvicorn

from attune_service_kit import http_protocol
from attune_service_kit.http_protocol import LARGEST_HEAD, GuardedProtocol
from attune_service_kit.overload import Admission

GET = b"GET /x HTTP/1.1\r\nHost: attune.example\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: attune.example\r\n"


class Quiet(uvicorn.Server):
    """uvicorn without its signal handlers: the test owns the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body; under /headers with the headers' names, under /early at once."""
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    names = b" ".join(name for name, _ in scope["headers"])
    body = {"/headers": names, "/early": b"early"}.get(scope["path"], str(size).encode())
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server behind the guarded protocol."""
    async with listening(GuardedProtocol) as found:
        yield found


@pytest.fixture
async def crowded() -> AsyncIterator[tuple[int, Admission]]:
    """The same with one place, which is taken."""
    admission = Admission(1, 1, ("/consents",))
    async with listening(partial(GuardedProtocol, admission=admission)) as found:
        with admission.place("/x"):
            yield found, admission


@contextlib.asynccontextmanager
async def listening(protocol: Any) -> AsyncIterator[int]:
    config = uvicorn.Config(app, port=0, http=protocol, ws="none", lifespan="off", log_config=None)
    server = Quiet(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag only
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def exchange(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send the pieces and return all that comes back until the server hangs up or is silent for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.6):
                while chunk := await reader.read(65536):
                    answer += chunk
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answer


def refused(answer: bytes, status: int) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert b"connection: close" in head
    problem = orjson.loads(body)
    assert problem["status"] == status
    assert set(problem["detail"]) == {"en", "zh"}
    return str(problem["code"])


async def test_an_ordinary_request_passes_also_in_pieces_and_on_a_kept_connection(port: int) -> None:
    assert (await exchange(port, GET + b"\r\n")).endswith(b"\r\n\r\n0")
    halves = (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-", b"Length: 3\r\n\r\na", b"bc")
    assert (await exchange(port, *halves, pause=0.05)).endswith(b"\r\n\r\n3")
    assert (await exchange(port, GET + b"\r\n", GET + b"\r\n", pause=0.1)).count(b"200 OK") == 2
    chunked = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    assert (await exchange(port, chunked)).endswith(b"\r\n\r\n2")


SMUGGLING = {
    "length and chunks": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "space before the colon": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET /x HTTP/1.1\nHost: a\n\n",
    "a chunk's bad size": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "chunks that end in bare line feeds": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\n\r\n",
    "a negative length": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "no host": b"GET /x HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: other.example\r\n\r\n",
    "another machine's address": b"GET http://evil.example/x HTTP/1.1\r\nHost: attune.example\r\n\r\n",
    "an upgrade": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    "a version that there is not": b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
    "a version without headers": b"GET /x HTTP/0.9\r\nHost: a\r\n\r\n",
    "not HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_e48_e49_what_can_be_read_two_ways_is_400_and_hung_up(port: int, name: str) -> None:
    assert refused(await exchange(port, SMUGGLING[name]), 400) == "malformed_http"


async def test_e48_headers_after_the_body_are_none(port: int) -> None:
    chunked = b"POST /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"
    answer = await exchange(port, chunked + b"Host: b\r\nAuthorization: Bearer x\r\n\r\n" + GET + b"\r\n")
    assert answer.count(b"200 OK") == 2
    assert b"\r\n\r\nhost transfer-encoding" in answer


async def test_e48_what_comes_instead_of_a_body_that_was_to_be_waited_for_is_no_request(port: int) -> None:
    head = b" HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    answer = await exchange(port, b"POST /early" + head, b"abc" + GET + b"\r\n", pause=0.1)
    assert (answer.count(b"HTTP/1.1 "), answer.count(b"connection: close")) == (1, 1)
    answer = await exchange(port, b"POST /x" + head, b"abc", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n3")


async def test_e48_only_chunked_is_a_transfer_coding(port: int) -> None:
    gzip = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    assert refused(await exchange(port, gzip), 501) == "transfer_coding"


@pytest.mark.parametrize("pieces", [1, 40])
async def test_e45_a_head_without_end_is_431_however_it_comes(port: int, pieces: int) -> None:
    long = b"X-Long: " + b"a" * (LARGEST_HEAD + 1)
    step = len(long) // pieces + 1
    cut = [long[n : n + step] for n in range(0, len(long), step)]
    assert refused(await exchange(port, GET, *cut), 431) == "headers_too_large"


@pytest.mark.parametrize("end", [b"0\r\nX-Long: ", b"2;long="], ids=["trailers", "chunk-extensions"])
async def test_e45_what_comes_beside_a_body_is_bounded_too(port: int, end: bytes) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert refused(await exchange(port, head + end, *[b"a" * 8192] * 8), 431) == "headers_too_large"


async def test_e50_who_was_answered_before_the_end_does_not_send_for_ever(
    port: int, crowded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    for where, told in ((port, b"HTTP/1.1 200 OK"), (crowded[0], b"HTTP/1.1 503 ")):
        reader, writer = await asyncio.open_connection("127.0.0.1", where)
        writer.write(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n")
        async with asyncio.timeout(60):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(told)
            with pytest.raises(ConnectionError):
                await send_on(writer)
        writer.close()


async def send_on(writer: asyncio.StreamWriter) -> None:
    """Send, fast enough, for as long as somebody takes it."""
    while True:
        writer.write(b"a" * 1024)
        await writer.drain()
        await asyncio.sleep(0.01)


async def test_e50_slow_heads_and_bodies_and_sleepers_are_cut_and_others_unharmed(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    sleepers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
    slow_head = exchange(port, b"GET /x HT", pause=0.8)
    slow_body = exchange(port, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\na", pause=0.8)
    head, body, *others = await asyncio.gather(
        slow_head, slow_body, *(exchange(port, GET + b"\r\n") for _ in range(20))
    )
    assert refused(head, 408) == refused(body, 408) == "request_timeout"
    assert all(answer.endswith(b"\r\n\r\n0") for answer in others)
    for reader, writer in sleepers:
        async with asyncio.timeout(60):
            assert await reader.read() == b"", "hung up without a word"
        writer.close()


async def test_e50_a_body_that_comes_fast_enough_is_not_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n"
    answer = await exchange(port, head, *[b"a" * 1000] * 8, pause=0.1)
    assert answer.endswith(b"\r\n\r\n8000")


async def test_p16_without_a_place_the_answer_is_503_and_the_connection_goes_on(crowded: Any) -> None:
    port, admission = crowded
    told = GET + b"X-Request-Id: mine-12345678\r\n\r\n"
    answer = await exchange(port, told, POST + b"Content-Length: 3\r\n\r\nab", b"c" + GET + b"\r\n", pause=0.05)
    heads = answer.split(b"HTTP/1.1 ")[1:]
    assert [head[:3] for head in heads] == [b"503"] * 3
    assert admission.refused == 3
    head, _, body = heads[0].partition(b"\r\n\r\n")
    assert {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]} == {
        *(b"date", b"server", b"content-type", b"content-length", b"retry-after"),
        *(b"x-request-id", b"x-correlation-id", b"cache-control"),
    }
    problem = orjson.loads(body)
    assert (problem["code"], problem["request_id"]) == ("overloaded", "mine-12345678")
    assert f"content-length: {len(body)}".encode() in head


async def test_p16_a_place_that_comes_free_serves_the_same_connection(crowded: Any) -> None:
    port, admission = crowded
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for free, answered in ((False, b"503"), (True, b"200"), (False, b"503")):
        admission.under_way = 0 if free else 1
        writer.write(GET + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 " + answered)
        await reader.read(1 << 16)
    admission.under_way = 1
    writer.close()


@pytest.mark.parametrize(
    "asked",
    [
        b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PUT /v1/customers/1/consents HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        GET + b"Connection: close\r\n\r\n",
        POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_p16_what_is_urgent_or_wants_more_than_an_answer_goes_on_to_the_application(
    crowded: Any, asked: bytes
) -> None:
    assert b"HTTP/1.1 200 OK" in await exchange(crowded[0], asked)


async def test_p16_who_sends_without_reading_is_not_answered_without_end(crowded: Any) -> None:
    port, admission = crowded
    deaf = socket.create_connection(("127.0.0.1", port))
    deaf.setblocking(False)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    many = (GET + b"\r\n") * 2000
    for _ in range(100):
        with contextlib.suppress(BlockingIOError):
            deaf.send(many)
        await asyncio.sleep(0.002)
    refused = admission.refused
    await asyncio.sleep(0.2)
    assert refused == admission.refused < 50_000, "it stops when nobody takes its answers"
    deaf.close()


async def test_p16_a_body_after_its_refusal_that_is_broken_or_slow_gets_no_second_answer(
    crowded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    for body in (b"zz\r\n", b"2\r\n"):
        assert (await exchange(crowded[0], chunked, body, pause=0.3)).count(b"HTTP/1.1 ") == 1
