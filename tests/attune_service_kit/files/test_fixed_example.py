"""The worked example of a core system of the old school: GB18030, fixed width, organisations, households, prospects."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from attune_service_kit.files import load_mapping
from attune_service_kit.files.checking import check
from attune_service_kit.files.engine import prepare

from .conftest import rejects, rows

ROOT = Path(__file__).parents[3]
EXTRACT = ROOT / "mappings" / "fixed"
COUNTS = {
    "branches": (3, 0), "products": (2, 0), "households": (2, 0), "parties": (6, 0), "accounts": (7, 0),
    "holdings": (2, 0), "consents": (4, 0), "transactions": (9, 1), "behaviours": (4, 1),
}  # fmt: skip


def test_the_extract_is_what_its_script_says() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "fixed_extract.py"), "--check"]
    assert subprocess.run(script, check=False).returncode == 0, "run python scripts/fixed_extract.py"


def test_every_record_is_read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = list(check(load_mapping(ROOT / "mappings" / "fixed.yaml"), EXTRACT, con, tmp_path))
    assert {one.dataset: (one.read, one.rejected) for one in found} == COUNTS


def test_parties_of_every_kind_have_what_belongs_to_them(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    mapping = load_mapping(ROOT / "mappings" / "fixed.yaml")
    with prepare(mapping, EXTRACT, "parties", con, tmp_path) as parties:
        assert rows(con, parties, "source_id", "party_kind", "name", "birth_date", "gender", "household_role") == [
            ("1", "person", "赵一鸣", date(1980, 3, 7), "male", "head"),
            ("2", "person", "钱二妹", date(1985, 11, 20), "female", "partner"),
            ("3", "person", "孙三羊", date(2012, 5, 1), "male", "child"),
            ("4", "person", "李四光", date(1970, 2, 28), "male", "head"),
            ("5", "organisation", "朝阳精工有限公司", None, None, None),
            ("6", "prospect", "周五", None, None, None),
        ]
        assert rows(con, parties, "source_id", "legal_form", "industry", "prospect_source", "legal_basis")[4:] == [
            ("5", "1130", "C34", None, None),
            ("6", None, None, "外部名单 2025", "consent"),
        ]


@pytest.mark.parametrize("account", ["8000000000000006", "6217000000000002"])
def test_balances_have_the_side_that_another_column_says(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, account: str
) -> None:
    with prepare(load_mapping(ROOT / "mappings" / "fixed.yaml"), EXTRACT, "accounts", con, tmp_path) as accounts:
        balances = dict(rows(con, accounts, "source_id", "opening_balance_minor"))
    assert balances[account] == {"8000000000000006": -200_000_000, "6217000000000002": 380_055}[account]


def test_own_transfers_maturities_and_reversals_are_told_apart(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with prepare(load_mapping(ROOT / "mappings" / "fixed.yaml"), EXTRACT, "transactions", con, tmp_path) as postings:
        assert rows(con, postings, "posting_id", "flags", "reverses")[1:7] == [
            ("2", [], None),
            ("3", [], None),
            ("4", ["own_transfer", "maturity"], None),
            ("5", ["own_transfer", "maturity"], None),
            ("6", [], None),
            ("7", ["reversal"], "6"),
        ]
        assert rejects(postings)[0][:4] == ("POST01.DAT", 9, "DAY", "is not a date in the form YYYYMMDD")
