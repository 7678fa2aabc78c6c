import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings

SAFE = {
    "upstreams": {"campaign": "https://campaign.bank.example"},
    "token_issuer": "https://login.bank.example",
    "token_jwks": "https://login.bank.example/jwks",
    "hosts": "attune.bank.example, attune.example:8443",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"token_issuer": "attune-development"}, "development issuer"),
        ({"token_jwks": "/keys/jwks.json"}, "token_jwks"),
        ({"hosts": ""}, "names no host"),
        ({"host": "0.0.0.0"}, "beyond this machine"),
        ({"upstreams": {"campaign": "http://campaign:8000"}}, "beyond this machine"),
        ({"exchange_url": "http://login.bank.example/token", "exchange_client_secret": "x"}, "exchange_url"),
    ],
)
def test_production_refuses_what_is_unsafe(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        GatewaySettings.model_validate(SAFE | change)
    assert GatewaySettings.model_validate(SAFE | change | {"environment": "development"}).environment == "development"


EXCHANGE = {"exchange_url": "https://login.bank.example/token", "exchange_client_secret": "x"}


@pytest.mark.parametrize(
    "change",
    [{"exchange_client_secret": None}, {"exchange_client_key": "key.pem"}, {"exchange_url": "login.bank.example"}],
    ids=["nobody", "twice", "no address"],
)
def test_an_exchange_says_who_asks_in_one_way(change: dict[str, object]) -> None:
    assert GatewaySettings.model_validate(SAFE | EXCHANGE).audience_of("customer_360") == "attune-customer-360"
    with pytest.raises(ValidationError, match="exchange_"):
        GatewaySettings.model_validate(SAFE | EXCHANGE | change)


def test_a_services_audience_may_be_another() -> None:
    settings = GatewaySettings.model_validate(SAFE | EXCHANGE | {"exchange_audiences": {"insight": "urn:insight"}})
    assert [settings.audience_of(name) for name in ("insight", "scoring")] == ["urn:insight", "attune-scoring"]


def test_safe_settings_start() -> None:
    assert GatewaySettings.model_validate(SAFE).max_body_bytes == 1024 * 1024


@pytest.mark.parametrize("origin", ["campaign:8000", "https://host/path", "ftp://host", "https://user@host"])
def test_an_upstream_is_an_origin(origin: str) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate(SAFE | {"upstreams": {"campaign": origin}})


def test_upstreams_come_as_json_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_UPSTREAMS", '{"campaign": "http://127.0.0.1:9000"}')
    settings = GatewaySettings(environment="test", token_issuer="x", token_jwks="y")
    assert settings.upstreams == {"campaign": "http://127.0.0.1:9000"}
