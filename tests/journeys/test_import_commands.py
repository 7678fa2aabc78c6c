"""`attune import` from a script: a check, an upload, the list, and the way back through every service."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

EXTRACT = Path("mappings") / "fixed"
MAPPING = "mappings/fixed.yaml"


def test_a_check_needs_no_home_and_imports_nothing(attune: Any) -> None:
    found = attune("import", "--check", "--mapping", MAPPING, EXTRACT)["datasets"]
    assert found["parties"] | {"rejects": []} == {
        "read": 6, "accepted": 6, "rejected": 0, "skipped": 0, "fault": None, "rejects": [],
    }  # fmt: skip
    assert [reject["line"] for reject in found["transactions"]["rejects"]] == ["9"]
    shown = subprocess.run(
        attune.command("import", "--check", "--mapping", MAPPING, EXTRACT), capture_output=True, text=True, check=True,
        cwd=attune.root, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert {"household_role", "opening_balance_minor"} <= set((shown.stdout + shown.stderr).split()), (
        "names are shown whole"
    )


def test_unknown_files_get_a_draft(attune: Any, tmp_path: Path) -> None:
    extract = tmp_path / "extract"
    extract.mkdir()
    lines = [f"C{n:04d};2024010{n % 9 + 1};{'FM'[n % 2]};B{n % 3}\n" for n in range(40)]
    (extract / "customers.csv").write_text("CIF;OPEN_DATE;SEX;BRANCH_NO\n" + "".join(lines))
    target = tmp_path / "draft.yaml"
    found = attune("import", "--check", "--draft", target, extract)
    assert found["files"]["customers.csv"]["columns"]["OPEN_DATE"] == "date (format YYYYMMDD)"
    drafted = yaml.safe_load(target.read_text("utf-8"))
    assert drafted["datasets"]["parties"]["columns"]["source_id"] == "CIF"
    assert "overwrites nothing" in attune.refused("import", "--check", "--draft", target, extract)
    checked = attune("import", "--check", "--mapping", target, extract)
    assert checked["datasets"]["parties"]["accepted"] == 40


def test_what_is_missing_is_said(attune: Any, tmp_path: Path) -> None:
    home = ("--home", tmp_path)
    assert "name the folder" in attune.refused("import", *home)
    assert "name the mapping file" in attune.refused("import", *home, tmp_path)
    assert "is no folder" in attune.refused("import", "--check", tmp_path / "none")
    (tmp_path / "empty.csv").touch()
    draft = tmp_path / "draft.yaml"
    assert "no file that could be read" in attune.refused("import", "--check", "--draft", draft, tmp_path)
    assert not draft.exists()


def test_uploaded_listed_and_taken_back(attune: Any, home: Path, tmp_path: Path) -> None:
    extract = tmp_path / "elsewhere"
    shutil.copytree(attune.root / EXTRACT, extract)
    done = attune("import", "--home", home, "--mapping", MAPPING, "--upload", extract)
    assert done["datasets"]["parties"]["accepted"] == 6
    assert done["datasets"]["transactions"] == {
        "read": 9, "accepted": 8, "rejected": 1, "unchanged": 0, "unknown_accounts": 0,
    }  # fmt: skip
    (listed,) = attune("import", "--home", home, "--list")["imports"]
    assert listed["import_id"] == done["import_id"]
    shown = subprocess.run(
        attune.command("import", "--home", home, "--list"), capture_output=True, text=True, check=True,
        cwd=attune.root, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert done["import_id"] in shown.stdout + shown.stderr, "whole, for --undo asks for it"
    assert listed["services"] == {"customer_360": "done", "eventing": "done"}
    night = attune("triggers", "run", "--home", home, "--date", "2025-01-20")
    assert night["triggers"] == {"large-deposit": {"raised": 0, "withdrawn": 0}}
    undone = attune("import", "--home", home, "--undo", done["import_id"])
    assert undone["services"]["eventing"]["removed"] == 8 + 3, "postings and behaviours"
    assert undone["services"]["customer_360"]["undone"] is True
    again = attune("import", "--home", home, "--mapping", MAPPING, extract)
    assert all(counts["unchanged"] == 0 for counts in again["datasets"].values()), "nothing of it was left"
    assert "no import 0" in attune.refused("import", "--home", home, "--undo", "0")
