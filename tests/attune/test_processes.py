"""What a home's processes are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from attune.home import Home
from attune.processes import SERVICES, Ports, environment


def test_one_person_plays_unless_two_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    home.create("events")
    ports = Ports(1, 2, 3, dict.fromkeys(SERVICES, 4))

    def told() -> set[str]:
        return {environment(home, ports, name)[f"{name.upper()}_MAKER_CHECKER"] for name in SERVICES}

    monkeypatch.delenv("ATTUNE_MAKER_CHECKER", raising=False)
    assert told() == {"off"}
    monkeypatch.setenv("ATTUNE_MAKER_CHECKER", "on")
    assert told() == {"on"}


def test_the_gateway_exchanges_tokens_where_the_home_has_an_issuer(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("events")
    ports = Ports(1, 2, 3, dict.fromkeys(SERVICES, 4))
    told = {True: environment(home, replace(ports, issuer=5), "gateway"), False: environment(home, ports, "gateway")}
    assert told[True]["GATEWAY_EXCHANGE_URL"] == "http://127.0.0.1:5/token"
    assert told[True]["GATEWAY_EXCHANGE_CLIENT_SECRET"] == home.password("exchange")
    assert not any("EXCHANGE" in name for name in told[False])
    assert not any("EXCHANGE" in name for name in environment(home, replace(ports, issuer=5), "insight"))
