"""Between the pods nobody reads along: the gateway asks services by TLS and believes one authority only."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from gateway.__main__ import probe
from gateway.settings import GatewaySettings


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject: str, key: ec.EllipticCurvePrivateKey, by: str, signer: ec.EllipticCurvePrivateKey) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=subject == by, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if subject != by:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path) -> dict[str, Any]:
    """An authority and a certificate of this machine: `ca`, and `tls` for uvicorn."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ca.crt").write_bytes(certificate("bank", ca_key, "bank", ca_key))
    (tmp_path / "tls.crt").write_bytes(certificate("service", key, "bank", ca_key))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    tls = {"ssl_certfile": str(tmp_path / "tls.crt"), "ssl_keyfile": str(tmp_path / "tls.key")}
    return {"ca": tmp_path / "ca.crt", "tls": tls}


async def test_services_are_asked_by_tls(
    make_gateway: Any, echoes: Any, serve: Any, bearer: Any, authority: Any
) -> None:
    secure = {service: await serve(echoes[service], **authority["tls"]) for service in ("customer_360", "campaign")}
    url = await serve(make_gateway(secure, upstream_ca=authority["ca"]))
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        answer = await client.get("/v1/customers/x", headers=bearer)
    assert (answer.status_code, answer.json()["service"]) == (200, "customer_360")


async def test_a_service_with_a_foreign_certificate_gets_no_request(
    make_gateway: Any, echoes: Any, serve: Any, bearer: Any, authority: Any
) -> None:
    secure = {service: await serve(echoes[service], **authority["tls"]) for service in ("customer_360", "campaign")}
    url = await serve(make_gateway(secure))
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        answer = await client.get("/v1/customers/x", headers=bearer)
    assert answer.status_code == 503
    assert echoes["customer_360"].requests == []


async def test_the_probe_names_the_service_that_is_not_ready(
    echoes: Any, serve: Any, authority: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    up = await serve(echoes["campaign"], **authority["tls"])
    settings = {"environment": "test", "token_issuer": "x", "token_jwks": "y", "upstream_ca": authority["ca"]}
    assert await probe(GatewaySettings(upstreams={"campaign": up}, **settings))
    assert not await probe(GatewaySettings(upstreams={"campaign": up, "scoring": "https://127.0.0.1:9"}, **settings))
    assert capsys.readouterr().out.splitlines()[-2:] == ["campaign ready", "scoring NOT READY"]


def test_a_certificate_without_its_key_is_no_tls(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="tls_key"):
        GatewaySettings(
            host="0.0.0.0",
            upstreams={},
            token_issuer="https://login.bank.example",
            token_jwks="https://login.bank.example/jwks",
            tls_certificate=tmp_path / "tls.crt",
        )
