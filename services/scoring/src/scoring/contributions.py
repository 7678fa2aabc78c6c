"""What each feature adds to a tree model's answer, exactly: Shapley values against a baseline, leaf by leaf.

A leaf is reached by a mixture of a row and the baseline where each feature on its path is the row's or the baseline's.
Over all orders in which the row's values may come in, a feature that only the row's value lets through gains the leaf's
weight (a-1)! b! / (a+b)! times, one that only the baseline's does loses it a! (b-1)! / (a+b)! times; `a` and `b` count
such features on the path. So they add up: the baseline's sum and all contributions are the row's sum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper

from scoring.features import Floats

Sums = NDArray[np.float64]
_LEAF = "LEAF"
_COMPARED = {
    "BRANCH_LEQ": np.less_equal, "BRANCH_LT": np.less, "BRANCH_GTE": np.greater_equal, "BRANCH_GT": np.greater,
    "BRANCH_EQ": np.equal, "BRANCH_NEQ": np.not_equal,
}  # fmt: skip
# What becomes of the trees' sums: a probability, several, or nothing.
_UNITS = {"LOGISTIC": "log_odds", "SOFTMAX": "log_odds", "NONE": "value"}


class NoTrees(Exception):
    """The model is not one sum of trees over its input: its contributions are not known exactly."""


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees by tree, the sums' weights at the leaves, and what the sums become."""

    nodes: dict[int, dict[int, "_Node"]]
    base: Sums
    unit: str
    transform: str

    def answer(self, sums: Sums) -> Sums:
        """What the model makes of the sums, one line a row."""
        if self.transform == "LOGISTIC":
            return np.asarray(1 / (1 + np.exp(-sums)))
        if self.transform == "SOFTMAX":
            told = np.exp(sums - sums.max(axis=1, keepdims=True))
            return np.asarray(told / told.sum(axis=1, keepdims=True))
        return sums


@dataclass(frozen=True)
class _Node:
    """A question and where its answers lead, or a leaf with what it adds to each sum."""

    mode: str
    feature: int
    value: np.float32
    yes: int
    no: int
    unknown_is_yes: bool
    adds: Sums

    def asked(self, column: Floats) -> NDArray[np.bool_]:
        """The answer for each value."""
        said = _COMPARED[self.mode](column, self.value)
        return np.asarray(said | np.isnan(column)) if self.unknown_is_yes else np.asarray(said)


@dataclass(frozen=True)
class Told:
    """Of each row, feature and sum what the feature adds; the sums of the baseline, and those of the rows."""

    each: Sums
    baseline: Sums
    rows: Sums


def read(content: bytes) -> Trees:
    """The trees of a model; raises NoTrees."""
    graph = onnx.load_model_from_string(content).graph
    found = [node for node in graph.node if node.op_type in ("TreeEnsembleClassifier", "TreeEnsembleRegressor")]
    if len(found) != 1 or found[0].input[0] not in {one.name for one in graph.input}:
        raise NoTrees
    return _trees(found[0])


