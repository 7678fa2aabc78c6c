"""The supervisor: what dies comes back, what it leaves behind is found, homes live side by side (X32, P-19)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.timeout(180)


def state(home: Path) -> dict[str, Any]:
    return dict(json.loads((home / "run" / "state.json").read_text()))


@pytest.fixture
def second(attune: Any, server_dir: Path) -> Iterator[Path]:
    """A home beside the module's own."""
    folder = server_dir / "home-second"
    attune("up", "--detach", "--home", folder, "--clock", "wall")
    yield folder
    attune("down", "--home", folder)


def test_two_homes_run_side_by_side_and_end_apart(attune: Any, home: Path, second: Path) -> None:
    ports = set(state(home)["ports"].values())
    assert ports.isdisjoint(state(second)["ports"].values())
    assert attune("status", "--home", home)["running"] is True
    assert "keeps its clock" in refuse_clock(attune, second)


def refuse_clock(attune: Any, folder: Path) -> str:
    attune("down", "--home", folder)
    return str(attune.refused("up", "--home", folder, "--clock", "events"))


def test_a_killed_process_comes_back(attune: Any, home: Path) -> None:
    for name in ("eventing", "gateway", "nats"):
        old = state(home)["processes"][name]["pid"]
        psutil.Process(old).kill()
        deadline = time.monotonic() + 60
        while state(home)["processes"].get(name, {}).get("pid") in (old, None) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert state(home)["processes"][name]["pid"] != old
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert attune("status", "--home", home)["running"] is True
            break
        except AssertionError:
            time.sleep(0.5)
    else:
        pytest.fail("the home did not answer again")


def test_orphans_of_a_killed_supervisor_are_ended_by_the_next_start(attune: Any, home: Path) -> None:
    before = state(home)
    supervisor = psutil.Process(before["supervisor"]["pid"])
    supervisor.kill()
    supervisor.wait(10)
    assert psutil.pid_exists(before["processes"]["eventing"]["pid"])
    attune("up", "--detach", "--home", home)
    after = state(home)
    for name, process in before["processes"].items():
        assert after["processes"][name]["pid"] != process["pid"], name
        assert (
            not psutil.pid_exists(process["pid"]) or psutil.Process(process["pid"]).create_time() != process["started"]
        )
