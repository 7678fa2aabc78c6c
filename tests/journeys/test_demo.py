"""`attune demo`: the whole story, with the truth inside the measured interval, and nothing left behind."""

import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

SMALL = 3_000


def processes_of(home: Path) -> list[str]:
    """The command lines of living processes that belong to a home."""
    found = []
    for process in psutil.process_iter():
        try:
            text = " ".join(process.cmdline()) + str(process.environ().get("EVENTING_LAKE_URL", ""))
        except psutil.Error:
            continue
        if str(home) in text:
            found.append(text)
    return found


def check_story(result: dict[str, Any], customers: int) -> None:
    uplift = result["uplift"]
    assert result["imported"]["parties"] | {"unchanged": 0} == result["imported"]["parties"]
    assert all(c["accepted"] + c["rejected"] == c["read"] for c in result["imported"].values())
    assert result["imported"]["parties"]["accepted"] == customers
    found = result["detections"]["large-deposit"]
    assert found["count"] == result["opportunities"]
    assert found["subjects"] >= customers / 4
    assert uplift["low"] <= uplift["truth"] <= uplift["high"]
    assert uplift["sample_ratio"]["ok"] is True
    assert 0.55 < result["model"]["auc"] < 0.95
    assert result["peak_mb"] < 3 * 1024


@pytest.mark.timeout(600)
def test_the_story_ends_with_the_truth_inside_the_interval(attune: Any, server_dir: Path) -> None:
    home = server_dir / "demo"
    result = attune("demo", "--customers", SMALL, "--seed", 1, "--exit", "--home", home, timeout=580)
    check_story(result, SMALL)
    assert processes_of(home) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_truth_lies_inside_in_five_of_five_seeds(attune: Any, server_dir: Path, seed: int) -> None:
    result = attune("demo", "--seed", seed, "--exit", "--home", server_dir / f"demo-{seed}", timeout=880)
    check_story(result, 20_000)
    assert result["uplift"]["verdict"] == "proved"
    assert result["uplift"]["treated"]["n"] + result["uplift"]["control"]["n"] >= 5_000


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "before",
    [
        pytest.param(signal.SIG_DFL, id="terminal", marks=pytest.mark.slow),
        pytest.param(signal.SIG_IGN, id="background"),
    ],
)
def test_ctrl_c_in_the_middle_leaves_no_process(attune: Any, server_dir: Path, before: signal.Handlers) -> None:
    """Also where it was begun by a shell that ignores the signal for what runs in the background."""
    home = server_dir / f"demo-interrupted-{before.name}"
    kept = signal.signal(signal.SIGINT, before)
    try:
        demo = attune.start("demo", "--customers", SMALL, "--home", home)
    finally:
        signal.signal(signal.SIGINT, kept)
    deadline = time.monotonic() + 60
    while not (home / "run" / "state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)
    assert demo.poll() is None
    assert processes_of(home), "there is something to be ended"
    demo.send_signal(signal.SIGINT)
    try:
        demo.communicate(timeout=30)
    finally:
        demo.terminate()
        demo.wait(60)
    assert processes_of(home) == []


def test_a_home_that_no_demo_made_is_left_alone(attune: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert "no demo made" in attune.refused("demo", "--exit", "--home", tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "mine"
