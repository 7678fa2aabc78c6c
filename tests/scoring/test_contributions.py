"""What each feature adds: as by hand in every order of the features, adding up to the answer, whatever trees ask."""

from collections.abc import Callable
from itertools import combinations
from math import factorial, nan
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from onnx import TensorProto, helper

from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.testing import StartService
from scoring import contributions, model, registry
from scoring.app import SERVICE
from scoring.contributions import NoTrees
from scoring.features import Floats
from scoring.outputs import Output
from scoring.spec import About, TrainingSpec
from scoring.training import multiclass
from scoring.training.examples import Examples
from scoring.training.multiclass import Choices
from scoring.training.trained import Trained
from scoring.training.trainer import train

from .test_service import job_of
from .test_uploads import onnx_bytes

NAMES = ("age", "demand_balance_minor", "tenure_days", "digital_share_90d")
CLASSES = ("counter", "mobile", "web")


def by_hand(scorer: model.Model, row: Floats, usual: Floats, sums: Callable[[Any], Any]) -> Any:
    """Shapley's value by its definition: the mean over all orders in which the row's values come in."""
    width = len(row)
    each = []
    for feature in range(width):
        others = [n for n in range(width) if n != feature]
        found: Any = 0.0
        for size in range(width):
            share = factorial(size) * factorial(width - size - 1) / factorial(width)
            for chosen in combinations(others, size):
                without, with_it = usual.copy(), usual.copy()
                without[list(chosen)] = row[list(chosen)]
                with_it[[*chosen, feature]] = row[[*chosen, feature]]
                answers = sums(scorer.answer(np.array([with_it, without])))
                found = found + share * (answers[0] - answers[1])
        each.append(found)
    return np.array(each)


def log_odds(answer: Any) -> Any:
    return np.log(answer / (1 - answer))


@pytest.fixture(scope="module")
def few(generate: Callable[..., Examples]) -> Examples:
    return generate(rows=1_500).only(NAMES)


@pytest.fixture(scope="module")
def trained(few: Examples) -> Trained:
    params = {"rounds": 12, "learning_rate": 0.2}
    spec = TrainingSpec.model_validate({"model": "m", "label": {"kinds": ["a"], "within_days": 9}, "params": params})
    return train(few, spec)


def test_of_a_probability_they_are_those_of_every_order_and_add_up(few: Examples, trained: Trained) -> None:
    scorer = model.load("m", 1, trained.features, trained.onnx)
    rows = few.only(trained.features).rows[:40].copy()
    rows[3] = nan
    usual = np.array([45, 1e6, nan, 0.3], dtype=np.float32)[: len(trained.features)]

    trees = contributions.read(trained.onnx)
    told = contributions.contributions(trees, rows, usual.tolist())

    assert trees.unit == "log_odds"
    assert np.abs(trees.answer(told.rows) - scorer.answer(rows)).max() < 1e-6
    assert told.baseline + told.each.sum(axis=1) == pytest.approx(told.rows, abs=1e-9)
    for place in (0, 3, 17):
        expected = by_hand(scorer, rows[place], usual, log_odds)
        assert told.each[place] == pytest.approx(expected, abs=2e-4), place
    assert np.abs(told.each).max() > 0.1, "it does say something"


