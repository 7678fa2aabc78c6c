"""The other kinds of classification: which of several, who is alike, and a scorecard that a person can add up."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import onnx
import pytest
import yaml

from scoring import model
from scoring.cards.page import page
from scoring.cards.parts import Facts
from scoring.outputs import Output
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import lookalike, multiclass, scorecard
from scoring.training.binning import bins
from scoring.training.examples import Examples
from scoring.training.files import read_file
from scoring.training.multiclass import Choices
from scoring.training.trained import Trained
from scoring.vetting import graph, probes

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")
CHANNELS = ("counter", "mobile", "web")


def spec_of(**changes: Any) -> TrainingSpec:
    return TrainingSpec.model_validate({"model": "m", "params": {"rounds": 20}} | changes)


CHOICE = spec_of(kind="multiclass", purpose="channel", choice={"values": CHANNELS, "within_days": 30})
SEEDS = spec_of(
    kind="lookalike", purpose="lookalike", seeds={"kinds": ["bought"], "since": "2026-01-01", "until": "2026-02-01"}
)
DEFAULTS = spec_of(kind="scorecard", purpose="credit", label={"kinds": ["default"], "within_days": 365})


def vetted(trained: Trained, output: Output) -> model.Model:
    """The model as it is served; what is trained must pass what is asked of an upload."""
    assert graph.read(trained.onnx, len(trained.features)).reasons == []
    loaded = model.load("m", 1, trained.features, trained.onnx, output=output, specs=trained.specs)
    assert probes.check(loaded, probes.rows(trained.specs))[0] == []
    return loaded


@pytest.fixture(scope="module")
def choices(generate: Callable[..., Examples]) -> Choices:
    """The young take the telephone, the rich the counter, others either or the web."""
    examples = generate(rows=2_400)
    column = dict(zip(examples.names, examples.rows.T, strict=True))
    drawn = np.random.default_rng(5).gumbel(size=(3, len(examples.label)))
    rich = np.log(np.nan_to_num(column["demand_balance_minor"], nan=1e6)) - 14
    pull = drawn + np.array([rich, (50 - np.nan_to_num(column["age"])) / 12, np.zeros(len(rich))])
    return Choices(replace(examples, label=np.ones_like(examples.label)), pull.argmax(axis=0), CHANNELS)


@pytest.fixture(scope="module")
def few(choices: Choices) -> Choices:
    """The same by three features: quick to learn from."""
    return replace(choices, examples=choices.examples.only(("age", "demand_balance_minor", "tenure_days")))


def test_of_several_classes_each_has_its_probability(choices: Choices) -> None:
    trained = multiclass.train(choices, CHOICE)

    assert trained.output == Output("class_probabilities", CHANNELS)
    assert trained.metrics["auc"] > 0.7
    assert trained.metrics["accuracy"] > trained.metrics["majority"] + 0.1
    loaded = vetted(trained, trained.output)
    rows = choices.examples.only(trained.features).rows[choices.examples.test]
    answer = loaded.answer(rows)
    assert answer.sum(axis=1) == pytest.approx(1, abs=1e-5)
    said = {name: loaded.likeliest(answer).count(name) for name in CHANNELS}
    assert [(one["class"], one["foretold"]) for one in trained.card["classes"]] == list(said.items())
    assert trained.card["parity"]["decision_agreement"] == 1
    assert list(trained.card["fairness"]) == [f"age: {name}" for name in CHANNELS]
    mobile = {line["group"]: line["selection_rate"] for line in trained.card["fairness"]["age: mobile"]}
    assert mobile["< 30"] > mobile["30 to 60"] > mobile[">= 60"], "the young take the telephone"
    told = page(Facts(CHOICE.about, trained.sha256, trained.metrics, trained.card, trained.snapshot))
    assert all(f"<td>{name}</td>" in told for name in CHANNELS)


def test_probabilities_of_several_classes_are_made_honest_inside_the_trees(few: Choices) -> None:
    # Boosted too fast, the trees are too sure of themselves.
    hasty = CHOICE.model_copy(
        update={"params": CHOICE.params.model_copy(update={"rounds": 15, "learning_rate": 0.6, "num_leaves": 31})}
    )

    plain = multiclass.train(few, hasty.model_copy(update={"calibration": "none"}))
    honest = multiclass.train(few, hasty)

    told = honest.card["calibration"]
    assert (told["method"], "method" in plain.card["calibration"]) == ("softmax", False)
    assert 0 < told["slope"] < 0.7
    assert list(told["intercepts"]) == list(CHANNELS)
    assert sum(told["intercepts"].values()) == pytest.approx(0, abs=1e-9)
    assert told["error"] < 0.5 * told["error_before"]
    assert told["error_before"] == pytest.approx(plain.card["calibration"]["error"], abs=1e-6)
    assert honest.metrics["log_loss"] < 0.95 * told["log_loss_before"]
    assert told["log_loss_before"] == pytest.approx(plain.metrics["log_loss"], abs=1e-6)
    assert honest.card["parity"]["decision_agreement"] > 0.999
    graphs = [onnx.load_from_string(trained.onnx).graph.node for trained in (honest, plain)]
    assert [node.op_type for node in graphs[0]] == [node.op_type for node in graphs[1]], "nothing beside the trees"
    # What the exported model says is the softmax of the plain one's sums, moved by what the card says.
    rows = few.examples.only(honest.features).rows[few.examples.test]
    before, after = (vetted(trained, trained.output).answer(rows) for trained in (plain, honest))
    moved = told["slope"] * np.log(before) + np.array(list(told["intercepts"].values()))
    expected = np.exp(moved) / np.exp(moved).sum(axis=1, keepdims=True)
    assert np.abs(after - expected).max() < 1e-4
    html = page(Facts(hasty.about, honest.sha256, honest.metrics, honest.card, honest.snapshot))
    assert all(f"{name} {told['intercepts'][name]:.4g}" in html for name in CHANNELS)


def test_rounds_of_several_classes_are_chosen_without_the_rows_that_are_tested(few: Choices) -> None:
    params = CHOICE.params.model_copy(update={"rounds": 60, "learning_rate": 0.5, "early_stopping": 3})
    spec = CHOICE.model_copy(update={"params": params})
    turned = replace(few, place=np.where(few.examples.test, 2 - few.place, few.place))

    trained, other = multiclass.train(few, spec), multiclass.train(turned, spec)

    assert 1 < trained.card["rounds"] < 60
    assert trained.sha256 == other.sha256, "the same bytes, whatever the tested rows say"


def test_a_class_that_hardly_anybody_takes_is_named(choices: Choices) -> None:
    with pytest.raises(SpecRefused, match="too few examples of web in the training part: 0"):
        multiclass.train(replace(choices, place=np.minimum(choices.place, 1)), CHOICE)


def test_the_alike_are_found_whether_they_were_named_or_not(generate: Callable[..., Examples]) -> None:
    examples = generate(rows=4_000)
    alike = examples.label
    seed = alike & (np.random.default_rng(2).random(len(alike)) < 0.4)

    trained = lookalike.train(replace(examples, label=seed), SEEDS)

    # The best tenth holds several times as many of the held-back seeds as chance would, and many who were not named.
    assert trained.metrics["recall_top_decile"] > 0.3
    assert trained.metrics["recall_top_decile"] < trained.metrics["recall_top_fifth"]
    rows, test = examples.only(trained.features).rows, examples.test
    score = vetted(trained, trained.output).score(rows[test])
    unnamed = ~seed[test]
    best = np.argsort(-score[unnamed])[:50]
    assert alike[test][unnamed][best].mean() > 2 * alike[test][unnamed].mean()
    told = trained.card["alike"]
    assert told["seeds"] == seed[test].sum()
    assert 0.1 < told["named_share"] < 0.6


def test_bins_are_monotone_hold_enough_and_give_the_unknown_their_own() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=3_000).astype(np.float32)
    bad = rng.random(3_000) < 1 / (1 + np.exp(2 + values))
    values[:300] = np.nan

    found = bins(values, bad)

    assert 3 <= len(found.edges) + 1 <= 7
    assert np.all(np.diff(found.woe[:-1]) > 0)
    assert found.rows.sum() == 3_000
    assert found.rows[:-1].min() >= 0.05 * 2_700
    assert found.rows[-1] == 300
    assert found.of(np.array([-9, found.edges[0], 9, np.nan], dtype=np.float32)).tolist() == [
        0, 0, len(found.edges), len(found.edges) + 1,
    ]  # fmt: skip
    assert bins(np.ones(50, dtype=np.float32), bad[:50]).value == 0


def test_a_scorecard_adds_up_to_what_the_model_says(generate: Callable[..., Examples]) -> None:
    examples = generate(rows=3_000)

    trained = scorecard.train(examples, DEFAULTS)

    assert trained.metrics["auc"] > 0.75
    assert {"age", "demand_balance_minor"} <= set(trained.features)
    assert {one["reason"] for one in trained.refused} <= {"weak", "contrary"}
    table = {one["feature"]: one["bins"] for one in trained.card["scorecard"]["features"]}
    assert all(one["weight"] > 0 for one in trained.card["scorecard"]["features"])
    # The older fail less often here: points only rise, or stay, with age.
    ages = [line["points"] for line in table["age"] if not line["unknown"]]
    assert ages == sorted(ages)
    row = examples.only(trained.features).rows[:200]
    score = vetted(trained, trained.output).score(row)
    points = [sum(_points(table[n], v) for n, v in zip(trained.features, values, strict=True)) for values in row]
    odds = np.log((1 - score) / score)
    expected = 600 + 20 / np.log(2) * (odds - np.log(50))
    assert np.abs(np.array(points) - expected).max() <= 0.5 * len(trained.features)
    assert DEFAULTS.about.risk_class == "high_risk"


def _points(lines: list[dict[str, Any]], value: float) -> int:
    for line in lines:
        inside = (line["above"] is None or value > line["above"]) and (line["up_to"] is None or value <= line["up_to"])
        if line["unknown"] if np.isnan(value) else inside and not line["unknown"]:
            return int(line["points"])
    raise AssertionError(value)


def test_german_credit() -> None:
    raw = REAL_DATA / "german-credit" / "german.data.gz"
    if not raw.exists():
        pytest.skip("no public data: set ATTUNE_REAL_DATA")
    wanted = yaml.safe_load((SPECS / "scorecard-german-credit.yaml").read_text(encoding="utf-8"))
    wanted["file"] |= {"file_id": str(uuid4()), "sha256": hashlib.sha256(raw.read_bytes()).hexdigest()}
    spec = TrainingSpec.model_validate(wanted)

    trained = scorecard.train(read_file(raw, spec), spec)

    assert trained.metrics["rows"] == 1_000
    assert trained.metrics["base_rate"] == pytest.approx(0.3, abs=0.05)
    assert trained.metrics["auc"] > 0.78
    refused = {one["feature"]: one["reason"] for one in trained.refused}
    assert {name for name, reason in refused.items() if reason == "protected"} == {"age", "status_sex", "foreign"}
    assert set(trained.card["fairness"]) == {"age", "status_sex", "foreign"}
    vetted(trained, trained.output)
