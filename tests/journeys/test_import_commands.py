"""`attune import` from a script: a check, an upload, the list, and the way back through every service."""

import os
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
    assert "…" not in shown.stdout + shown.stderr, "values are shown whole: ids are read off here"


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
    assert "name the folder" in attune.refused_at_once("import", *home)
    assert "name the mapping file" in attune.refused_at_once("import", *home, tmp_path)
    assert "is no folder" in attune.refused_at_once("import", "--check", tmp_path / "none")
    (tmp_path / "empty.csv").touch()
    draft = tmp_path / "draft.yaml"
    assert "no file that could be read" in attune.refused_at_once("import", "--check", "--draft", draft, tmp_path)
    assert not draft.exists()
