"""The gateway's own HTTP/1.1 client against servers that speak byte by byte, well and badly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.upstream import Connection, Lost, Pool, Request

GET = Request(b"GET", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
POST = Request(b"POST", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n", b"1")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def pool_of(talk: Talk, limit: int = 4, connect_seconds: float = 2.0) -> AsyncIterator[Pool]:
    """A pool of connections to a server that talks so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    pool = Pool(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", limit, connect_seconds, None)
    try:
        async with asyncio.timeout(60):
            yield pool
    finally:
        pool.close()
        server.close()


def saying(*answers: bytes) -> Talk:
    """A server that gives these answers on every connection, one a request, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

    return talk


async def everything(connection: Connection) -> bytes:
    pieces = []
    while piece := await connection.piece():
        pieces.append(piece)
    return b"".join(pieces)


async def answer(pool: Pool, request: Request = GET) -> tuple[int, bytes]:
    connection = await pool.ask(request)
    try:
        return connection.status, await everything(connection)
    finally:
        pool.leave(connection)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + b"z" * 300_000, b"z" * 300_000),
        (
            b"HTTP/1.1 103 Early Hints\r\ncontent-length: 5\r\n\r\n"
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            b"80000\r\n" + b"z" * (1 << 19) + b"\r\n0\r\n\r\n",
            b"z" * (1 << 19),
        ),
    ],
)
async def test_an_answer_is_read_to_its_end_and_the_connection_kept(said: bytes, heard: bytes) -> None:
    async with pool_of(saying(said, said)) as pool:
        connection = await pool.ask(GET)
        assert (connection.status, await everything(connection)) == (200, heard)
        assert not {b"link", b"x-trailer"} & {name for name, _ in connection.headers}
        pool.leave(connection)
        again = await pool.ask(GET)
        assert again is connection
        assert await everything(again) == heard
        pool.leave(again)


async def test_an_answer_without_a_body_is_whole_at_once() -> None:
    async with pool_of(saying(b"HTTP/1.1 204 No Content\r\nx: 1\r\n\r\n")) as pool:
        assert await answer(pool) == (204, b"")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
    ],
    ids=["silence", "no-http", "two-lengths", "length-and-chunks", "upgrade", "endless-head", "cut-short"],
)
async def test_what_is_no_whole_answer_is_lost(said: bytes) -> None:
    async with pool_of(saying(said)) as pool:
        with pytest.raises(Lost):
            await answer(pool, POST)


@pytest.mark.parametrize("end", [b"2\r\nde\r\n", b""], ids=["chunks-without-an-end", "no-length-at-all"])
async def test_a_long_answer_that_breaks_off_is_lost_after_its_beginning(end: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + (b"transfer-encoding: chunked\r\n\r\n" if end else b"\r\nbody")
    async with pool_of(saying(head + end)) as pool:
        connection = await pool.ask(GET)
        assert await connection.piece() in (b"de", b"body")
        with pytest.raises(Lost):
            await connection.piece()
        pool.leave(connection)


async def test_an_answer_that_nobody_asked_for_reaches_nobody() -> None:
    async with pool_of(saying(OK + OK.replace(b"ok", b"no"), OK)) as pool:
        first = await pool.ask(GET)
        assert await everything(first) == b"ok"
        pool.leave(first)
        second = await pool.ask(GET)
        assert second is not first
        assert await everything(second) == b"ok"
        pool.leave(second)


async def test_a_connection_that_says_close_is_not_kept() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with pool_of(saying(closing, closing)) as pool:
        first = await pool.ask(GET)
        pool.leave(first)
        second = await pool.ask(GET)
        assert second is not first
        pool.leave(second)


async def test_there_are_never_more_connections_than_allowed() -> None:
    open_now, most = 0, 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(0.01)
                writer.write(OK)
        finally:
            open_now -= 1

    async with pool_of(talk, limit=3) as pool:
        answers = await asyncio.gather(*(answer(pool) for _ in range(20)))
        assert (answers, most) == ([(200, b"ok")] * 20, 3)


async def test_who_gives_up_waiting_takes_nobodys_turn() -> None:
    async with pool_of(saying(*[OK] * 9), limit=1) as pool:
        held = await pool.ask(GET)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.ask(GET)
        pool.leave(held)
        assert await answer(pool) == (200, b"ok")


async def test_nobody_waits_long_for_a_service_that_does_not_answer() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()

    async with pool_of(silent, limit=2, connect_seconds=0.2) as pool:
        held = [asyncio.ensure_future(pool.ask(GET)) for _ in range(2)]
        await asyncio.sleep(0.05)
        for told in await asyncio.gather(*(pool.ask(GET) for _ in range(5)), return_exceptions=True):
            assert isinstance(told, Lost)
        assert not any(task.done() for task in held)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


async def test_an_answer_before_the_end_of_the_upload_counts_and_the_connection_does_not() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)

    refused = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno"
    upload = Request(b"POST", b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", endless(), True)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refused)
        while await reader.read(65_536):
            pass

    async with pool_of(talk) as pool:
        connection = await pool.ask(upload)
        assert (connection.status, await everything(connection)) == (413, b"no")
        assert not connection.reusable
        pool.leave(connection)


async def test_a_body_that_fails_on_its_way_ends_the_request_with_its_own_error() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("the client has left")

    upload = Request(b"POST", b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", broken(), True)

    async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with pool_of(talk) as pool:
        with pytest.raises(LookupError):
            await pool.ask(upload)


async def test_a_long_answer_is_not_read_faster_than_it_is_handed_on() -> None:
    size, sent = 32 << 20, 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async with pool_of(talk) as pool:
        connection = await pool.ask(GET)
        await asyncio.sleep(0.2)
        assert sent < size // 2, "the sockets' buffers and ours, not all of it"
        assert len(await everything(connection)) == size
        pool.leave(connection)


async def test_nobody_listens() -> None:
    pool = Pool("http://127.0.0.1:9", 1, 1.0, None)
    for _ in range(2):
        with pytest.raises(Lost):
            await pool.ask(GET)
