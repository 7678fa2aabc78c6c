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


def export(booster: lightgbm.Booster) -> bytes:
    """Return the model as ONNX: one float32 input, the two classes' probabilities as the only output."""
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
    return bytes(onnx.SerializeToString())


def check_parity(booster: Any, exported: Model, rows: NDArray[np.float32]) -> dict[str, float]:
    """Return how far the two answer apart; raises ParityBroken over the bounds.

    Held to: the score's distribution (every percentile), the typical row (99th percentile of the difference), and the
    decision that a campaign would take (who is in the top tenth).
    """
    ours = exported.score(rows)
    theirs = np.asarray(booster.predict(rows), dtype=np.float64)
    percentiles = np.linspace(0, 1, 101)
    quantile = float(np.max(np.abs(np.quantile(ours, percentiles) - np.quantile(theirs, percentiles))))
    typical = float(np.quantile(np.abs(ours - theirs), 0.99))
    agreement = float(np.mean((ours >= np.quantile(ours, 0.9)) == (theirs >= np.quantile(theirs, 0.9))))
    if quantile > LARGEST_QUANTILE_DIFFERENCE or typical > LARGEST_TYPICAL_DIFFERENCE or agreement < LEAST_AGREEMENT:
        raise ParityBroken(
            f"the ONNX model differs: quantiles by {quantile:.2g}, 99 % of rows by {typical:.2g},"
            f" decisions agree on {agreement:.4%}"
        )
    return {"quantile_difference": quantile, "typical_difference": typical, "decision_agreement": agreement}
