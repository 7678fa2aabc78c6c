"""From LightGBM to ONNX, and the gate that refuses a file which does not answer like the model it came from."""

from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from scoring.model import Model
from scoring.training.trained import ParityBroken

INPUT = "input"
SCORES = "probabilities"

# ONNX trees hold float32 thresholds: single rows at a threshold may fall to the other side, quantiles may not move.
LARGEST_QUANTILE_DIFFERENCE = 1e-4
LARGEST_TYPICAL_DIFFERENCE = 1e-5
LEAST_AGREEMENT = 0.999


def export(booster: lightgbm.Booster, slope: float = 1.0, intercepts: tuple[float, ...] = (0.0,)) -> bytes:
    """Return the model as ONNX: one float32 input, the classes' probabilities as the only output.

    Slope and intercepts, of the trees' sums, become part of the leaves: nothing is added to the graph.
    """
    width = booster.num_feature()
    inputs = [(INPUT, FloatTensorType([None, width]))]
    # The graph's default name is random: with one of ours the same model is the same bytes.
    onnx = convert_lightgbm(booster, name="attune", initial_types=inputs, zipmap=False)
    # The converter lists the operator sets in an order that changes from process to process.
    opsets = sorted(onnx.opset_import, key=lambda opset: opset.domain)
    del onnx.opset_import[:]
    onnx.opset_import.extend(opsets)
    for output in [o for o in onnx.graph.output if o.name != SCORES]:
        onnx.graph.output.remove(output)
    if [o.name for o in onnx.graph.output] != [SCORES]:
        raise ParityBroken("the export has no output of probabilities")
    if slope != 1.0 or any(intercepts):
        _fold(onnx, slope, intercepts)
    return bytes(onnx.SerializeToString())


def _fold(onnx: Any, slope: float, intercepts: tuple[float, ...]) -> None:
    [trees] = [node for node in onnx.graph.node if node.op_type == "TreeEnsembleClassifier"]
    attributes = {attribute.name: attribute for attribute in trees.attribute}
    of_tree, weights = attributes["class_treeids"].ints, attributes["class_weights"].floats
    # Of several classes the first round has a tree each, in their order.
    first = dict(enumerate(intercepts))
    moved = [slope * weight + first.get(tree, 0.0) for tree, weight in zip(of_tree, weights, strict=True)]
    del weights[:]
    weights.extend(moved)


def check_parity(fitted: Any, exported: Model, rows: NDArray[np.float32]) -> dict[str, float]:
    """Return how far the two answer apart; raises ParityBroken over the bounds.

    Held to: the scores' distribution (every percentile), the typical row (99th percentile of the difference), and the
    decision that a campaign would take (who is in the top tenth; of several classes, which is likeliest).
    """
    ours = exported.answer(rows)
    theirs = np.asarray(fitted.predict(rows), dtype=np.float64).reshape(len(rows), -1)
    percentiles = np.linspace(0, 1, 101)
    moved = np.quantile(ours, percentiles, axis=0) - np.quantile(theirs, percentiles, axis=0)
    quantile = float(np.max(np.abs(moved)))
    typical = float(np.quantile(np.abs(ours - theirs).max(axis=1), 0.99))
    agreement = float(np.mean(_decided(ours) == _decided(theirs)))
    if quantile > LARGEST_QUANTILE_DIFFERENCE or typical > LARGEST_TYPICAL_DIFFERENCE or agreement < LEAST_AGREEMENT:
        raise ParityBroken(
            f"the ONNX model differs: quantiles by {quantile:.2g}, 99 % of rows by {typical:.2g},"
            f" decisions agree on {agreement:.4%}"
        )
    return {"quantile_difference": quantile, "typical_difference": typical, "decision_agreement": agreement}


def _decided(answer: NDArray[np.float64]) -> NDArray[Any]:
    if answer.shape[1] > 1:
        return np.asarray(answer.argmax(axis=1))
    # The bound is a row's own score: beside it a last digit decides nothing.
    return np.asarray(answer[:, 0] >= np.quantile(answer[:, 0], 0.9) - LARGEST_TYPICAL_DIFFERENCE)
