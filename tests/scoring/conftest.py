"""A generated training table with a known signal, and the same as a lake."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from attune_contracts.datasets import ACCOUNTS, FEATURES, TRANSACTIONS
from attune_contracts.identifiers import uuid8_sql
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.lake_sql import quote
from scoring.features import NUMERIC
from scoring.training.examples import Examples


def make_examples(rows: int = 6_000, seed: int = 7) -> Examples:
    """Customers whose log-odds to buy rise with balance and youth; the other features are noise, some unknown."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(rows, len(NUMERIC)))
    table[:, NUMERIC.index("age")] = rng.integers(18, 80, rows)
    table[:, NUMERIC.index("demand_balance_minor")] = np.exp(rng.normal(14, 1, rows)).round()
    signal = (
        1.6 * (np.log(table[:, NUMERIC.index("demand_balance_minor")]) - 14)
        - 0.06 * (table[:, NUMERIC.index("age")] - 45)
        - 2.0
    )
    label = rng.random(rows) < 1 / (1 + np.exp(-signal))
    table[rng.random(table.shape) < 0.03] = np.nan
    test = rng.random(rows) < 0.25
    return Examples(NUMERIC, table.astype(np.float32), label, test)


@pytest.fixture(scope="session")
def examples() -> Examples:
    """6,000 examples, always the same."""
    return make_examples()


@pytest.fixture(scope="session")
def generate() -> Callable[..., Examples]:
    """Make other examples of the same kind."""
    return make_examples


AS_OF = date(2026, 1, 31)
LAST_DAY = date(2026, 3, 15)
CUSTOMERS = 3_000


def fill_lake(lake: Lake, as_of: date = AS_OF) -> None:
    """Write a snapshot, accounts and postings of 3,000 customers; who is rich and young tends to buy in February."""
    with lake_sql.connect(lake) as con:
        con.execute("SELECT setseed(0.42)")
        id_of = uuid8_sql(quote("test-bank"), quote("party"), "'C' || i")
        con.execute(
            "CREATE TABLE bank AS SELECT i, 20 + i * 7 % 60 AS age, (exp(12 + random() * 4))::BIGINT AS balance,"
            f" random() AS luck, {id_of} AS customer_id"
            f" FROM range({CUSTOMERS}) t(i)"
        )
        given = {
            "customer_id": "customer_id",
            "as_of": f"DATE '{as_of}'",
            "branch_id": "'B1'",
            "age": "age",
            "tenure_days": "1000 + i % 900",
            "demand_balance_minor": "balance",
            "aum_90d_minor": "balance",
            "digital_share_90d": "CASE WHEN i % 5 > 0 THEN (i % 11) / 10.0 END",
            "holds_wealth": "i % 7 = 0",
            "value_quadrant": "'D'",
            "lifecycle": "'mature'",
        }
        zero = {"BIGINT": "i % 13 * 1000", "INTEGER": "i % 17", "BOOLEAN": "i % 2 = 0", "DOUBLE": "0.5"}
        columns = ", ".join(f"{given.get(c.name, zero.get(c.type))} AS {c.name}" for c in FEATURES.columns)
        lake_sql.write_query(con, lake, FEATURES, f"as_of={as_of}", f"SELECT {columns} FROM bank", as_of=as_of)
        lake_sql.write_query(
            con, lake, ACCOUNTS, "all",
            "SELECT 'a' || i AS account_id, 'a' || i AS source_id, customer_id, 'B1' AS branch_id, 'demand' AS kind,"
            " 'CNY' AS currency, NULL AS opened_on, NULL AS closed_on, 0 AS opening_balance_minor FROM bank",
            as_of=LAST_DAY,
        )  # fmt: skip
        buyers = "luck < 1 / (1 + exp(2 - 1.8 * (ln(balance) - 14) + 0.06 * (age - 50)))"
        lake_sql.write_query(
            con, lake, TRANSACTIONS, "month=2026-02",
            "SELECT 'p' || i AS posting_id, 'a' || i AS account_id, DATE '2026-02-01' + (i % 28)::INTEGER"
            " AS business_date, NULL AS booked_at, 'debit' AS direction, 500000 AS amount_minor, 'CNY' AS currency,"
            f" CASE WHEN {buyers} THEN 'wealth_purchase' ELSE 'card_payment' END AS kind, 'mobile' AS channel,"
            " []::VARCHAR[] AS flags, NULL AS reverses, NULL AS balance_minor FROM bank"
            f" UNION ALL SELECT 'last', 'a0', DATE '{LAST_DAY}', NULL, 'credit', 1, 'CNY', 'interest', NULL, [],"
            " NULL, NULL",
            as_of=LAST_DAY,
        )  # fmt: skip


@pytest.fixture
def bank(lake_dir: Path, tmp_path: Path) -> Lake:
    """The lake of the generated bank: customers C0, C1 … of the source `test-bank`."""
    lake = Lake(str(lake_dir), tmp_path / "filling")
    fill_lake(lake)
    return lake


@pytest.fixture
def snapshot() -> Callable[[Lake, date], None]:
    """Add a snapshot of another day, with the same values."""
    return fill_lake
