"""Settings refuse to be unsafe outside development, and never repeat a secret."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from attune_service_kit.settings import DEVELOPMENT_ISSUER, ServiceSettings, settings_config


class SampleSettings(ServiceSettings):
    model_config = settings_config("SAMPLE_")


SAFE: dict[str, Any] = {
    "environment": "production",
    "database_url": "postgresql://sample_app:s3cret@db/sample?sslmode=verify-full",
    "worker_database_url": "postgresql://sample_worker:s3cret@db/sample?sslmode=verify-full",
    "nats_url": "tls://nats:4222",
    "nats_user": "sample",
    "nats_seed": "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
    "lake_url": "s3://lake",
    "scratch": Path("/scratch"),
    "token_issuer": "https://login.bank.example",
    "token_jwks": "https://login.bank.example/jwks.json",
    "cursor_key": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd",
    "kek_file": Path("/keys/kek"),
}


def test_safe_production_settings_are_accepted() -> None:
    assert SampleSettings(**SAFE).safe


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("cursor_key", "short", "cursor_key"),
        ("cursor_key", "a" * 64, "cursor_key"),
        ("nats_url", "nats://nats:4222", "nats_url"),
        ("database_url", "postgresql://sample_app:s3cret@db/sample", "database_url"),
        ("database_url", "postgresql://sample_app:s3cret@db/sample?sslmode=prefer", "database_url"),
        ("database_url", "postgresql://sample_app:s3cret@db/sample?sslmode=require", "database_url"),
        ("database_url", "postgresql://app:s3cret@db/x?sslmode=verify-full&sslmode=disable", "database_url"),
        ("worker_database_url", "postgresql://sample_worker:s3cret@db/sample", "worker_database_url"),
        ("owner_database_url", "postgresql://sample_owner:s3cret@db/sample", "owner_database_url"),
        ("token_jwks", "/keys/jwks.json", "token_jwks"),
        ("token_jwks", "http://login.bank.example/jwks.json", "token_jwks"),
        ("token_issuer", DEVELOPMENT_ISSUER, "token_issuer"),
        ("host", "0.0.0.0", "beyond this machine"),
        ("maker_checker", "off", "two persons"),
    ],
)
def test_unsafe_values_stop_production_only(name: str, value: str, reason: str) -> None:
    unsafe = SAFE | {name: value}
    with pytest.raises(ValidationError, match=reason) as refused:
        SampleSettings(**unsafe)
    assert "s3cret" not in str(refused.value)
    assert value not in str(refused.value)
    assert not SampleSettings(**unsafe | {"environment": "development"}).safe


@pytest.mark.parametrize(("environment", "asked"), [("production", "on"), ("test", "off"), ("development", "off")])
def test_production_asks_for_two_persons_and_one_developer_can_do_everything(environment: str, asked: str) -> None:
    assert SampleSettings(**SAFE | {"environment": environment}).maker_checker == asked


def test_a_kek_that_everybody_can_read_stops_production(tmp_path: Path) -> None:
    file = tmp_path / "kek"
    file.touch(mode=0o600)
    assert SampleSettings(**SAFE | {"kek_file": file}).safe
    file.chmod(0o644)
    with pytest.raises(ValidationError, match="kek_file"):
        SampleSettings(**SAFE | {"kek_file": file})
    with pytest.raises(ValidationError, match="kek_file"):
        SampleSettings(**{name: value for name, value in SAFE.items() if name != "kek_file"})


def test_environment_variables_carry_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SAFE.items():
        monkeypatch.setenv(f"SAMPLE_{name.upper()}", str(value))
    monkeypatch.setenv("SAMPLE_IMPORT_ROOTS", "/data/in:/data/more")
    settings = SampleSettings()
    assert settings.import_roots == (Path("/data/in"), Path("/data/more"))
    assert settings.token_issuer == SAFE["token_issuer"]


def test_settings_are_frozen_and_do_not_show_passwords() -> None:
    settings = SampleSettings(**SAFE)
    with pytest.raises(ValidationError):
        settings.port = 1
    assert "s3cret" not in repr(settings)
    assert SAFE["cursor_key"] not in repr(settings)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises((ValidationError, KeyError)):
        SampleSettings(**SAFE | {"zone": "Mars/Olympus"})
