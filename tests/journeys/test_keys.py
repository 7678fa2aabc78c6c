"""`attune keys rotate`: a home's keys are changed while it runs, and it starts with the new ones alone."""

from pathlib import Path
from typing import Any

import pytest

from attune.home import Home
from attune.processes import SERVICES

pytestmark = pytest.mark.slow


def test_all_kinds_of_keys_are_changed_while_everything_runs(attune: Any, tmp_path: Path) -> None:
    place = tmp_path / "home"
    attune("up", "--detach", "--home", place)
    try:
        before = Home(place).kek_file.read_text()
        assert attune("keys", "rotate", "--kek", "--home", place)["rotated"] == "kek"
        assert before not in Home(place).kek_file.read_text()
        assert Home(place).former_keks.read_text() == before
        done = attune("keys", "rotate", "--home", place)
        assert {name: result["key"] for name, result in done["services"].items()} == dict.fromkeys(SERVICES, 3)
        done = attune("keys", "rotate", "--index", "--home", place)
        assert {name: result["key"] for name, result in done["services"].items()} == dict.fromkeys(SERVICES, 4)
        assert set(attune("status", "--home", place)["services"]) == set(SERVICES)
    finally:
        attune("down", "--home", place)
    attune("up", "--detach", "--home", place)
    attune("down", "--home", place)
