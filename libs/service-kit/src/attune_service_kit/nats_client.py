"""nats-py's client as a user that an NKey names (P-26)."""

from typing import Any

from nats.aio.client import Client

from attune_service_kit.nkeys import public_key, sign


class NatsClient(Client):
    """nats-py's client, which signs by the library that we have and looks at a header's name, not its every letter.

    nats-py asks for the package nkeys, which comes as source only; and its own parsing of headers is a quarter of a
    consumer's time.
    """

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


async def connect(url: str, seed: str, **options: Any) -> NatsClient:
    """Connect once as the user of a seed; `options` are those of `nats.connect`."""
    client = NatsClient()
    await client.connect(url, nkeys_seed_str=seed, **options)
    return client
