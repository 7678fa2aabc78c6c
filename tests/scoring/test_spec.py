"""The training spec: what it admits, and the guard against a label that the features have seen."""

from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

from scoring.features import NUMERIC
from scoring.spec import Kind, SpecRefused, TrainingSpec, choose_snapshot, label_window
from scoring.training.kinds import MODULES

SHIPPED = Path(__file__).parents[2] / "specs" / "propensity-purchase.yaml"
AS_OF = date(2026, 1, 31)
BASE: dict[str, Any] = {"model": "propensity-x", "label": {"kinds": ["wealth_purchase"], "within_days": 30}}


def spec(**changes: Any) -> TrainingSpec:
    return TrainingSpec.model_validate(BASE | changes)


def test_the_shipped_spec_is_valid_and_takes_every_numeric_feature() -> None:
    shipped = TrainingSpec.model_validate(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))

    assert shipped.model == "propensity-purchase"
    assert shipped.target == f"time_deposit_opened_or_wealth_purchase_within_{shipped.event.within_days}_days"
    assert shipped.features == NUMERIC
    assert not {"customer_id", "as_of", "branch_id", "value_quadrant"} & set(NUMERIC)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"model": "Propensity X"}, ("model",)),
        ({"features": ["age", "customer_id"]}, ("features",)),
        ({"features": ["age", "age"]}, ("features",)),
        ({"features": []}, ("features",)),
        ({"label": {"kinds": [], "within_days": 30}}, ("label", "kinds")),
        ({"label": {"kinds": ["x"], "within_days": 0}}, ("label", "within_days")),
        ({"split": {"by": "row"}}, ("split",)),
        ({"params": {"objective": "regression"}}, ("params", "objective")),
        ({"lable": {}}, ("lable",)),
        ({"kind": "oracle"}, ("kind",)),
    ],
)
def test_a_wrong_spec_is_refused_at_its_place(changes: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        spec(**changes)

    assert refused.value.errors()[0]["loc"] == place


@pytest.mark.parametrize(
    ("name", "kind", "purpose"),
    [
        ("channel-preference", "multiclass", "channel"),
        ("churn-assets-gone", "classifier", "churn"),
        ("lookalike-time-deposit", "lookalike", "lookalike"),
        ("propensity-time-deposit", "classifier", "propensity"),
        ("propensity-wealth", "classifier", "propensity"),
    ],
)
def test_a_shipped_spec_is_valid_and_bears_its_files_name(name: str, kind: str, purpose: str) -> None:
    shipped = TrainingSpec.model_validate(yaml.safe_load((SHIPPED.parent / f"{name}.yaml").read_text(encoding="utf-8")))

    assert (shipped.model, shipped.kind, shipped.about.purpose) == (name, kind, purpose)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"kind": "multiclass"}, ()),
        ({"leaving": {"had_minor": 5, "has_minor": 1, "within_days": 9}}, ()),
        ({"leaving": {"had_minor": 5, "has_minor": 5, "within_days": 9}}, ("leaving",)),
        ({"choice": {"values": ["web", "web"], "within_days": 9}}, ("choice",)),
        ({"seeds": {"kinds": ["x"], "since": "2026-01-01"}}, ("seeds",)),
    ],
)
def test_a_label_that_is_none_or_another_kinds_is_refused(changes: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        spec(**changes)

    assert refused.value.errors()[0]["loc"] == place


def test_every_kind_that_a_spec_may_name_is_trained_by_a_function() -> None:
    assert set(MODULES) == set(get_args(Kind))
    with pytest.raises(ValidationError, match="should be 'classifier'"):
        spec(kind="oracle")


def test_the_label_begins_the_day_after_the_snapshot_and_ends_inside_the_ledger() -> None:
    label = spec().event

    assert label_window(label, AS_OF, date(2026, 3, 2)) == (date(2026, 2, 1), date(2026, 3, 2))
    with pytest.raises(SpecRefused, match="not inside the ledger, which ends on 2026-03-01"):
        label_window(label, AS_OF, date(2026, 3, 1))
    with pytest.raises(SpecRefused, match="ends on no day"):
        label_window(label, AS_OF, None)


@pytest.mark.parametrize("starts_on", [AS_OF, date(2025, 12, 1)])
def test_a_window_that_the_features_have_seen_is_refused(starts_on: date) -> None:
    label = spec(label={"kinds": ["wealth_purchase"], "within_days": 30, "starts_on": starts_on}).event

    with pytest.raises(SpecRefused, match="the label would leak"):
        label_window(label, AS_OF, date(2027, 1, 1))


def test_the_snapshot_is_the_named_one_or_the_newest_with_room() -> None:
    days = [date(2025, 12, 31), AS_OF, date(2026, 2, 28)]

    assert choose_snapshot(spec(), days, date(2026, 3, 2)) == AS_OF
    assert choose_snapshot(spec(as_of=date(2025, 12, 31)), days, date(2026, 3, 2)) == date(2025, 12, 31)
    with pytest.raises(SpecRefused, match="no feature snapshot of 2026-01-30"):
        choose_snapshot(spec(as_of=date(2026, 1, 30)), days, None)
    with pytest.raises(SpecRefused, match="no feature snapshot leaves 30 days"):
        choose_snapshot(spec(), days, date(2026, 1, 15))
