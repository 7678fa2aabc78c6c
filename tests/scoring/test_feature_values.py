"""Rows of feature values: by name, complete, typed, finite; what is wrong is named."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_contracts.datasets import FEATURES
from scoring.feature_specs import FeatureSpec, specs_of
from scoring.feature_values import NAMED, Fault, Ordinary, matrix, rows_of
from scoring.features import NUMERIC

WANTED = ("holds_wealth", "demand_balance_minor", "age", "digital_share_90d")
GOOD = {"age": 45, "demand_balance_minor": 8_600_000, "holds_wealth": True, "digital_share_90d": 0.25}


def test_values_stand_in_the_models_order_and_null_is_unknown() -> None:
    rows = matrix(specs_of(WANTED), [GOOD, dict(reversed(GOOD.items())), GOOD | {"age": None, "digital_share_90d": 1}])
    assert not isinstance(rows, list)
    assert rows.dtype == np.float32
    assert rows[0].tolist() == rows[1].tolist() == [1.0, 8_600_000.0, 45.0, 0.25]
    assert np.isnan(rows[2, 2])
    assert rows[2, 3] == 1.0


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"no_such_feature": 1}, Fault(0, "no_such_feature", "unknown")),
        ({"customer_id": "x"}, Fault(0, "customer_id", "unknown")),
        ({"tenure_days": 100}, Fault(0, "tenure_days", "extra")),
        ({"age": "45"}, Fault(0, "age", "wrong_type")),
        ({"age": 45.5}, Fault(0, "age", "wrong_type")),
        ({"age": True}, Fault(0, "age", "wrong_type")),
        ({"age": [45]}, Fault(0, "age", "wrong_type")),
        ({"holds_wealth": 1}, Fault(0, "holds_wealth", "wrong_type")),
        ({"age": 2**31}, Fault(0, "age", "out_of_range")),
        ({"demand_balance_minor": 2**63}, Fault(0, "demand_balance_minor", "out_of_range")),
        ({"digital_share_90d": float("nan")}, Fault(0, "digital_share_90d", "not_finite")),
        ({"digital_share_90d": float("-inf")}, Fault(0, "digital_share_90d", "not_finite")),
        ({"digital_share_90d": 1e300}, Fault(0, "digital_share_90d", "out_of_range")),
    ],
)
def test_each_fault_is_named(changed: dict[str, object], fault: Fault) -> None:
    assert matrix(specs_of(WANTED), [GOOD | changed]) == [fault]


def test_what_is_missing_is_named_and_the_rows_are_told_apart() -> None:
    without = {name: value for name, value in GOOD.items() if name != "age"}
    assert matrix(specs_of(WANTED), [GOOD, without, GOOD | {"age": "x"}]) == [
        Fault(1, "age", "missing"),
        Fault(2, "age", "wrong_type"),
    ]
    missing = [Fault(r, name, "missing") for r in range(5) for name in WANTED]
    assert matrix(specs_of(WANTED), [{}] * 100) == missing[:NAMED]


def test_every_feature_that_a_model_may_use_has_a_type_that_is_known_here() -> None:
    types = {c.name: c.type for c in FEATURES.columns}
    sample = {"BOOLEAN": False, "INTEGER": 1, "BIGINT": 1, "DOUBLE": 0.5}
    row = {name: sample[types[name]] for name in NUMERIC}
    assert not isinstance(matrix(specs_of(NUMERIC), [row]), list)


SPECS = (*specs_of(WANTED), FeatureSpec(name="needed", nullable=False))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.sampled_from(["45", [1], 2**31, -(2**63)])
)
FITTING = st.fixed_dictionaries(
    {
        "holds_wealth": st.booleans() | st.none(),
        "demand_balance_minor": st.integers(-(2**62), 2**62) | st.none(),
        "age": st.integers(-(2**30), 2**30) | st.none(),
        "digital_share_90d": st.floats(-1e18, 1e18) | st.integers(-(2**62), 2**62) | st.none(),
        "needed": st.floats(-1e18, 1e18),
    }
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FITTING, min_size=1, max_size=4))
def test_rows_without_a_fault_are_read_at_once_to_the_same_bits(rows: list[dict[str, Any]]) -> None:
    alike = [{name: row[name] for name in rows[0]} for row in rows]
    slowly, at_once = matrix(SPECS, rows), Ordinary(SPECS).read(alike)
    assert at_once is not None
    assert not isinstance(slowly, list)
    assert slowly.tobytes() == at_once.tobytes()
    columns = {name: [row[name] for row in rows] for name in reversed(rows[0])}
    by_feature = Ordinary(SPECS).read_columns(columns)
    assert by_feature is not None
    assert by_feature.flags.c_contiguous
    assert slowly.tobytes() == by_feature.tobytes()
    assert [dict(row) for row in rows_of(columns) or ()] == rows


@settings(max_examples=300, deadline=None)
@given(st.lists(FITTING, max_size=2), FITTING, st.sampled_from([*WANTED, "needed", "agee"]), VALUES, st.booleans())
def test_what_has_a_fault_is_never_read_at_once(
    others: list[dict[str, Any]], row: dict[str, Any], name: str, value: Any, without: bool
) -> None:
    changed = {n: v for n, v in row.items() if n != name} if without else row | {name: value}
    slowly, at_once = matrix(SPECS, [*others, changed]), Ordinary(SPECS).read([*others, changed])
    columns = {n: [each.get(n) for each in (*others, changed)] for n in changed}
    for found in (at_once, None if without else Ordinary(SPECS).read_columns(columns)):
        if found is not None:
            assert not isinstance(slowly, list)
            assert slowly.tobytes() == found.tobytes()


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"alone": []},
        {"alone": [1.0, 2.0], "other": [1.0]},
        {"alone": 1.0},
        {"alone": {"0": 1.0}},
        {"other": [1.0]},
        {"alone": [None]},
        {"alone": [True]},
        {"alone": [1.0, "2"]},
        {"alone": [10**400]},
        {"alone": [float("nan")]},
    ],
)
def test_columns_that_are_none_are_never_read_at_once(columns: dict[str, Any]) -> None:
    assert Ordinary((FeatureSpec(name="alone", nullable=False),)).read_columns(columns) is None


def test_one_feature_is_read_at_once_too() -> None:
    one = (FeatureSpec(name="alone"),)
    assert Ordinary(one).read([{"alone": 0.5}]) == np.float32(0.5)
    assert Ordinary(one).read([[0.5]]) is None  # type: ignore[list-item]


@pytest.mark.parametrize("rows", [[{}], [{}, {}]])
def test_rows_without_a_value_are_not_read_at_once_by_a_model_that_has_read_none(rows: list[dict[str, object]]) -> None:
    assert Ordinary(SPECS).read(rows, finite=True) is None
    assert Ordinary(SPECS[:1]).read(rows, finite=True) is None


def test_rows_that_are_written_unlike_are_left_to_the_slower_way() -> None:
    ordinary, row = Ordinary(SPECS), GOOD | {"needed": 1.0}
    turned = dict(reversed(row.items()))
    assert ordinary.read([row, turned]) is None
    first, second = ordinary.read([row]), ordinary.read([turned])
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()
