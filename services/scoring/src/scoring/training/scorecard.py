"""The kind `scorecard`: how likely is a default? Points for each feature's bin, added up; a person can check each.

Logistic regression over weights of evidence of monotone bins. Exported as one small tree a feature: an equal row has an
equal answer however it is batched, and reasons by occlusion are exact, since the features add up.
"""

from dataclasses import dataclass
from datetime import date
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

from scoring import model
from scoring.spec import Points, SpecRefused, TrainingSpec
from scoring.training import classifier, reports
from scoring.training.binning import Bins, bins
from scoring.training.examples import Examples
from scoring.training.exporting import INPUT, SCORES, check_parity
from scoring.training.fitting import check_enough, refused_features
from scoring.training.metrics import measure
from scoring.training.over_time import with_stability
from scoring.training.source import Source
from scoring.training.trained import Say, Trained
from scoring.training.trainer import specs_for

LEAST_VALUE = 0.02
"""Information value below which a feature tells next to nothing."""
_BELOW_ALL = -3.4e38
_OPSETS = (("", 15), ("ai.onnx.ml", 1))


@dataclass(frozen=True)
class Card:
    """The fitted scorecard: the log-odds of bad are `intercept` less each feature's `weight` times its bin's woe."""

    names: tuple[str, ...]
    bins: tuple[Bins, ...]
    weights: tuple[float, ...]
    intercept: float

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of bad of each row."""
        odds = np.full(len(rows), self.intercept)
        for index, (one, weight) in enumerate(zip(self.bins, self.weights, strict=True)):
            odds -= weight * one.woe[one.of(rows[:, index])]
        return np.asarray(1 / (1 + np.exp(-odds)))


def learn(source: Source, spec: TrainingSpec, say: Say) -> Trained:
    """Read, fit, export, measure; raises SpecRefused, ParityBroken."""
    as_of, examples = classifier.read(source, spec)
    say(f"{len(examples.label)} examples of {as_of or 'the file'}")
    return with_stability(train(examples, spec, as_of), source, spec)


def train(examples: Examples, spec: TrainingSpec, as_of: date | None = None) -> Trained:
    """Train on the examples. Raises SpecRefused where the data cannot serve, ParityBroken where the export differs."""
    check_enough(examples)
    refused = dict(examples.refused) | refused_features(examples)
    used = examples.only(tuple(name for name in examples.names if name not in refused))
    card, dropped = fit(used)
    refused |= dropped
    used = used.only(card.names)
    onnx = export(card)
    exported = model.load(spec.model, 0, card.names, onnx)
    parity = check_parity(card, exported, used.rows)
    score = exported.score(used.rows[used.test])
    label = used.label[used.test]
    measured = measure(label, score)
    metrics = measured | {"gini": 2 * measured["auc"] - 1, "rows": len(used.label), "features": len(card.names)}
    told = {
        "spec": spec.model_dump(mode="json"),
        "target": spec.target,
        "rows": {"train": int((~used.test).sum()), "test": int(used.test.sum())},
        "positives": int(used.label.sum()),
        "parity": parity,
        "scorecard": points(card, spec.points),
        "gain": {name: round(one.value, 5) for name, one in zip(card.names, card.bins, strict=True)},
        "levels": {name: list(levels) for name, levels in used.levels.items() if name in card.names},
        # Whom a lender takes are those least likely to fail.
        "fairness": reports.fairness(_turned(examples), 1 - score),
        "roc": reports.roc(label, score),
        "calibration": reports.calibration(label, score),
        "drift": reports.drift(used, exported.score_many(used.rows[~used.test]), score),
        "stability": reports.stability(used, score),
        "traits": reports.traits(used),
    }
    about = {"dataset": spec.dataset, "as_of": as_of.isoformat() if as_of else None}
    return Trained(
        onnx, card.names, specs_for(spec, card.names), metrics, told, reports.snapshot(used, score, about),
        as_of=as_of, refused=[{"feature": name, "reason": reason} for name, reason in refused.items()],
    )  # fmt: skip


def fit(examples: Examples) -> tuple[Card, dict[str, str]]:
    """Return the scorecard of the training rows, and which features it does without: `weak`, or `contrary`.

    Contrary: beside the others its weight would turn round what its own bins say; points that rise with risk are no
    reason that anybody could be given.
    """
    train_rows = ~examples.test
    rows, bad = examples.rows[train_rows], examples.label[train_rows]
    found = {name: bins(rows[:, index], bad) for index, name in enumerate(examples.names)}
    dropped = {name: "weak" for name, one in found.items() if one.value < LEAST_VALUE}
    while names := tuple(name for name in examples.names if name not in dropped):
        woe = np.column_stack([found[n].woe[found[n].of(rows[:, examples.names.index(n)])] for n in names])
        fitted = LogisticRegression(C=10.0, max_iter=1000).fit(woe, bad)
        weights = -fitted.coef_[0]
        if (weights > 0).all():
            weighed = tuple(float(weight) for weight in weights)
            return Card(names, tuple(found[n] for n in names), weighed, float(fitted.intercept_[0])), dropped
        dropped[names[int(np.argmin(weights))]] = "contrary"
    raise SpecRefused("no feature tells who fails", "没有可区分违约的特征")


def points(card: Card, scale: Points) -> dict[str, Any]:
    """The table that a person can add up: the points of each bin; together with the base odds they are the score."""
    factor = scale.double_odds / log(2)
    shared = (scale.base_points - factor * log(scale.base_odds) - factor * card.intercept) / len(card.names)
    features = []
    for name, one, weight in zip(card.names, card.bins, card.weights, strict=True):
        edges = [None, *one.edges.tolist(), None]
        lines = [
            {
                "above": edges[place] if place <= len(one.edges) else None,
                "up_to": edges[place + 1] if place <= len(one.edges) else None,
                "unknown": place > len(one.edges),
                "rows": int(one.rows[place]),
                "bad": int(one.bad[place]),
                "woe": float(one.woe[place]),
                "points": round(factor * weight * float(one.woe[place]) + shared),
            }
            for place in range(len(one.woe))
        ]
        features.append({"feature": name, "value": one.value, "weight": weight, "bins": lines})
    return scale.model_dump() | {"features": features}


def export(card: Card) -> bytes:
    """Return the scorecard as ONNX: one tree a feature, of comparisons with its bins' edges."""
    nodes = _Nodes()
    # The runtime takes leaves that are all positive for probabilities: two of them cancel out and are not.
    apart = 1.0 + abs(card.intercept)
    nodes.leaf(nodes.tree(), card.intercept - apart)
    nodes.leaf(nodes.tree(), apart)
    for index, (one, weight) in enumerate(zip(card.bins, card.weights, strict=True)):
        nodes.steps(index, one, weight)
    trees = helper.make_node(
        "TreeEnsembleClassifier", [INPUT], ["label", SCORES], domain="ai.onnx.ml", name="scorecard",
        post_transform="LOGISTIC", classlabels_int64s=[0, 1], **nodes.attributes(),
    )  # fmt: skip
    graph = helper.make_graph(
        [trees],
        "attune",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(card.names)])],
        [helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, [None, 2])],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


