"""Training: it finds a known signal, twice the same; what leaks, is too little, or differs in ONNX is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest

from scoring import model
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training.calibrating import Calibrated, fit
from scoring.training.examples import Examples
from scoring.training.exporting import check_parity, export
from scoring.training.trained import ParityBroken, Trained
from scoring.training.trainer import train

SPEC = TrainingSpec.model_validate(
    {"model": "propensity-test", "label": {"kinds": ["wealth_purchase"], "within_days": 30}, "seed": 3}
)

PLAIN = SPEC.model_copy(update={"calibration": "none", "params": SPEC.params.model_copy(update={"rounds": 30})})


@pytest.fixture(scope="module")
def trained(examples: Examples) -> Trained:
    return train(examples, SPEC)


def test_the_signal_is_found_and_measured(trained: Trained) -> None:
    metrics = trained.metrics

    assert metrics["auc"] > 0.80
    assert metrics["ks"] > 0.45
    assert metrics["lift"] == pytest.approx(metrics["top_decile_response"] / metrics["base_rate"])
    assert metrics["lift"] > 2
    assert metrics["brier"] < metrics["base_rate"] * (1 - metrics["base_rate"])
    assert (metrics["rows"], metrics["features"]) == (6_000, len(trained.features))
    gain = trained.card["gain"]
    assert sorted(gain, key=gain.__getitem__)[-2:] in (["age", "demand_balance_minor"], ["demand_balance_minor", "age"])


def test_the_same_table_and_spec_give_the_same_bytes(examples: Examples, trained: Trained) -> None:
    again = train(examples, SPEC)

    assert again.sha256 == trained.sha256
    assert again.metrics == trained.metrics


def test_nothing_in_the_bytes_depends_on_the_process(trained: Trained) -> None:
    # Seen: operator sets listed in the order of a hash that changes with every process.
    domains = [opset.domain for opset in onnx.load_from_string(trained.onnx).opset_import]

    assert domains == ["", "ai.onnx.ml"]


def test_the_onnx_model_answers_with_one_probability_a_row_however_they_are_batched(
    examples: Examples, trained: Trained
) -> None:
    scorer = model.load("propensity-test", 1, trained.features, trained.onnx)
    rows = examples.only(trained.features).rows[:500]
    together = scorer.score(rows)

    assert ((together >= 0) & (together <= 1)).all()
    assert np.array_equal(together, np.concatenate([scorer.score(row[None]) for row in rows]))
    assert scorer.score(rows[:0]).shape == (0,)


def test_a_feature_that_has_seen_the_answer_is_refused(examples: Examples) -> None:
    leaking = examples.rows.copy()
    column = examples.names.index("purchases_365d")
    leaking[:, column] = examples.label
    # A code that neither rises nor falls with the answer: 1 is yes, 0 and 2 are no.
    hidden = examples.names.index("postings_90d")
    leaking[:, hidden] = np.where(examples.label, 1, np.arange(len(examples.label)) % 2 * 2)
    leaking[:, examples.names.index("holds_wealth")] = 1

    result = train(replace(examples, rows=leaking), SPEC)

    assert {(r["feature"], r["reason"]) for r in result.refused} == {
        ("purchases_365d", "leak"),
        ("postings_90d", "leak"),
        ("holds_wealth", "constant"),
    }
    assert not {"purchases_365d", "postings_90d", "holds_wealth"} & set(result.features)
    assert result.metrics["auc"] < 0.99


def test_too_few_buyers_are_refused(examples: Examples) -> None:
    with pytest.raises(SpecRefused, match="too few examples in the training part: 0 positive"):
        train(replace(examples, label=np.zeros_like(examples.label)), SPEC)


class Perturbed:
    """A trained model whose answers are moved a little, as by a faulty converter."""

    def __init__(self, booster: Any, move: Callable[[np.ndarray], np.ndarray]) -> None:
        self.booster, self.move = booster, move

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.move(self.booster.predict(rows))


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(lambda p: p + 0.001, id="every score a little higher"),
        pytest.param(lambda p: np.where(np.arange(len(p)) % 20 == 0, 1 - p, p), id="one row in twenty turned over"),
        pytest.param(lambda p: p[::-1], id="the same scores for other rows"),
        pytest.param(lambda p: np.full_like(p, p.mean()), id="one score for all"),
    ],
)
def test_an_export_that_answers_differently_is_refused(
    examples: Examples, move: Callable[[np.ndarray], np.ndarray]
) -> None:
    booster = fit(examples, PLAIN)
    exported = model.load("propensity-test", 0, examples.names, export(booster.booster))

    assert check_parity(booster, exported, examples.rows)["decision_agreement"] > 0.999
    with pytest.raises(ParityBroken, match="the ONNX model differs"):
        check_parity(Perturbed(booster, move), exported, examples.rows)


def test_an_export_of_another_model_is_refused(examples: Examples, generate: Callable[..., Examples]) -> None:
    booster = fit(examples, PLAIN)
    other = model.load("propensity-test", 0, examples.names, export(fit(generate(seed=8), PLAIN).booster))

    with pytest.raises(ParityBroken):
        check_parity(booster, other, examples.rows)


def test_a_sigmoid_inside_the_trees_makes_probabilities_honest_and_keeps_the_order(examples: Examples) -> None:
    # Boosted too fast, the trees are too sure of themselves.
    params = SPEC.params.model_copy(update={"rounds": 60, "learning_rate": 0.4, "num_leaves": 63})
    hasty = SPEC.model_copy(update={"params": params})

    plain = train(examples, hasty.model_copy(update={"calibration": "none"}))
    honest = train(examples, hasty)

    told = honest.card["calibration"]
    assert (told["method"], "method" in plain.card["calibration"]) == ("platt", False)
    assert 0 < told["slope"] < 0.7
    assert told["error"] < 0.4 * told["error_before"]
    assert told["error_before"] == pytest.approx(plain.card["calibration"]["error"], abs=1e-6)
    assert honest.metrics["brier"] < plain.metrics["brier"]
    assert honest.metrics["auc"] == pytest.approx(plain.metrics["auc"], abs=1e-4)
    assert honest.card["parity"]["decision_agreement"] > 0.999
    assert [n.op_type for n in onnx.load_from_string(honest.onnx).graph.node] == [
        n.op_type for n in onnx.load_from_string(plain.onnx).graph.node
    ]


def test_how_long_is_learned_is_chosen_without_the_rows_that_are_tested(examples: Examples) -> None:
    params = SPEC.params.model_copy(update={"rounds": 400, "learning_rate": 0.2, "early_stopping": 10})
    spec = SPEC.model_copy(update={"params": params})
    turned = replace(examples, label=np.where(examples.test, ~examples.label, examples.label))

    chosen, other = fit(examples, spec), fit(turned, spec)

    assert 5 < chosen.booster.num_trees() < 200
    assert chosen.booster.model_to_string() == other.booster.model_to_string()
    assert (chosen.slope, chosen.intercepts) == (other.slope, other.intercepts)


def test_what_no_order_tells_is_not_turned_round(generate: Callable[..., Examples]) -> None:
    noise = generate(rows=1_500)
    lots = np.random.default_rng(1).random(len(noise.label)) < 0.5
    fitted = fit(replace(noise, label=lots), PLAIN.model_copy(update={"calibration": "platt"}))

    assert isinstance(fitted, Calibrated)
    assert fitted.slope > 0
