"""What banks train is let through: trees, linear models, networks, in every kind of answer; probes know the edges."""

import hashlib
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from scoring.feature_specs import FeatureSpec, specs_of
from scoring.model import load
from scoring.outputs import Output
from scoring.spec import TrainingSpec
from scoring.training.calibrating import fit
from scoring.training.examples import Examples
from scoring.training.exporting import export
from scoring.vetting import graph, probes
from scoring.vetting.sandbox import Suspect, Verdict, ask

FEATURES = ("age", "demand_balance_minor", "digital_share_90d")


def bytes_of(model: Any, rows: np.ndarray) -> bytes:
    """The model as the guide says it is exported: one output, the probabilities or the value."""
    from skl2onnx import to_onnx

    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    made = to_onnx(model, rows[:1].astype(np.float32), options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    for output in made.graph.output[:-1]:
        made.graph.output.remove(output)
    return bytes(made.SerializeToString())


@pytest.fixture(scope="module")
def verdicts(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    some = examples.only(FEATURES)
    rows, label = some.rows[:600], some.label[:600]
    filled = np.nan_to_num(rows)
    third = np.digitize(filled[:, 0], [35, 55])
    spec = TrainingSpec.model_validate(
        {"model": "m", "label": {"kinds": ["x"], "within_days": 1}, "params": {"rounds": 20}}
    )

    def pipeline(last: Any) -> Any:
        return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), last)

    value = Output("value")
    three = Output("class_probabilities", ("young", "middle", "old"))
    made: dict[str, tuple[bytes, Output]] = {
        "LightGBM": (export(fit(some, spec).booster), Output()),
        "logistic": (bytes_of(pipeline(LogisticRegression()).fit(rows, label), rows), Output()),
        "forest": (
            bytes_of(pipeline(RandomForestClassifier(10, max_depth=4, random_state=1)).fit(rows, label), rows),
            Output(),
        ),
        "network": (
            bytes_of(pipeline(MLPClassifier((8,), max_iter=20, random_state=1)).fit(rows, label), rows),
            Output(),
        ),
        "three classes": (bytes_of(pipeline(LogisticRegression()).fit(rows, third), rows), three),
        "value": (
            bytes_of(pipeline(GradientBoostingRegressor(n_estimators=5, random_state=1)).fit(rows, third), rows),
            value,
        ),
    }
    folder = tmp_path_factory.mktemp("vetted")
    suspects = []
    for number, (content, output) in enumerate(made.values()):
        (folder / str(number)).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        suspects.append(Suspect(folder / str(number), digest, specs_of(FEATURES), output))
    return dict(zip(made, ask(suspects), strict=True))


@pytest.mark.parametrize("name", ["LightGBM", "logistic", "forest", "network", "three classes", "value"])
def test_what_a_bank_trains_is_let_through(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[name].reasons == []
    assert verdicts[name].facts["nodes"] > 0


@pytest.mark.parametrize(("bound", "reasons"), [(inf, []), (-inf, []), (nan, ["weights"])])
def test_a_tree_may_ask_whether_a_value_is_known(bound: float, reasons: list[str]) -> None:
    """LightGBM parts the unknown from the known by a bound that no value exceeds."""
    trees = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[bound, 0.0, 0.0], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[0.1, 0.9],
    )  # fmt: skip
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in ("x", "y")]
    made = helper.make_model(
        helper.make_graph([trees], "g", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=8,
    )

    found = graph.read(made.SerializeToString(), 1)

    assert [reason.code for reason in found.reasons] == reasons
    assert found.facts["tensors"]["inputs"] == [{"name": "x", "type": "float", "shape": [None, 1]}]
    assert found.facts["tensors"]["outputs"] == [{"name": "y", "type": "float", "shape": [None, 1]}]


def test_an_equal_row_has_an_equal_answer_alone_and_among_others(examples: Examples) -> None:
    """Of matrix products too, whose sums depend on how many rows there are; the other tests hold it for trees."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.nan_to_num(examples.only(FEATURES).rows[:500])
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, np.digitize(rows[:, 0], [35, 55]))
    loaded = load("m", 1, FEATURES, bytes_of(fitted, rows), output=Output("class_probabilities", ("a", "b", "c")))
    together = loaded.answer(rows)

    assert loaded.held.one_by_one
    assert np.array_equal(together, np.concatenate([loaded.answer(row[None]) for row in rows]))
    assert np.array_equal(together, loaded.answer_many(rows))


def test_probes_lie_inside_the_specs_and_on_every_edge() -> None:
    specs = [
        FeatureSpec(name="visits", type="INTEGER", min=0, max=60, nullable=False),
        FeatureSpec(name="share", min=0.25, max=0.5),
        FeatureSpec(name="balance", type="BIGINT"),
        FeatureSpec(name="flag", type="BOOLEAN"),
    ]
    rows = probes.rows(specs)
    drawn, edges = rows[: probes.DRAWN], rows[probes.DRAWN :]

    assert np.array_equal(rows, probes.rows(specs), equal_nan=True)
    assert np.isfinite(drawn).all()
    assert ((drawn[:, 0] >= 0) & (drawn[:, 0] <= 60) & (drawn[:, 0] == drawn[:, 0].round())).all()
    assert ((drawn[:, 1] >= 0.25) & (drawn[:, 1] <= 0.5)).all()
    assert set(drawn[:, 3].tolist()) == {0.0, 1.0}
    assert not np.isnan(rows[:, 0]).any()
    assert np.isnan(edges[:, 1:]).all(axis=1).any()
    assert [np.nanmin(rows[:, 2]), np.nanmax(rows[:, 2])] == [np.float32(-1e15), np.float32(1e15)]
