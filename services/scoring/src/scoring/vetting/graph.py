"""What a model's graph may hold: known operators on one tensor, nothing that branches, grows or looks elsewhere."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, isnan, prod
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from scoring.vetting.reasons import Reason, clean

MOST_NODES = 10_000
MOST_NUMBERS = 20_000_000
MOST_RANK = 6
MOST_TEXT = 4096

# Arithmetic, linear algebra, activations and shapes: each row by itself, no more output than input and weights.
_PLAIN = """
Abs Add And ArgMax ArgMin BatchNormalization Cast Ceil Celu Clip Concat Constant Div Elu Equal Erf Exp Flatten
Floor Gather Gelu Gemm Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LayerNormalization
LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mod Mul Neg Not Or PRelu Pow Reciprocal ReduceL1
ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round
Selu Shape Sigmoid Sign Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where Xor"""
PLAIN = frozenset(_PLAIN.split())
_MACHINE_LEARNING = """
ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer
OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor"""
MACHINE_LEARNING = frozenset(_MACHINE_LEARNING.split())
_OPERATORS = {"": PLAIN, "ai.onnx": PLAIN, "ai.onnx.ml": MACHINE_LEARNING}
_TREES = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})
_CONTROL = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_OLDEST = {"": 7, "ai.onnx": 7, "ai.onnx.ml": 1}
_NEWEST = {"": onnx.defs.onnx_opset_version(), "ai.onnx": onnx.defs.onnx_opset_version(), "ai.onnx.ml": 5}
_GRAPHS = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
_TENSORS = (AttributeProto.TENSOR, AttributeProto.TENSORS)
_REFUSED_ATTRIBUTES = (
    AttributeProto.SPARSE_TENSOR,
    AttributeProto.SPARSE_TENSORS,
    AttributeProto.TYPE_PROTO,
    AttributeProto.TYPE_PROTOS,
)
_TYPES: dict[int, str] = {number: name.lower() for name, number in TensorProto.DataType.items()}
_NUMBERS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32}


@dataclass(frozen=True)
class Read:
    """What the graph says of itself, for the registry; texts as they may be shown."""

    facts: dict[str, Any]
    reasons: list[Reason]


def read(content: bytes, features: int) -> Read:
    """Look at a model of so many features; nothing is run."""
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError, TypeError) as error:
        return Read({}, [Reason("not_onnx", type(error).__name__)])
    if not model.graph.node:
        return Read({}, [Reason("not_onnx", "no graph")])
    if len(model.graph.node) > MOST_NODES:
        return Read({}, [Reason("too_many_nodes", str(len(model.graph.node)))])
    reasons = list(dict.fromkeys(_reasons(model, features)))
    if not reasons:
        try:
            onnx.checker.check_model(model)
        except (onnx.checker.ValidationError, ValueError) as error:
            reasons = [Reason("invalid", str(error).splitlines()[0])]
    return Read(_facts(model), reasons[:20])


def _reasons(model: ModelProto, features: int) -> Iterator[Reason]:
    yield from _versions(model)
    if model.functions or model.training_info:
        yield Reason("functions")
    if model.graph.sparse_initializer or model.graph.quantization_annotation:
        yield Reason("operator", "sparse or quantised weights")
    yield from _texts(model)
    room = MOST_NUMBERS
    for tensor in model.graph.initializer:
        room -= max(0, prod(tensor.dims))
        yield from _tensor(tensor)
    for node in model.graph.node:
        yield from _node(node)
    yield from _shapes(model.graph, features)
    if room < 0:
        yield Reason("dimensions", "more than 20 million weights")


def _versions(model: ModelProto) -> Iterator[Reason]:
    if not 3 <= model.ir_version <= onnx.IR_VERSION:
        yield Reason("version_unknown", f"IR {model.ir_version}")
    if not model.opset_import:
        yield Reason("version_unknown", "no operator set")
    for opset in model.opset_import:
        if opset.domain not in _OPERATORS:
            yield Reason("operator", f"domain {opset.domain}")
        elif not _OLDEST[opset.domain] <= opset.version <= _NEWEST[opset.domain]:
            yield Reason("version_unknown", f"{opset.domain or 'ai.onnx'} {opset.version}")


def _texts(model: ModelProto) -> Iterator[Reason]:
    properties = [p for m in (model, model.graph) for p in m.metadata_props]
    told = [t for p in properties for t in (p.key, p.value)] + [model.doc_string, model.graph.doc_string]
    told += [model.producer_name, model.producer_version, model.domain]
    told += [node.doc_string for node in model.graph.node]
    if sum(map(len, told)) > MOST_TEXT:
        yield Reason("metadata")
    if any(len(name) > 512 for node in model.graph.node for name in (node.name, *node.input, *node.output)):
        yield Reason("metadata", "a name")


def _shapes(graph: GraphProto, features: int) -> Iterator[Reason]:
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in weights]
    if len(inputs) != 1:
        yield Reason("input", f"{len(inputs)} inputs")
    else:
        kind = inputs[0].type.tensor_type
        dims = kind.shape.dim
        if not inputs[0].type.HasField("tensor_type") or kind.elem_type != TensorProto.FLOAT:
            yield Reason("input", "not float32")
        elif len(dims) != 2 or dims[0].HasField("dim_value"):
            yield Reason("input", "not any number of rows by features")
        elif dims[1].HasField("dim_value") and dims[1].dim_value != features:
            yield Reason("input", f"{dims[1].dim_value} features, the manifest names {features}")
    if len(graph.output) != 1 or graph.output[0].type.tensor_type.elem_type not in _NUMBERS:
        yield Reason("output", f"{len(graph.output)} outputs")


def _node(node: NodeProto) -> Iterator[Reason]:
    if node.op_type in _CONTROL or any(a.type in _GRAPHS or a.HasField("g") or a.graphs for a in node.attribute):
        yield Reason("control_flow", node.op_type)
    elif node.op_type not in _OPERATORS.get(node.domain, ()):
        yield Reason("operator", f"{node.domain}.{node.op_type}" if node.domain else node.op_type)
    for attribute in node.attribute:
        if attribute.ref_attr_name or attribute.type in _REFUSED_ATTRIBUTES:
            yield Reason("operator", f"{node.op_type}.{attribute.name}")
        told = attribute.name == "replaced_value_float"  # NaN: the value that an Imputer replaces
        # A tree's question whether a value is known at all: whatever is, is not above infinity.
        fits = _no_nan if node.op_type in _TREES and attribute.name == "nodes_values" else isfinite
        if not told and not all(map(fits, (attribute.f, *attribute.floats))):
            yield Reason("weights", f"{node.op_type}.{attribute.name}")
        if attribute.type in _TENSORS:
            for tensor in (attribute.t, *attribute.tensors):
                yield from _tensor(tensor)


def _no_nan(value: float) -> bool:
    return not isnan(value)


def _tensor(tensor: TensorProto) -> Iterator[Reason]:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        yield Reason("external_data", tensor.name)
        return
    if len(tensor.dims) > MOST_RANK or any(dim < 0 for dim in tensor.dims) or prod(tensor.dims) > MOST_NUMBERS:
        yield Reason("dimensions", tensor.name)
        return
    try:
        # The data's length is compared with the dimensions here: 8 bytes are no 10^9 numbers.
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):
        yield Reason("dimensions", tensor.name)
        return
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        yield Reason("weights", tensor.name)


def _facts(model: ModelProto) -> dict[str, Any]:
    operators = Counter(clean(node.op_type, 40) for node in model.graph.node)
    return {
        "nodes": len(model.graph.node),
        "operators": dict(sorted(operators.items())[:50]),
        "opsets": {clean(o.domain, 40) or "ai.onnx": o.version for o in model.opset_import[:10]},
        "producer": clean(f"{model.producer_name} {model.producer_version}", 80),
        "metadata": {clean(p.key, 60): clean(p.value, 200) for p in model.metadata_props[:20]},
        "tensors": {side: [_tensor_of(one) for one in ends[:5]] for side, ends in _ends(model.graph).items()},
    }


def _ends(graph: GraphProto) -> dict[str, list[ValueInfoProto]]:
    weights = {tensor.name for tensor in graph.initializer}
    return {"inputs": [one for one in graph.input if one.name not in weights], "outputs": list(graph.output)}


def _tensor_of(value: ValueInfoProto) -> dict[str, Any]:
    """A tensor's name, type and shape, null where any number is meant."""
    kind = value.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim[:MOST_RANK]]
    return {"name": clean(value.name, 40), "type": _TYPES.get(kind.elem_type, "unknown"), "shape": shape}