class _Nodes:
    """Trees as the operator wants them: parallel lists, a line a node."""

    def __init__(self) -> None:
        self._trees = 0
        self._next = 0
        self._lines: list[tuple[int, int, int, str, float, int, int, int]] = []
        self._leaves: list[tuple[int, int, float]] = []

    def tree(self) -> int:
        self._trees, self._next = self._trees + 1, 0
        return self._trees - 1

    def leaf(self, tree: int, weight: float) -> None:
        self._leaves.append((tree, self._next, weight))
        self._lines.append((tree, self._next, 0, "LEAF", 0.0, 0, 0, 0))
        self._next += 1

    def steps(self, feature: int, one: Bins, weight: float) -> None:
        """Is it unknown? Then: is it up to the first edge, to the second …? Each yes is a leaf."""
        tree = self.tree()
        told = [-weight * float(woe) for woe in one.woe]
        for edge, leaf, unknown in [(_BELOW_ALL, told[-1], 1), *((float(e), w, 0) for e, w in zip(one.edges, told))]:  # noqa: B905 - the last bins have no edge
            at = self._next
            self._lines.append((tree, at, feature, "BRANCH_LEQ", edge, at + 1, at + 2, unknown))
            self._next += 1
            self.leaf(tree, leaf)
        self.leaf(tree, told[-2])

    def attributes(self) -> dict[str, Any]:
        tree, node, feature, mode, value, yes, no, unknown = (list(column) for column in zip(*self._lines, strict=True))
        return {
            "nodes_treeids": tree, "nodes_nodeids": node, "nodes_featureids": feature, "nodes_modes": mode,
            "nodes_values": value, "nodes_truenodeids": yes, "nodes_falsenodeids": no,
            "nodes_missing_value_tracks_true": unknown, "nodes_hitrates": [1.0] * len(tree),
            "class_treeids": [t for t, _, _ in self._leaves], "class_nodeids": [n for _, n, _ in self._leaves],
            "class_ids": [0] * len(self._leaves), "class_weights": [w for _, _, w in self._leaves],
        }  # fmt: skip


def _turned(examples: Examples) -> Examples:
    return Examples(
        examples.names, examples.rows, ~examples.label, examples.test, examples.levels, examples.groups
    )  # fmt: skip
