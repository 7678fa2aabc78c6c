"""A real bank's ledger through every process: 140 large deposits, whatever is killed on the way."""

import json
import os
import random
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(900)]

MAPPING = "mappings/berka.yaml"
RANGE = ("--from", "1993-01-01", "--to", "1994-03-30")
FIRST = {
    "posting_id": "1002969",
    "account_id": "3424",
    "date": "1993-08-19",
    "amount": "35784.00",
    "compared_with": "35615.14",
}
SAME = ("postings", "detections", "opportunities")
KILLS = int(os.environ.get("ATTUNE_FAULT_ROUNDS", "5"))


@pytest.fixture(scope="module", autouse=True)
def imported(attune: Any, home: Path, berka: Path) -> dict[str, Any]:
    """Every test here stands on the imported bank, also alone; without its files all are skipped."""
    result: dict[str, Any] = attune("import", "--home", home, "--mapping", MAPPING, berka)
    return result


@pytest.fixture(scope="module")
def replayed(attune: Any, home: Path, imported: dict[str, Any]) -> dict[str, Any]:
    """What the first replay prints."""
    result: dict[str, Any] = attune("replay", "--home", home, *RANGE, "--cooldown-days", 0)
    return result


def opportunities(result: dict[str, Any]) -> int:
    """How many a replay led to; its postings and detections are those of the fixture."""
    found = result["detections"]["large-deposit"]
    assert result["postings"] == 46_997
    assert (found["count"], found["subjects"]) == (140, 85)
    assert found["first"] == FIRST
    return int(result["opportunities"])


def test_every_row_is_accepted(imported: dict[str, Any]) -> None:
    counts = imported["datasets"]
    assert counts["transactions"] == {
        "read": 46_997,
        "accepted": 46_997,
        "rejected": 0,
        "unchanged": 0,
        "unknown_accounts": 0,
    }
    assert {name: c["accepted"] for name, c in counts.items()} == {
        "regions": 77,
        "branches": 77,
        "products": 4,
        "parties": 5_369,
        "accounts": 4_500,
        "account_parties": 5_369,
        "holdings": 682 + 892,
        "loans": 682,
        "cards": 892,
        "standing_orders": 6_471,
        "transactions": 46_997,
    }
    assert all(c["accepted"] + c["rejected"] == c["read"] for c in counts.values())


def test_the_same_files_twice_change_nothing(attune: Any, home: Path, berka: Path) -> None:
    result = attune("import", "--home", home, "--mapping", MAPPING, berka)
    assert all(c["unchanged"] == c["accepted"] for c in result["datasets"].values())


def test_replay_finds_exactly_140_on_85_accounts(replayed: dict[str, Any], attune: Any, home: Path) -> None:
    assert opportunities(replayed) == 140
    tried = attune("backtest", "large-deposit", "--home", home, *RANGE)
    assert (tried["detections"], tried["subjects"]) == (140, 85)
    found = tried["first"] | {"posting_id": tried["first"]["event_key"]}
    assert {name: found[name] for name in FIRST} == FIRST


@pytest.mark.faults
def test_killing_any_process_changes_none_of_it(attune: Any, home: Path) -> None:
    """`kill -9` of seeded processes while the ledger is replayed: servers, services, the gateway."""
    chance = random.Random(1993)
    replay = attune.start("replay", "--home", home, *RANGE, "--cooldown-days", 0, "--speed", 12_500 // KILLS)
    killed = []
    while len(killed) < KILLS and replay.poll() is None:
        time.sleep(chance.uniform(1.0, 3.0))
        processes = json.loads((home / "run" / "state.json").read_text())["processes"]
        name = chance.choice(sorted(processes))
        if psutil.pid_exists(processes[name]["pid"]):
            psutil.Process(processes[name]["pid"]).kill()
            killed.append(name)
    stdout, stderr = replay.communicate(timeout=600)
    assert replay.returncode == 0, f"killed {killed}: {stderr[-2000:]}"
    assert len(killed) == KILLS, "the replay was over before"
    assert opportunities(json.loads(stdout)) == 140


def test_with_a_cool_down_of_30_days_it_is_106(attune: Any, home: Path) -> None:
    result = attune("replay", "--home", home, *RANGE, "--cooldown-days", 30)
    assert result["detections"]["large-deposit"]["count"] == 106
    assert result["opportunities"] == 106
    tried = attune("backtest", "large-deposit", "--home", home, *RANGE)
    assert (tried["detections"], tried["subjects"]) == (106, 85)


def test_without_it_a_second_replay_prints_the_same(replayed: dict[str, Any], attune: Any, home: Path) -> None:
    again = attune("replay", "--home", home, *RANGE, "--cooldown-days", 0)
    assert opportunities(again) == 140
    assert {name: again[name] for name in SAME} == {name: replayed[name] for name in SAME}


def test_a_backtest_against_the_version_with_a_rest_and_its_page(attune: Any, home: Path, tmp_path: Path) -> None:
    shipped = files("eventing").joinpath("library", "large-deposit.yaml").read_text(encoding="utf-8")
    file, page = tmp_path / "no-rest.yaml", tmp_path / "page.html"
    file.write_text(shipped.replace("cooldown: 30 days", "cooldown: 0 days"), encoding="utf-8")
    asked = ("--against", "large-deposit@1", "--html", page, "--lang", "zh", "--overlap-days", 3)
    tried = attune("backtest", file, "--home", home, *RANGE, *asked)
    other = tried["against"]
    assert (tried["version"], tried["detections"], other["version"], other["detections"]) == (None, 140, 1, 106)
    assert (other["both"], other["only_this"], other["only_other"]) == (106, 34, 0)
    assert sum(one["detections"] for one in tried["by_branch"]) == sum(tried["by_weekday"].values()) == 140
    assert tried["managers"]["known"] is False
    text = page.read_text(encoding="utf-8")
    assert "仅第一个命中" in text
    assert "金额高于此前 6 个月日均余额" in text
