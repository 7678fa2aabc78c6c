"""One look at a request's headers: what the gateway itself reads, and what goes on to the service."""

from collections.abc import Iterable
from dataclasses import dataclass

from attune_service_kit.overload import DEADLINE_HEADER, patience

_DEADLINE = DEADLINE_HEADER.encode()


def _names(text: bytes) -> frozenset[bytes]:
    return frozenset(text.split())


# RFC 9110, 7.6.1, and what only this hop may say: a client's word on who it is or where it comes from goes no further.
HOP = _names(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    b" upgrade expect host"
)
_OURS = _names(b"forwarded x-real-ip x-client-ip true-client-ip x-request-id x-correlation-id content-length")
_STAYS = HOP | _OURS | {_DEADLINE}
_READ = _names(
    b"host authorization content-length transfer-encoding content-encoding connection range accept x-request-id"
    b" x-correlation-id"
) | {_DEADLINE}


@dataclass(frozen=True, slots=True)
class Head:
    """A request's headers: their size, what the gateway reads of them by name, and the pairs that go on."""

    size: int
    count: int
    own: dict[bytes, bytes]
    onward: list[tuple[bytes, bytes]]

    def text(self, name: bytes) -> str | None:
        """A header that the gateway reads, as text."""
        value = self.own.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def length(self) -> int | None:
        """How long the body says it is; nothing counts beside a transfer coding (RFC 9112, 6.3)."""
        said = self.own.get(b"content-length", b"")
        return int(said) if said.isdigit() and not self.coded else None

    @property
    def coded(self) -> bool:
        """Whether the body comes in chunks."""
        return b"transfer-encoding" in self.own

    def patience(self, seconds: float) -> float:
        """How long the service may take: so many seconds, or what is left of the caller's patience."""
        asked = patience(self.text(_DEADLINE))
        return seconds if asked is None else min(seconds, asked)


def bearing(head: Head, authorization: bytes) -> Head:
    """The same head with another Authorization for the service."""
    onward = [(name, authorization if name == b"authorization" else value) for name, value in head.onward]
    return Head(head.size, head.count, head.own, onward)


def read(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """Sort a request's headers, names in lower case; one that comes twice is read as a list, with a comma between."""
    size = count = 0
    own: dict[bytes, bytes] = {}
    onward = []
    for pair in headers:
        name, value = pair
        count += 1
        size += len(name) + len(value)
        if name in _READ:
            own[name] = own[name] + b"," + value if name in own else value
        if name not in _STAYS and not name.startswith(b"x-forwarded-"):
            onward.append(pair)
    if b"connection" in own:  # what the client marks as meant for this hop only
        named = {part.strip().lower() for part in own[b"connection"].split(b",")}
        onward = [pair for pair in onward if pair[0] not in named]
    return Head(size, count, own, onward)
