"""Where the address says tls:// nothing is said in plain text, and to nobody without such a certificate (P-26)."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.errors import Error as NatsError

from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.nats_client import connect
from attune_service_kit.testing_credentials import nats_seed

from .test_auth import certificate


class Secure(EmbeddedNats):
    """The bundled server with a certificate."""

    pair: tuple[Path, Path]

    def config(self) -> dict[str, Any]:
        """The server's configuration, with TLS."""
        return super().config() | {"tls": {"cert_file": str(self.pair[0]), "key_file": str(self.pair[1])}}

    @property
    def url(self) -> str:
        """Its address, as its certificate has it."""
        return f"tls://127.0.0.1:{self.port}"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    server = Secure(tmp_path / "nats", seeds=nats_seed, services=("campaign",), sync_interval="10s")
    server.pair = certificate(tmp_path)
    server.start(tmp_path / "nats.log")
    yield server
    server.stop()


async def test_tls_is_spoken_with_whom_is_trusted_by_that_name_alone(
    secure: Secure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.pair[0]))
    await secure.wait_ready()
    client = await connect(secure.url, nats_seed("campaign"), inbox_prefix=b"_INBOX_campaign", allow_reconnect=False)
    assert client.is_connected
    await client.close()
    by_another_name = secure.url.replace("127.0.0.1", "localhost")
    with pytest.raises((NatsError, OSError)):
        await connect(by_another_name, nats_seed("campaign"), allow_reconnect=False, connect_timeout=2)
    (another := tmp_path / "another").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(another)[0]))
    with pytest.raises((NatsError, OSError)):
        await connect(secure.url, nats_seed("campaign"), allow_reconnect=False, connect_timeout=2)


async def test_a_server_that_offers_no_tls_hears_nothing_in_plain_text() -> None:
    """Somebody between, or a server set up wrongly: nats-py itself would go on without."""
    heard: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = {"server_id": "x", "version": "2.12.3", "nonce": "abc", "max_payload": 1024, "auth_required": True}
        writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        heard.append(await reader.read(65_536))
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises((NatsError, OSError)):
            await connect(f"tls://127.0.0.1:{port}", nats_seed("campaign"), allow_reconnect=False, connect_timeout=2)
    assert b"".join(heard) == b""


async def test_the_bundled_server_is_not_reached_by_tls_without_tls(nats_server: EmbeddedNats) -> None:
    url = nats_server.url.replace("nats://", "tls://")
    with pytest.raises((NatsError, OSError)):
        await connect(url, nats_seed("campaign"), allow_reconnect=False, connect_timeout=2)
