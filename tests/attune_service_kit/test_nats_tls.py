"""Where the address says tls:// nothing is said in plain text, and to nobody without such a certificate (P-26)."""

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nats.errors import Error as NatsError

from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.nats_client import connect
from attune_service_kit.testing_credentials import nats_seed

HOST = "localhost"


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{host}.pem", folder / f"{host}.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return paths


class Secure(EmbeddedNats):
    """The bundled server with a certificate."""

    pair: tuple[Path, Path]

    def config(self) -> dict[str, Any]:
        """The server's configuration, with TLS."""
        return super().config() | {"tls": {"cert_file": str(self.pair[0]), "key_file": str(self.pair[1])}}

    @property
    def url(self) -> str:
        """Its address, by the name that its certificate has."""
        return f"tls://{HOST}:{self.port}"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    server = Secure(tmp_path / "nats", seeds=nats_seed, services=("campaign",), sync_interval="10s")
    server.pair = certificate(tmp_path, HOST)
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
    by_another_name = secure.url.replace(HOST, "127.0.0.1")
    with pytest.raises((NatsError, OSError)):
        await connect(by_another_name, nats_seed("campaign"), allow_reconnect=False, connect_timeout=2)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path, "other.example")[0]))
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
