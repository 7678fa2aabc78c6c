"""What a home's processes are told."""

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