def _trees(node: NodeProto) -> Trees:
    told: dict[str, Any] = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    part = "class" if node.op_type == "TreeEnsembleClassifier" else "target"
    transform = told.get("post_transform", b"NONE").decode()
    ids = told[f"{part}_ids"]
    # Of two classes the operator keeps the sum of one.
    places = {number: place for place, number in enumerate(sorted(set(ids)))} if transform != "SOFTMAX" else {}
    width = len(places) or int(max(ids)) + 1
    modes = [mode.decode() for mode in told["nodes_modes"]]
    if transform not in _UNITS or not {*modes} <= {_LEAF, *_COMPARED} or (transform == "LOGISTIC" and width > 1):
        raise NoTrees
    adds: dict[tuple[int, int], Sums] = {}
    leaves = (told[f"{part}_{name}"] for name in ("treeids", "nodeids", "ids", "weights"))
    for tree, leaf, number, weight in zip(*leaves, strict=True):
        adds.setdefault((tree, leaf), np.zeros(width))[places.get(number, number)] += weight
    unknown = told.get("nodes_missing_value_tracks_true") or [0] * len(modes)
    nodes: dict[int, dict[int, _Node]] = {}
    names = ("treeids", "nodeids", "featureids", "values", "truenodeids", "falsenodeids")
    lines = zip(*(told[f"nodes_{name}"] for name in names), modes, unknown, strict=True)
    for tree, number, feature, value, yes, no, mode, tracks in lines:
        leaf_adds = adds.get((tree, number), np.zeros(width))
        made = _Node(mode, feature, np.float32(value), yes, no, bool(tracks), leaf_adds)
        nodes.setdefault(tree, {})[number] = made
    base = np.zeros(width)
    if base_values := told.get("base_values"):
        base += np.asarray(base_values, dtype=np.float64)[-width:]
    return Trees(nodes, base, _UNITS[transform], transform)


def contributions(trees: Trees, rows: Floats, baseline: Sequence[float]) -> Told:
    """What each feature of each row adds, against the baseline; both as the model sees them."""
    usual = np.asarray(baseline, dtype=np.float32)[None]
    each = np.zeros((*rows.shape, len(trees.base)))
    sums, start = np.tile(trees.base, (len(rows), 1)), trees.base.copy()
    for nodes in trees.nodes.values():
        for adds, path in _leaves(nodes, rows, usual):
            ours, theirs = np.ones(len(rows), dtype=np.bool_), True
            for mine, its in path.values():
                ours, theirs = ours & mine, theirs and its
            sums[ours] += adds
            start = start + adds if theirs else start
            _shared(each, adds, path)
    return Told(each, start, sums)


_Path = dict[int, tuple[NDArray[np.bool_], bool]]


def _leaves(nodes: dict[int, _Node], rows: Floats, usual: Floats) -> Iterator[tuple[Sums, _Path]]:
    """Each leaf, and of each feature on its path whether the rows' values and the baseline's lead there."""
    targets = {below for node in nodes.values() if node.mode != _LEAF for below in (node.yes, node.no)}
    [root] = [number for number in nodes if number not in targets]
    waiting: list[tuple[int, _Path]] = [(root, {})]
    while waiting:
        number, path = waiting.pop()
        node = nodes[number]
        if node.mode == _LEAF:
            yield node.adds, path
            continue
        ours, theirs = node.asked(rows[:, node.feature]), bool(node.asked(usual[:, node.feature])[0])
        before = path.get(node.feature, (np.ones(len(rows), dtype=np.bool_), True))
        for below, mine, its in ((node.yes, ours, theirs), (node.no, ~ours, not theirs)):
            waiting.append((below, path | {node.feature: (before[0] & mine, before[1] and its)}))


def _shared(each: Sums, adds: Sums, path: _Path) -> None:
    """Give a leaf's weight to the features that lead there or keep from it."""
    gains = {feature: mine for feature, (mine, its) in path.items() if not its}
    losses = {feature: ~mine for feature, (mine, its) in path.items() if its}
    reached = np.ones(len(each), dtype=np.bool_)
    for mine in gains.values():  # the baseline does not lead there: the row must
        reached &= mine
    if not reached.any():
        return
    # All of `gains` come from the row; of the others those that the row would not let through.
    a = len(gains)
    kept = np.sum(list(losses.values()), axis=0) if losses else np.zeros(len(each))
    b = np.where(reached, kept, 0).astype(np.int64)
    if a:
        share = np.array([1 / (a * comb(a + n, a)) for n in range(b.max() + 1)])[b]
        for feature in gains:
            each[reached, feature] += share[reached, None] * adds
    if b.max():
        share = np.array([0.0, *(1 / (n * comb(a + n, n)) for n in range(1, b.max() + 1))])[b]
        for feature, away in losses.items():
            lost = reached & away
            each[lost, feature] -= share[lost, None] * adds
