"""What a card says first of all: what somebody should look at before relying on the model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scoring.cards.page import Facts, page
from scoring.spec import TrainingSpec
from scoring.training import cautions
from scoring.training.metrics import measure
from scoring.training.trained import Trained

PLAIN = Trained(b"", ("aum_minor",), (), {"auc": 0.8, "base_rate": 0.2}, {"rows": {"test": 1000}}, {})
SPEC = TrainingSpec.model_validate({"model": "m", "label": {"kinds": ["x"], "within_days": 9}})


def codes(metrics: dict[str, float] | None = None, **card: Any) -> list[str]:
    trained = replace(PLAIN, metrics=PLAIN.metrics | (metrics or {}), card=PLAIN.card | card)
    return [one["code"] for one in cautions.of(trained)]


def group(ratio: float | None, rows: int = 500) -> dict[str, Any]:
    return {"group": "< 30", "rows": rows, "ratio": ratio}


@pytest.mark.parametrize(
    ("metrics", "card", "expected"),
    [
        ({}, {}, []),
        ({"auc": 0.99}, {"gain": {"aum_minor": 3.0}}, ["too_good"]),
        ({"auc": 0.99}, {}, ["too_good"]),
        ({"auc": 0.55, "auc_low": 0.48, "auc_high": 0.62, "lift": 1.9}, {}, ["tells_little"]),
        ({"auc": 0.62, "auc_low": 0.55, "auc_high": 0.69, "lift": 1.0}, {}, ["tells_little"]),
        ({"auc": 0.62, "auc_low": 0.55, "auc_high": 0.69, "lift": 1.5}, {}, []),
        ({"accuracy": 0.657, "majority": 0.649}, {}, ["tells_little"]),
        ({"accuracy": 0.75, "majority": 0.649}, {}, []),
        ({"base_rate": 0.05}, {}, ["few_responses"]),
        ({}, {"drift": {"features": {"age": 0.3, "aum_minor": 0.1}}}, ["drifts"]),
        ({}, {"fairness": {"gender": [group(1.0), group(0.7)]}}, ["groups_differ"]),
        ({}, {"fairness": {"gender": [group(1.0), group(0.7, rows=20), group(None)]}}, []),
        ({}, {"fairness": {"gender: mobile": [group(0.1)]}}, []),
        ({}, {"at_bounds": ["a", "b"]}, ["at_bounds"]),
        ({}, {"at_bounds": []}, []),
        ({"correlation": -0.4, "foretold_by_came": 2.0}, {}, ["amounts_follow_frequency", "foretold_apart"]),
        ({"correlation": 0.1, "foretold_by_came": 1.1}, {}, []),
        ({}, {"uplift": {"proved": False}}, ["not_proved"]),
        ({}, {"uplift": {"proved": True}}, []),
    ],
)
def test_each_has_its_cause(metrics: dict[str, float], card: dict[str, Any], expected: list[str]) -> None:
    assert codes(metrics, **card) == expected


def test_the_card_says_them_in_both_languages_before_anything_else_is_praised() -> None:
    card = PLAIN.card | {"at_bounds": ["a", "b"]}
    told = cautions.of(replace(PLAIN, card=card))

    shown = page(Facts(SPEC.about, "0" * 64, PLAIN.metrics, card | {"cautions": told}, {}))

    assert "do not settle a, b" in shown
    assert "无法确定参数 a, b" in shown
    assert shown.index("Look at this first") < shown.index("How good it is")
    assert "Look at this first" not in page(Facts(SPEC.about, "0" * 64, PLAIN.metrics, PLAIN.card, {}))


def test_the_aucs_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two normal laws a deviation apart: the auc is known. The sample is small, so the interval is wide."""
    draw, truth = np.random.default_rng(7), 0.76025
    held, widths = 0, []
    for _ in range(300):
        label = np.arange(200) < 40
        told = measure(label, 1 / (1 + np.exp(-draw.normal(label.astype(np.float64), 1.0))))
        held += told["auc_low"] <= truth <= told["auc_high"]
        widths.append(told["auc_high"] - told["auc_low"])

    assert 0.91 <= held / 300 <= 0.98
    assert 0.1 < np.mean(widths) < 0.25
