"""nats-py's client as a user that an NKey names (P-26), with a parser that hands streams on without ceremony."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import (
    ConnectionClosedError,
    ConnectionDrainingError,
    Error,
    MaxPayloadError,
    OutboundBufferLimitError,
    ProtocolError,
)
from nats.protocol.parser import Parser

from attune_service_kit.nkeys import public_key, sign

_MESSAGES = (b"MSG ", b"HMSG ")

Sink = Callable[[str, str, bytes, bytes], None]
"""Takes a message at once: its subject, where to reply, the payload, the headers as they came."""


class _Parser(Parser):
    """Reads the messages itself, and leaves all that is no message to nats-py.

    nats-py matches up to seven patterns a message, makes an object of each and hands it to a task by a queue: at a
    stream's pace that costs more than all that is done with a message. One with a sink goes there at once.
    """

    def reset(self) -> None:
        """A new connection begins: what is left of the former's last frame belongs to nobody."""
        super().reset()
        self._rest = b""

    async def parse(self, data: bytes = b"") -> None:
        """Take in what has come; an unfinished frame waits for the rest of it."""
        known = self._rest + data if self._rest else data
        self._rest = b""
        epoch = self.buf  # nats-py makes a new one at each reset
        at, size, sinks = 0, len(known), self.nc.sinks
        while at < size and (end := known.find(b"\r\n", at)) >= 0:
            if known.startswith(_MESSAGES, at):
                subject, sid, reply, length, header = _line(known[at:end])
                begin, stop = end + 2, end + 2 + length
                if stop + 2 > size:
                    break
                payload, headers = known[begin + header : stop], known[begin : begin + header]
                if (sink := sinks.get(sid)) is None:
                    await self.nc._process_msg(sid, subject, reply, payload, headers)
                else:
                    try:
                        sink(subject.decode(), reply.decode(), payload, headers)
                    except Exception as error:
                        await self.nc._error_cb(error)
                at = stop + 2
            else:
                await super().parse(known[at : end + 2])
                at = end + 2
            if self.buf is not epoch:
                return
        self._rest = known[at:]


def _line(line: bytes) -> tuple[bytes, int, bytes, int, int]:
    """What a message's line says: subject, subscription, where to reply, the sizes of all and of the headers."""
    words = line.split()
    try:
        size, header = int(words.pop()), int(words.pop()) if words[0] == b"HMSG" else 0
        return words[1], int(words[2]), words[3] if len(words) > 3 else b"", size, header
    except (IndexError, ValueError):
        raise ProtocolError("nats: malformed MSG") from None


class NatsClient(Client):
    """nats-py's client, which signs by the library that we have and looks at a header's name, not its every letter.

    nats-py asks for the package nkeys, which comes as source only; and its own parsing of headers is a quarter of a
    consumer's time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sinks: dict[int, Sink] = {}
        self._ps = _Parser(self)

    async def listen(self, subject: str, sink: Sink) -> Subscription:
        """Subscribe with a sink: it is called as a message is read from the wire, and must neither wait nor raise."""
        subscription = await self.subscribe(subject)
        self.sinks[subscription._id] = sink
        return subscription

    async def send_frames(self, frames: Sequence[bytes]) -> None:
        """Send messages that `frame` has written in one go: each for itself costs nats-py several times as much."""
        if self.is_closed:
            raise ConnectionClosedError
        if self.is_draining_pubs:
            raise ConnectionDrainingError
        if not self.is_connected:
            raise OutboundBufferLimitError
        if max(map(len, frames), default=0) > self._max_payload:
            raise MaxPayloadError
        await self._send_command(b"".join(frames))
        await self._flush_pending()

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self.sinks.pop(sid, None)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Hang up on a server that offers no TLS where the address asks for it: nats-py goes on in plain text."""
        asked = self._current_server is not None and self._current_server.uri.scheme == "tls"
        if initial_connection and asked and not info.get("tls_required"):
            raise Error("nats: the server offers no TLS")
        await super()._process_info(info, initial_connection)

    def _setup_nkeys_seed_connect(self) -> None:
        seed = self._nkeys_seed_str or ""
        self._public_nkey = public_key(seed)
        self._signature_cb = lambda nonce: sign(seed, nonce)

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in raw.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            key = name.strip().decode("ascii", "replace")
            if colon and key.isascii() and len(key.split()) == 1:
                found[key] = value.strip().decode("utf-8", "replace")
        return found


def frame(subject: str, payload: bytes, headers: Mapping[str, str], reply: str = "") -> bytes:
    """A message with headers as the protocol has it; ValueError if subject or headers would break it."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or subject.split() != [subject]:
        raise ValueError("a subject is one word, a header one line")
    block = f"NATS/1.0\r\n{lines}\r\n".encode()
    start = f"HPUB {subject} {reply} {len(block)} {len(block) + len(payload)}\r\n".encode()
    return b"%b%b%b\r\n" % (start, block, payload)


def header(raw: bytes, name: bytes) -> str | None:
    """A header by its exact name, of headers as they came; None if it is not among them."""
    if name not in raw or (at := raw.rfind(b"\r\n%b:" % name)) < 0:
        return None
    begin = at + len(name) + 3
    return raw[begin : raw.find(b"\r\n", begin)].strip().decode("utf-8", "replace")


def status(raw: bytes) -> tuple[str, str]:
    """What the server says by a message of its own: a number and a description; both empty if it is none."""
    line = raw.partition(b"\r\n")[0].decode("utf-8", "replace")
    _, code, *description = [*line.split(" ", 2), "", ""]
    return code, description[0]


async def connect(url: str, seed: str, **options: Any) -> NatsClient:
    """Connect once as the user of a seed; `options` are those of `nats.connect`."""
    client = NatsClient()
    await client.connect(url, nkeys_seed_str=seed, **options)
    return client
