"""The gateway's settings: read once from the environment, frozen, unsafe values refused in production."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import NoDecode

from attune_contracts.audiences import audience_of
from attune_service_kit.settings import private, settings_config
from attune_service_kit.token_settings import TokenSettings, audience

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$")]


class GatewaySettings(TokenSettings):
    """What the gateway must know; `upstreams` is a JSON object from service to origin, without a path."""

    model_config = settings_config("GATEWAY_")

    token_audience: str = audience("gateway")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    drain_seconds: float = Field(default=0.0, ge=0, le=60, description="After SIGTERM: not ready, still answering")

    tls_certificate: Path | None = Field(default=None, description="PEM chain of the gateway's own address")
    tls_key: Path | None = None

    upstreams: dict[str, Origin]
    upstream_ca: Path | None = Field(
        default=None, description="PEM of the authority that signs the services' addresses"
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Names it serves, as Host says them; none = any, in development"
    )
    documents: bool = Field(default=True, description="Show the API page and the document to whoever asks")
    max_body_bytes: int = Field(default=1 << 20, ge=1024, description="Of an operation that names no limit of its own")
    max_in_flight: int = Field(default=512, ge=1, description="Requests under way; more are refused with 503")
    reserved_in_flight: int = Field(default=32, ge=1, description="Places more for what is urgent: opting out, health")
    client_requests: int = Field(default=200, ge=1, description="Of one caller a second; more are refused with 429")
    client_misses: int = Field(default=60, ge=1, description="Unknown customers one caller may ask for in a minute")
    exchange_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="The issuer's token endpoint, where a caller's token is exchanged for one of the called service"
        " (RFC 8693); none: the caller's own goes on, and has to name the service",
    )
    exchange_client_id: str = audience_of("gateway")
    exchange_client_secret: SecretStr | None = Field(default=None, description="Either this, or the key")
    exchange_client_key: Path | None = Field(
        default=None, description="PEM of the gateway's private key at the issuer: P-256, RSA or Ed25519 (RFC 7523)"
    )
    exchange_client_kid: str | None = Field(default=None, description="The key's id there; by default its thumbprint")
    exchange_audiences: dict[str, str] = Field(
        default_factory=dict, description="JSON: service → its TOKEN_AUDIENCE, where that is not attune-<service>"
    )
    exchange_seconds: float = Field(default=2.0, gt=0, le=30, description="How long the issuer may take")
    exchange_longer_seconds: float = Field(
        default=0.0,
        ge=0,
        le=300,
        description="So much later than the caller's token an exchanged one may end, where the issuer knows no better;"
        " it is used no longer than the caller's",
    )

    connect_seconds: float = Field(default=1.0, gt=0)
    read_seconds: float = Field(
        default=2.0, gt=0, description="A read of which no byte has come by then is asked anew, or told as 504"
    )
    total_seconds: float = Field(default=30.0, gt=0)
    breaker_calls: int = Field(default=20, ge=1, description="Half of so many failed in 10 s: nobody is sent on")
    breaker_pause_seconds: float = Field(default=5.0, gt=0, description="Until one is let through to try")
    upload_bytes_per_second: int = Field(
        default=128 << 10, ge=1024, description="Slowest upload: an operation that takes bytes has so much longer"
    )
    connections: int = Field(default=100, ge=1, description="At most so many to each service")
    streams: int = Field(default=1000, ge=1, description="Streams of events at most to each service")

    @field_validator("hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    def audience_of(self, service: str) -> str:
        """The audience that a service has."""
        return self.exchange_audiences.get(service) or audience_of(service)

    @model_validator(mode="after")
    def _one_way_to_say_who_asks(self) -> Self:
        given = self.exchange_client_secret is not None, self.exchange_client_key is not None
        if self.exchange_url is not None and given.count(True) != 1:
            raise ValueError("exchange_url needs exchange_client_secret or exchange_client_key, one of them")
        return self

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        if self.environment == "production":
            plain = [name for name, url in self.upstreams.items() if not _private(url)]
            rules = {
                f"upstreams {', '.join(plain)}: http:// beyond this machine; use https://": bool(plain),
                "hosts names no host": not self.hosts,
                "exchange_url is not https": not (self.exchange_url or "https://").startswith("https://"),
                "host reaches beyond this machine without tls_certificate and tls_key": not private(
                    self.host, self.tls_certificate, self.tls_key
                ),
                **self.unsafe_tokens(),
            }
            if reasons := [reason for reason, broken in rules.items() if broken]:
                raise ValueError("; ".join(reasons))
        return self


def _private(url: str) -> bool:
    """Whether nobody else can read along: TLS, or this machine itself."""
    return url.startswith("https://") or re.match(r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$", url) is not None
