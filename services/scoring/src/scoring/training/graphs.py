"""Models as ONNX graphs that no converter makes: a builder of nodes, and a weighted sum of boosted trees.

Only operators that look at one row at a time: an equal row has an equal answer, whatever stands beside it (P-32).
"""

from collections.abc import Sequence

import lightgbm
import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto, NodeProto, TensorProto, compose, helper, numpy_helper
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

INPUT = "input"
OPSET, IR = 17, 8
_ML = "ai.onnx.ml"


class Graph:
    """Nodes in the order in which they were added; names are counted, so that the same model is the same bytes."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.ml = 0

    def constant(self, value: ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """Add a constant of this type; return its name."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Add a node; return the name of what it gives."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def trees(self, booster: lightgbm.Booster, number: int) -> str:
        """Add boosted trees over the input; return one column: the positive class's probability, or the value."""
        inputs = [(INPUT, FloatTensorType([None, self.width]))]
        converted = convert_lightgbm(booster, name="attune", initial_types=inputs, zipmap=False)
        part = compose.add_prefix(converted, f"t{number}_", rename_inputs=False)
        self.nodes += part.graph.node
        self.constants += part.graph.initializer
        self.ml = max(self.ml, *(opset.version for opset in part.opset_import if opset.domain == _ML))
        found = [output.name for output in part.graph.output]
        if len(found) == 1:
            return str(found[0])
        return self.add("Gather", found[1], self.constant([1], np.int64), axis=1)

    def model(self, output: str, columns: int) -> bytes:
        """The bytes of the model that answers with `output`, float32 of so many columns."""
        answer = helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, columns])
        asked = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, self.width])
        graph = helper.make_graph(self.nodes, "attune", [asked], [answer], self.constants)
        opsets = [helper.make_opsetid("", OPSET)] + ([helper.make_opsetid(_ML, self.ml)] if self.ml else [])
        made: ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=IR)
        return bytes(made.SerializeToString())


def weighted_trees(parts: Sequence[tuple[float, lightgbm.Booster]], lowest: float, highest: float) -> bytes:
    """The sum of the boosters' answers, each times its weight, held to a range."""
    graph = Graph(parts[0][1].num_feature())
    sums: list[str] = []
    for number, (weight, booster) in enumerate(parts):
        sums.append(graph.add("Mul", graph.trees(booster, number), graph.constant([weight])))
    total = sums[0]
    for one in sums[1:]:
        total = graph.add("Add", total, one)
    ends = (graph.constant(end) for end in (lowest, highest))
    return graph.model(graph.add("Clip", total, *ends), 1)
