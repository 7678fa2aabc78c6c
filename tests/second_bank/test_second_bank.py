"""Another core system needs another mapping file and nothing else: the same bank relabelled, re-ordered, re-coded."""

import importlib.util
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from attune_contracts.datasets import DATASETS, IMPORT_ORDER
from attune_service_kit import lake_sql
from attune_service_kit.files import load_mapping
from attune_service_kit.files.engine import Prepared, prepare
from attune_service_kit.lake import Lake
from eventing import lake_history
from eventing.judging import Rule

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("ATTUNE_REAL_DATA", ROOT.parent / "shared" / "data"))
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not (REAL / "berka").is_dir(), reason="ATTUNE_REAL_DATA names no folder with berka/"),
]
FIRST = ("1002969", date(1993, 8, 19), 3_578_400, 3_561_514)
LARGEST = ("452745", date(1994, 1, 22), 4_960_500, 733_653)


def relabel(target: Path) -> None:
    """Write the second bank's files."""
    spec = importlib.util.spec_from_file_location("relabel", Path(__file__).with_name("relabel.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write(REAL / "berka", target)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, Any]]]:
    """Each dataset of both banks as tables first_… and second_…, and what came of reading them."""
    place = tmp_path_factory.mktemp("banks")
    relabel(place / "second")
    banks = {
        "first": (load_mapping(ROOT / "mappings" / "berka.yaml"), REAL / "berka"),
        "second": (load_mapping(Path(__file__).with_name("second.yaml")), place / "second"),
    }
    found: dict[str, dict[str, Prepared]] = {}
    with lake_sql.connect(Lake(str(place / "lake"), place / "scratch")) as con:
        for bank, (mapping, folder) in banks.items():
            for name in (name for name in IMPORT_ORDER if name in mapping.datasets):
                with prepare(mapping, folder, name, con, place / bank) as prepared:
                    con.execute(f"CREATE TABLE {bank}_{name} AS SELECT * FROM {prepared.relation}")
                found.setdefault(bank, {})[name] = prepared
        yield con, found


def test_no_row_is_lost_on_either_way(both: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    _, found = both
    first, second = ({name: (p.read, p.rejected) for name, p in found[bank].items()} for bank in ("first", "second"))
    assert first == second
    assert all(rejected == 0 for _, rejected in first.values())


@pytest.mark.parametrize("dataset", ["regions", "branches", "products", "parties", "accounts", "account_parties",
                                     "holdings", "loans", "cards", "standing_orders", "transactions"])  # fmt: skip
def test_the_rows_are_the_same(both: tuple[duckdb.DuckDBPyConnection, dict[str, Any]], dataset: str) -> None:
    con, _ = both
    names = ", ".join(DATASETS[dataset].names) if dataset != "parties" else "* EXCLUDE (name)"
    for one, other in (("first", "second"), ("second", "first")):
        more = f"SELECT {names} FROM {one}_{dataset} EXCEPT ALL SELECT {names} FROM {other}_{dataset}"
        assert con.execute(f"{more} LIMIT 3").fetchall() == [], f"{one} has rows that {other} has not"


@pytest.mark.parametrize("bank", ["first", "second"])
@pytest.mark.parametrize(("cooldown", "expected"), [(0, 140), (30, 106)])
def test_the_same_large_deposits_are_found(
    both: tuple[duckdb.DuckDBPyConnection, dict[str, Any]], bank: str, cooldown: int, expected: int
) -> None:
    con, _ = both
    con.execute(f"CREATE OR REPLACE VIEW transactions AS SELECT * FROM {bank}_transactions")
    con.execute(f"CREATE OR REPLACE VIEW account_owner AS SELECT * FROM {bank}_accounts")
    rule = Rule("large-deposit", cooldown_days=cooldown)
    lake_history.prepare(con, rule, "CZK", date(1994, 4, 1))
    judged = lake_history.judge(con, rule)
    hits = [hit for one in judged.values() for hit in one.standing()]
    assert len(hits) == expected
    if cooldown:
        return
    assert len({account for one in judged.values() for account in one.accounts.values()}) == 85
    told = sorted((date.fromordinal(hit.day), hit.key, hit.amount, hit.compared_with) for hit in hits)
    day, key, amount, mean = told[0]
    assert (key, day, amount, mean) == FIRST
    day, key, amount, mean = max(told, key=lambda hit: hit[2] / hit[3])
    assert (key, day, amount, mean) == LARGEST


def test_each_days_closing_sum_meets_a_recorded_balance(
    both: tuple[duckdb.DuckDBPyConnection, dict[str, Any]],
) -> None:
    """Over the whole ledger: the running sum at a day's end is, within 1.00, what one of the day's rows records."""
    con, _ = both
    days, missed, widest = con.execute("""
        WITH signed AS (
            SELECT *, CASE direction WHEN 'credit' THEN amount_minor ELSE -amount_minor END AS net
            FROM second_transactions),
        closing AS (
            SELECT account_id, business_date, sum(sum(net)) OVER (PARTITION BY account_id ORDER BY business_date) AS sum
            FROM signed GROUP BY account_id, business_date),
        met AS (
            SELECT c.account_id, c.business_date, min(abs(c.sum - s.balance_minor)) AS off
            FROM closing c JOIN signed s USING (account_id, business_date) GROUP BY ALL)
        SELECT count(*), count(*) FILTER (off > 100), max(off) FROM met""").fetchall()[0]
    assert days > 30_000
    assert (missed, widest <= 100) == (0, True)
