"""Settings of a service: read once from the environment, frozen, and unsafe values refused outside development."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from attune_service_kit.token_settings import DEVELOPMENT_ISSUER, Environment, TokenSettings

__all__ = ["DEVELOPMENT_ISSUER", "Environment", "ServiceSettings", "private", "settings_config"]

# A key signs what clients hand back: 32 characters of base64 are 192 bits.
SHORTEST_KEY = 32

# `require` speaks TLS with whoever answers.
_VERIFIED = {"verify-ca", "verify-full"}
_UNVERIFIED = "does not ask for a verified certificate by sslmode"


def settings_config(prefix: str) -> SettingsConfigDict:
    """The model_config of a service's settings; `prefix` starts its environment variables, e.g. `EVENTING_`."""
    return SettingsConfigDict(env_prefix=prefix, frozen=True, extra="forbid", hide_input_in_errors=True)


class ServiceSettings(TokenSettings):
    """What every service must know. Each service subclasses it with its own prefix."""

    model_config = settings_config("ATTUNE_")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    drain_seconds: float = Field(default=0.0, ge=0, le=60, description="After SIGTERM: not ready, still answering")
    max_body_bytes: int = Field(default=1 << 20, ge=1024)
    max_in_flight: int = Field(default=128, ge=1, description="Requests under way; more are refused with 503")
    reserved_in_flight: int = Field(default=16, ge=1, description="Places more for what is urgent: opting out, health")
    tls_certificate: Path | None = Field(default=None, description="PEM chain of the service's own address")
    tls_key: Path | None = None

    database_url: str = Field(repr=False, description="As role <service>_app")
    worker_database_url: str = Field(repr=False, description="As role <service>_worker")
    owner_database_url: str | None = Field(default=None, repr=False, description="As role <service>_owner: migrations")
    pool_size: int = Field(default=5, ge=1, le=50)

    nats_url: str
    nats_user: str | None = None
    nats_seed: SecretStr | None = Field(default=None, description="The NKey seed of `nats_user`, SU…")

    lake_url: str
    scratch: Path

    lease_seconds: float = Field(default=10.0, gt=0, le=60, description="A silent worker loses its partitions then")
    handler_seconds: float = Field(
        default=25.0,
        gt=0,
        le=300,
        description="A transaction over a batch of events that takes longer is taken for hung",
    )
    retry_seconds: tuple[float, ...] = Field(
        default=(0.5, 2, 5, 15, 30), description="Pauses before a failing event is tried again; then it is quarantined"
    )

    clock: Literal["wall", "events"] = "wall"
    zone: str = "Asia/Shanghai"

    cursor_key: SecretStr = Field(description="Signs list cursors")
    kek_file: Path = Field(
        description="Key-encryption key: 256 bits in base64, kept apart from the database; without it nothing starts. "
        "One a line: the first wraps, older ones below it still open"
    )
    key_spread_seconds: float = Field(
        default=60, gt=0, le=3600, description="Every process has read a new data key by then, and it begins to seal"
    )

    maker_checker: Literal["on", "off"] = Field(
        default_factory=lambda known: "on" if known.get("environment") == "production" else "off",
        description="on: changes of triggers, models, campaigns and policies wait for another person's approval; so in"
        " production, where off is refused",
    )
    proposal_hours: float = Field(default=72.0, gt=0, le=24 * 90, description="How long a proposal may wait")

    trace_file: Path | None = None
    otlp_endpoint: str | None = None
    sample_ratio: float = Field(default=0.05, ge=0, le=1)

    upload_url: str | None = Field(
        default=None, description="Where uploaded files wait, as the lake's address; by default under scratch"
    )
    max_upload_bytes: int = Field(default=100 << 20, ge=1024, description="The largest uploaded file")
    import_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="Folders an import may read, separated as in PATH; none means any, in development only"
    )

    @field_validator("import_roots", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        ZoneInfo(value)
        return value

    @property
    def safe(self) -> bool:
        """Whether unsafe values are refused: everywhere but on a developer's machine and in tests."""
        return self.environment == "production"

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        if self.safe and (reasons := list(self._unsafe())):
            raise ValueError("; ".join(reasons))
        return self

    def _unsafe(self) -> "list[str]":
        """What must not be outside development, in words that never repeat a value."""
        rules = {
            "cursor_key has fewer than 32 characters or repeats itself": _weak(self.cursor_key),
            "nats_url is not tls://": not self.nats_url.startswith("tls://"),
            "nats_seed is missing": self.nats_seed is None,
            f"database_url {_UNVERIFIED}": not _verified(self.database_url),
            f"worker_database_url {_UNVERIFIED}": not _verified(self.worker_database_url),
            "kek_file can be read by everybody": _open_to_all(self.kek_file),
            "host reaches beyond this machine without tls_certificate and tls_key": not private(
                self.host, self.tls_certificate, self.tls_key
            ),
            "maker_checker does not ask for two persons": self.maker_checker == "off",
            **self.unsafe_tokens(),
        }
        if self.owner_database_url is not None:
            rules[f"owner_database_url {_UNVERIFIED}"] = not _verified(self.owner_database_url)
        return [reason for reason, broken in rules.items() if broken]


def private(host: str, certificate: Path | None, key: Path | None) -> bool:
    """Whether nobody else can read along: TLS, or only this machine itself."""
    return host in ("127.0.0.1", "localhost", "::1") or None not in (certificate, key)


def _weak(key: SecretStr) -> bool:
    text = key.get_secret_value()
    return len(text) < SHORTEST_KEY or len(set(text)) < 10


def _open_to_all(file: Path) -> bool:
    return file.exists() and bool(file.stat().st_mode & 0o007)


def _verified(url: str) -> bool:
    return parse_qs(urlsplit(url).query).get("sslmode", [""])[-1] in _VERIFIED