def test_of_several_classes_each_sum_is_shared_out(few: Examples) -> None:
    examples = few
    drawn = np.random.default_rng(5).gumbel(size=(3, len(examples.label)))
    place = (
        drawn
        + np.array(
            [np.zeros(len(examples.label)), (50 - np.nan_to_num(examples.rows[:, 0])) / 9, np.ones(len(examples.label))]
        )
    ).argmax(axis=0)
    spec = TrainingSpec.model_validate(
        {"model": "m", "kind": "multiclass", "choice": {"values": CLASSES, "within_days": 9}, "params": {"rounds": 5}}
    )
    trained = multiclass.train(Choices(examples, place, CLASSES), spec)
    output = Output("class_probabilities", CLASSES)
    scorer = model.load("m", 1, trained.features, trained.onnx, output=output)
    rows = examples.only(trained.features).rows[:10]
    usual = np.full(rows.shape[1], nan, dtype=np.float32)

    told = contributions.contributions(contributions.read(trained.onnx), rows, usual.tolist())

    assert np.abs(contributions.read(trained.onnx).answer(told.rows) - scorer.answer(rows)).max() < 1e-6
    # The classes' sums are known but for what is added to all of them: their differences are by hand too.
    expected = by_hand(scorer, rows[0], usual, lambda answer: np.log(answer / answer[:, :1]))
    assert told.each[0] - told.each[0][:, :1] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("mode", ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"])
@pytest.mark.parametrize("unknown", [0, 1])
def test_whatever_a_banks_own_trees_ask(mode: str, unknown: int) -> None:
    """One question after the other about two features, with every way to compare and to take the unknown."""
    trees = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, post_transform="NONE",
        nodes_treeids=[0] * 5, nodes_nodeids=[0, 1, 2, 3, 4], nodes_featureids=[0, 1, 0, 0, 0],
        nodes_modes=[mode, mode, "LEAF", "LEAF", "LEAF"], nodes_values=[1.0, 2.0, 0.0, 0.0, 0.0],
        nodes_truenodeids=[1, 3, 0, 0, 0], nodes_falsenodeids=[2, 4, 0, 0, 0],
        nodes_missing_value_tracks_true=[unknown, 1 - unknown, 0, 0, 0], target_treeids=[0] * 3,
        target_nodeids=[2, 3, 4], target_ids=[0] * 3, target_weights=[1.0, 10.0, 100.0], base_values=[0.5],
    )  # fmt: skip
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n]) for name, n in (("x", 2), ("y", 1))]
    graph = helper.make_graph([trees], "g", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    content = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    scorer = model.load("m", 1, ("a", "b"), content, output=Output("value"))
    edges = (0.0, 1.0, 2.0, 3.0, nan)
    rows = np.array([(a, b) for a in edges for b in edges], dtype=np.float32)
    usual = np.array([1.0, nan], dtype=np.float32)

    told = contributions.contributions(contributions.read(content), rows, usual.tolist())

    assert told.rows == pytest.approx(scorer.answer(rows))
    for place, row in enumerate(rows):
        assert told.each[place] == pytest.approx(by_hand(scorer, row, usual, lambda answer: answer)), row


def test_a_model_without_trees_is_not_explained() -> None:
    with pytest.raises(NoTrees):
        contributions.read(onnx_bytes(0.1))


async def test_chosen_customers_scores_are_shared_out_by_a_job(
    start_service: StartService, bank: Lake, token: Callable[..., dict[str, str]], trained: Trained
) -> None:
    scoring = await start_service(SERVICE)
    async with scoring.runtime.database.transaction() as tx:
        await registry.register(
            tx, About("m", "propensity", "buys"), onnx=trained.onnx, sha256=trained.sha256, features=trained.features,
            metrics={}, card={}, snapshot=trained.snapshot,
        )  # fmt: skip
        await tx.conn.execute("UPDATE model_version SET state = 'champion'")
    with lake_sql.connect(bank) as con:
        lake_sql.register(con, bank, "features")
        customers = [str(row[0]) for row in con.execute("SELECT customer_id FROM features LIMIT 5").fetchall()]
    nobody = "0198c1d2-7f40-8abc-8def-0123456789ab"

    job = await job_of(
        scoring, "/v1/models/m/contributions", {"customer_ids": [*customers, nobody, nobody], "most": 2}, token
    )

    told = job["result"]
    assert (told["model"], told["version"], told["unit"], told["unknown"]) == ("m", 1, "log_odds", [nobody])
    assert [one["customer_id"] for one in told["customers"]] == customers
    for one in told["customers"]:
        said = [line["adds"] for line in one["contributions"]]
        assert 0 < len(said) <= 2
        assert one["baseline"] + sum(said) + one["others"] == pytest.approx(one["sum"], abs=1e-9)
        assert 1 / (1 + np.exp(-one["sum"])) == pytest.approx(one["score"], abs=1e-5)
        assert said == sorted(said, key=lambda adds: -abs(adds))
    assert set(told["customers"][0]["contributions"][0]) == {"feature", "adds", "zh", "en"}, "no value is told"
    answer = await scoring.client.post(
        "/v1/models/nobody/contributions",
        json={"customer_ids": [nobody]},
        headers=token("model_admin") | {"Idempotency-Key": uuid4().hex},
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "no_champion")
