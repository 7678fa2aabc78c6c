"""The training table read from the lake's views: the label's window, undone purchases, the division by customer."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest

from attune_contracts.datasets import DATASETS
from attune_service_kit.lake import Lake
from scoring.settings import ScoringSettings
from scoring.spec import SpecRefused, TrainingSpec, label_window
from scoring.training.classifier import read, window_of
from scoring.training.examples import read_answers, read_examples
from scoring.training.source import Source

AS_OF = date(2026, 1, 31)
CUSTOMERS = 400
SPEC = TrainingSpec.model_validate(
    {
        "model": "propensity-test",
        "label": {"kinds": ["wealth_purchase", "time_deposit_opened"], "within_days": 30},
        "features": ["age", "digital_share_90d", "holds_wealth"],
    }
)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as con:
        for name in ("features", "accounts", "transactions", "parties"):
            columns = ", ".join(f"{c.name} {c.type}" for c in DATASETS[name].columns)
            con.execute(f"CREATE TABLE {name} ({columns})")
        con.execute(
            "INSERT INTO features BY NAME SELECT 'c' || lpad(i::VARCHAR, 3, '0') AS customer_id, 20 + i % 50 AS age,"
            " CASE WHEN i % 2 = 0 THEN 0.5 END AS digital_share_90d, i % 3 = 0 AS holds_wealth"
            f" FROM range({CUSTOMERS}) t(i)"
        )
        con.execute(
            "INSERT INTO accounts BY NAME SELECT 'a' || customer_id[2:] AS account_id, customer_id FROM features"
        )
        yield con


def buy(
    con: duckdb.DuckDBPyConnection, customer: int, day: date, kind: str = "wealth_purchase", reverses: str | None = None
) -> str:
    posting = f"p{customer}-{day}-{kind}"
    con.execute(
        "INSERT INTO transactions BY NAME SELECT ? AS posting_id, ? AS account_id, ? AS business_date, ? AS kind,"
        " ? AS reverses",
        [posting, f"a{customer:03d}", day, kind, reverses],
    )
    return posting


def test_the_label_is_a_purchase_inside_the_window_that_was_not_undone(con: duckdb.DuckDBPyConnection) -> None:
    window = label_window(SPEC.label, AS_OF, date(2026, 3, 2))
    buy(con, 1, AS_OF)
    buy(con, 2, AS_OF + timedelta(days=1))
    buy(con, 3, AS_OF + timedelta(days=30), "time_deposit_opened")
    buy(con, 4, AS_OF + timedelta(days=31))
    buy(con, 5, AS_OF + timedelta(days=5), "salary")
    undone = buy(con, 6, AS_OF + timedelta(days=5))
    buy(con, 6, AS_OF + timedelta(days=6), reverses=undone)
    buy(con, 2, AS_OF + timedelta(days=2))

    examples = read_examples(con, SPEC, window)

    assert np.flatnonzero(examples.label).tolist() == [2, 3]


def asked(**changes: Any) -> TrainingSpec:
    return TrainingSpec.model_validate({"model": "m", "features": ["age"]} | changes)


def test_who_leaves_had_enough_and_has_next_to_nothing_at_the_end(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE features SET aum_minor = CASE WHEN customer_id < 'c004' THEN 1000 ELSE 10 END")
    con.execute("UPDATE accounts SET kind = CASE WHEN customer_id = 'c002' THEN 'loan' ELSE 'demand' END")
    for customer, direction in ((1, "debit"), (2, "debit"), (3, "debit"), (3, "credit")):
        buy(con, customer, AS_OF + timedelta(days=2), f"moved_{direction}")
        con.execute("UPDATE transactions SET amount_minor = 950, direction = split_part(kind, '_', 2)")
    leaving = {"had_minor": 500, "has_minor": 50, "within_days": 30}

    spec = asked(purpose="churn", leaving=leaving)
    examples = read_examples(con, spec, label_window(spec.leaving, AS_OF, date(2026, 3, 2)))

    # Of the four who had enough: the second's loan is no asset, the third's money came back.
    assert examples.label.tolist() == [False, True, False, False]
    assert spec.target == "assets_gone_within_30_days"


def test_a_class_is_the_channel_used_most_and_who_uses_none_is_left_out(con: duckdb.DuckDBPyConnection) -> None:
    for customer, channel in ((1, "web"), (1, "web"), (1, "counter"), (2, "web"), (2, "counter"), (3, "pigeon")):
        buy(con, customer, AS_OF + timedelta(days=3), channel)
    con.execute("UPDATE transactions SET channel = kind")
    spec = asked(kind="multiclass", choice={"values": ["counter", "web"], "within_days": 10})

    examples, answer = read_answers(con, spec, (AS_OF + timedelta(days=1), AS_OF + timedelta(days=10)))

    assert answer.tolist() == [2, 1]
    assert examples.rows[:, 0].tolist() == [21, 22]


def test_seeds_are_a_seasons_buyers_or_named_one_by_one(con: duckdb.DuckDBPyConnection) -> None:
    buy(con, 7, AS_OF + timedelta(days=1), "time_deposit_opened")
    season = {"kinds": ["time_deposit_opened"], "since": "2026-02-01", "until": "2026-02-28"}
    spec = asked(kind="lookalike", seeds=season)
    window = window_of(spec, AS_OF, date(2026, 3, 2))
    assert np.flatnonzero(read_examples(con, spec, window).label).tolist() == [7]
    with pytest.raises(SpecRefused, match="the label would leak"):
        window_of(spec, date(2026, 2, 3), date(2026, 3, 2))

    named = "0190a7c2-7b1e-7d35-8f04-5a6b9c2d1e3f"
    con.execute("UPDATE features SET customer_id = ? WHERE customer_id = 'c000'", [named])
    spec = asked(kind="lookalike", seeds={"customers": [named]})
    assert window_of(spec, AS_OF, None) is None
    assert read_examples(con, spec, None).label.sum() == 1


def test_features_are_float32_in_the_specs_order_and_null_is_nan(con: duckdb.DuckDBPyConnection) -> None:
    examples = read_examples(con, SPEC, (AS_OF, AS_OF))

    assert examples.rows.dtype == np.float32
    assert examples.rows.shape == (CUSTOMERS, 3)
    assert examples.rows[0].tolist() == [20, 0.5, 1]
    assert np.isnan(examples.rows[1, 1])
    assert examples.only(("holds_wealth",)).rows[:3, 0].tolist() == [1, 0, 0]


def test_the_division_depends_on_customer_and_seed_alone(con: duckdb.DuckDBPyConnection) -> None:
    before = read_examples(con, SPEC, (AS_OF, AS_OF)).test
    con.execute("DELETE FROM features WHERE age % 2 = 0")
    odd = np.arange(CUSTOMERS) % 2 == 1
    after = read_examples(con, SPEC, (AS_OF, AS_OF)).test
    other = read_examples(con, SPEC.model_copy(update={"seed": 2}), (AS_OF, AS_OF)).test

    assert np.array_equal(before[odd], after)
    assert not np.array_equal(after, other)
    assert 0.15 < before.mean() < 0.35


SETTINGS = ScoringSettings.model_construct(memory_limit="200MB")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"as_of": "2026-01-30"}, r"no feature snapshot of 2026-01-30 \(newest: 2026-01-31\)"),
        ({"label": {"kinds": ["wealth_purchase"], "within_days": 60}}, "leaves 60 days of ledger"),
    ],
)
def test_a_lake_that_cannot_serve_the_spec_is_refused(bank: Lake, change: dict[str, Any], words: str) -> None:
    spec = TrainingSpec.model_validate(SPEC.model_dump(exclude_unset=True) | change)

    with pytest.raises(SpecRefused, match=words):
        read(Source(bank, SETTINGS.model_copy(update={"scratch": bank.scratch})), spec)


def test_the_newest_snapshot_with_room_is_read_from_the_lake(bank: Lake) -> None:
    as_of, examples = read(Source(bank, SETTINGS.model_copy(update={"scratch": bank.scratch})), SPEC)

    assert as_of == AS_OF
    assert len(examples.label) == 3_000
    assert 0.1 < examples.label.mean() < 0.5
