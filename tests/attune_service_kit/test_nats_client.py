"""Reading the wire: every message once and in order, however the bytes are cut, as nats-py reads them."""

import asyncio
from typing import Any

import pytest
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from attune_service_kit.nats_client import NatsClient, header, status

Got = tuple[str, Any]
HEADERS = b"NATS/1.0\r\nNats-Msg-Id: 7\r\ntraceparent: 00-a-b-01\r\n\r\n"
# A payload that looks like frames, a ping between, an answer without a place to reply, an empty one, an error.
PAYLOAD = b"MSG x 1 3\r\nabc\r\nPING\r\n"
WIRE = (
    b"MSG in.1 7 $JS.ACK.a.b.1.2.3.4.5 %d\r\n%b\r\n" % (len(PAYLOAD), PAYLOAD)
    + b"PING\r\n"
    + b"HMSG in.2 7 $JS.ACK.a.b.1.3.4.4.5 %d %d\r\n%b%b\r\n"
    % (len(HEADERS), len(HEADERS) + len(PAYLOAD), HEADERS, PAYLOAD)
    + b"MSG other 8 0\r\n\r\nPONG\r\n+OK\r\n-ERR 'no'\r\n"
    + b"HMSG in.3 7 %d %d\r\n%b\r\n" % (len(HEADERS), len(HEADERS), HEADERS)
)


class Heard:
    """Stands for the client: keeps what the parser says."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.sinks: dict[int, Any] = {}
        self.parser: Parser = NatsClient()._ps
        self.parser.nc = self

    def sink(self, subject: str, reply: str, payload: bytes, headers: bytes) -> None:
        """A message at once."""
        self.got.append(("message", (7, subject.encode(), reply.encode(), payload, headers)))

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self.got.append(("message", (sid, subject, reply, data, headers or b"")))

    async def _process_ping(self) -> None:
        self.got.append(("ping", None))

    async def _process_pong(self) -> None:
        self.got.append(("pong", None))

    async def _process_err(self, error: str) -> None:
        self.got.append(("error", error))

    async def _error_cb(self, error: Exception) -> None:
        self.got.append(("said", type(error)))


def heard(wire: bytes, size: int, *, theirs: bool = False, sink: bool = False) -> list[Got]:
    """What comes out of the wire in pieces of a size."""
    client = Heard()
    if theirs:
        client.parser = Parser(client)
    if sink:
        client.sinks[7] = client.sink

    async def read() -> None:
        for at in range(0, len(wire), size):
            await client.parser.parse(wire[at : at + size])

    asyncio.run(read())
    return client.got


def test_messages_are_read_as_nats_py_reads_them_however_they_are_cut() -> None:
    expected = heard(WIRE, len(WIRE), theirs=True)
    assert [kind for kind, _ in expected] == ["message", "ping", "message", "message", "pong", "error", "message"]
    for size in (1, 2, 3, 7, 19, 64, 101, len(WIRE)):
        assert heard(WIRE, size) == heard(WIRE, size, sink=True) == expected


def test_a_new_connection_begins_with_nothing_of_the_former() -> None:
    client = Heard()

    async def read() -> None:
        await client.parser.parse(WIRE[:30])
        client.parser.reset()
        await client.parser.parse(b"MSG in.1 7 2\r\nok\r\n")

    asyncio.run(read())
    assert client.got == [("message", (7, b"in.1", b"", b"ok", b""))]


def test_a_connection_lost_between_two_messages_ends_the_reading() -> None:
    client = Heard()

    async def lost(error: str) -> None:
        client.parser.reset()

    client._process_err = lost  # type: ignore[method-assign]
    asyncio.run(client.parser.parse(b"-ERR 'stale connection'\r\nMSG in.1 7 2\r\nok\r\n"))
    assert client.got == []


@pytest.mark.parametrize("line", [b"MSG\r\n", b"MSG a b 3\r\nabc\r\n", b"HMSG a 7 x 3\r\nabc\r\n", b"WHAT\r\n"])
def test_what_is_no_message_breaks_the_connection(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        heard(line, len(line))


def test_a_sink_that_fails_is_said_and_the_reading_goes_on() -> None:
    client = Heard()

    def fails(*_: object) -> None:
        raise ValueError("not a number")

    client.sinks[7] = fails
    asyncio.run(client.parser.parse(b"MSG in.1 7 2\r\nok\r\nMSG other 8 2\r\nok\r\n"))
    assert client.got == [("said", ValueError), ("message", (8, b"other", b"", b"ok", b""))]


def test_a_header_is_found_by_its_exact_name() -> None:
    assert header(HEADERS, b"traceparent") == "00-a-b-01"
    assert header(HEADERS, b"Nats-Msg-Id") == "7"
    assert [header(raw, b"parent") for raw in (HEADERS, b"")] == [None, None]
    assert header(b"NATS/1.0\r\nA:x\r\nA: y \r\n\r\n", b"A") == "y"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 5\r\n\r\n", ("100", "Idle Heartbeat")),
        (b"NATS/1.0 404\r\n\r\n", ("404", "")),
        (HEADERS, ("", "")),
        (b"", ("", "")),
    ],
)
def test_a_status_of_the_server_is_told_from_a_message(raw: bytes, said: tuple[str, str]) -> None:
    assert status(raw) == said
