"""The import engine's tests: an extract of a few lines, and what became of each."""

import csv
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from attune_service_kit import lake_sql
from attune_service_kit.files import load_mapping
from attune_service_kit.files.engine import Prepared, prepare
from attune_service_kit.lake import Lake

POSTINGS: dict[str, Any] = {
    "file": "p.csv",
    "columns": {
        "posting_id": "ID",
        "account_id": "ACCOUNT",
        "business_date": {"column": "DAY", "format": "YYYYMMDD"},
        "booked_at": "AT",
        "direction": {"column": "AMOUNT", "sign": "direction"},
        "amount_minor": {"column": "AMOUNT", "sign": "absolute"},
        "currency": {"constant": "CNY"},
        "kind": {"column": "KIND", "codes": {"01": "salary", "02": "fee"}},
        "flags": {
            "when": {
                "own_transfer": {"column": "FLAG", "equals": ["O", "B"]},
                "reversal": {"column": "FLAG", "equals": ["R", "B"]},
            }
        },
    },
}
POSTING_HEADING = "ID,ACCOUNT,DAY,AT,AMOUNT,KIND,FLAG\n"
GOOD_POSTING = "1,A1,20240131,2024-01-31T09:00:00+08:00,86000.00,01,"


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection over a lake of its own."""
    with lake_sql.connect(Lake(str(tmp_path / "lake"), tmp_path / "scratch")) as connection:
        yield connection


@pytest.fixture
def imported(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> Callable[..., Prepared]:
    """Write files (texts or bytes) into an extract and import one dataset of it."""

    def run(dataset: str, rules: dict[str, Any], **files: str | bytes) -> Prepared:
        folder = tmp_path / "extract"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            file = folder / name.replace("_", ".")
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        mapping = load_mapping({"source": "bank", "datasets": {dataset: rules}})
        return prepare(mapping, folder, dataset, con, tmp_path / "rejects")

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes; skipped where none can be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small file system, and only where the machine lets it")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def rows(con: duckdb.DuckDBPyConnection, prepared: Prepared, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of what was accepted, sorted by the first: rows of a relation have no order."""
    return con.execute(f"SELECT {', '.join(columns)} FROM {prepared.relation} ORDER BY 1").fetchall()


def rejects(prepared: Prepared) -> list[tuple[str, int, str, str, str]]:
    """File, line, column, reason, row."""
    if prepared.rejects_file is None:
        return []
    with prepared.rejects_file.open(encoding="utf-8", newline="") as file:
        heading, *found = list(csv.reader(file))
    assert heading == ["file", "line", "column", "reason", "row"]
    return [(file, int(line), column, reason, row) for file, line, column, reason, row in found]
