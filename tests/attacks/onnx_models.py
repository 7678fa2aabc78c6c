"""Models made by hand, good and hostile, for the attacks on what is uploaded."""

import io
import pickle
import zipfile
from collections.abc import Callable, Sequence
from gzip import compress
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

FEATURES = ("age", "products_held", "digital_share_90d")
WIDTH = len(FEATURES)


def tensor(name: str, values: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)


def model(
    nodes: Sequence[NodeProto],
    weights: Sequence[TensorProto] = (),
    *,
    rows: str | int = "N",
    width: int = WIDTH,
    kind: int = TensorProto.FLOAT,
    answers: int = TensorProto.FLOAT,
    shape: Sequence[str | int] | None = ("N", 1),
    opsets: Sequence[tuple[str, int]] = (("", 17),),
) -> ModelProto:
    """A graph from the input `x` to the output `y`."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", kind, [rows, width])],
        [helper.make_tensor_value_info("y", answers, shape)],
        list(weights),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets], ir_version=8)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def linear(weight: float = 0.001, bias: float = 0.0) -> ModelProto:
    """Sigmoid of a weighted sum, unknown values taken as 0: what a bank may well bring."""
    nodes = [
        node(
            "Imputer", "x", "full", domain="ai.onnx.ml", imputed_value_floats=[0.0], replaced_value_float=float("nan")
        ),
        node("MatMul", "full w", "sum"),
        node("Add", "sum b", "moved"),
        node("Sigmoid", "moved", "y"),
    ]
    weights = [tensor("w", [[weight]] * WIDTH), tensor("b", [bias])]
    return model(nodes, weights, opsets=(("", 17), ("ai.onnx.ml", 3)))


# An Imputer says which value it replaces: NaN, the one attribute that may be none.
GOOD = linear().SerializeToString()


def _constant(value: float) -> ModelProto:
    """One answer for all."""
    nodes = [
        node("ReduceMax", "x", "top", axes=[1], keepdims=1),
        node("IsNaN", "top", "unknown"),
        node("Cast", "unknown", "flag", to=TensorProto.FLOAT),
        node("Mul", "flag zero", "nothing"),
        node("Add", "nothing value", "y"),
    ]
    return model(nodes, [tensor("zero", [0.0]), tensor("value", [value])])


def _field(number: int, content: bytes) -> bytes:
    """A field of a message as it stands on the wire: for what the library itself would refuse to write."""
    length, size = len(content), b""
    while length > 127:
        size += bytes([length & 127 | 128])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def _as_graph(graph: bytes) -> bytes:
    """A good model with another graph."""
    made = linear()
    made.ClearField("graph")
    return bytes(made.SerializeToString()) + _field(7, graph)


def _nested(depth: int) -> bytes:
    """Branches within branches."""
    graph = bytes(linear().graph.SerializeToString())
    for _ in range(depth):
        branch = _field(1, b"then_branch") + _field(6, graph) + bytes([20 << 3 & 255 | 128, 1, 5])
        graph = _field(1, _field(4, b"If") + _field(5, branch))
    return _as_graph(graph)


def _external(location: str) -> ModelProto:
    made = linear()
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "12")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    return made


def _functions() -> ModelProto:
    made = linear()
    opsets = [helper.make_opsetid("", 17)]
    made.functions.append(helper.make_function("own", "F", ["a"], ["b"], [node("Relu", "a", "b")], opsets))
    return made


def _with(change: Callable[[ModelProto], object]) -> ModelProto:
    made = linear()
    change(made)
    return made


def _dims() -> ModelProto:
    made = linear()
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.raw_data = b"12345678"
    del weight.dims[:]
    weight.dims.extend([1_000_000_000, 1_000_000_000])
    return made


def _many(count: int) -> bytes:
    """A million nodes: one of them, written so many times; repeated fields may stand one after the other."""
    repeated = _field(1, bytes(node("Identity", "x", "y").SerializeToString()))
    return _as_graph(bytes(linear().graph.SerializeToString()) + repeated * count)


def _doubling(times: int) -> ModelProto:
    """Each node's output is twice its input: 2^n rows, of which the last sums up."""
    nodes = [node("Concat", "x x", "c0", axis=1)]
    nodes += [node("Concat", f"c{i} c{i}", f"c{i + 1}", axis=1) for i in range(times)]
    nodes.append(node("ReduceMax", f"c{times}", "y", axes=[1], keepdims=1))
    return model(nodes)


def _endless(size: int = 700, times: int = 9_000) -> ModelProto:
    """Matrix products without end, within every limit of the graph."""
    nodes = [node("MatMul", "x up", "m0")]
    nodes += [node("MatMul", f"m{i} square", f"m{i + 1}") for i in range(times)]
    nodes.append(node("ReduceMax", f"m{times}", "y", axes=[1], keepdims=1))
    return model(nodes, [tensor("up", np.zeros((WIDTH, size))), tensor("square", np.zeros((size, size)))])


def _loop(kind: str) -> ModelProto:
    body = helper.make_graph(
        [node("Identity", "going", "still"), node("Identity", "v", "w")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    if kind == "Scan":
        return model([node("Scan", "x", "y", body=body, num_scan_inputs=1)])
    count = numpy_helper.from_array(np.asarray(2**62, dtype=np.int64), "count")
    return model([node("Loop", "count going x", "y", body=body)], [count])


def _largest(**shape: Any) -> ModelProto:
    """Each row's largest value."""
    return model([node("ReduceMax", "x", "y", axes=[1], keepdims=1)], **shape)


def _of_domain(kind: str, domain: str) -> ModelProto:
    return model([node(kind, "x", "y", domain=domain)], opsets=[("", 17), (domain, 1)])


def _zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model.onnx", content)
    return file.getvalue()


def _metadata(key: str, value: str) -> ModelProto:
    return _with(lambda made: made.metadata_props.add(key=key, value=value))


_SHAPE = numpy_helper.from_array(np.array([10**6, 10**6], dtype=np.int64), "shape")


def hostile() -> dict[str, tuple[str, bytes]]:
    """By name: the attack's row and reason, and the bytes."""
    nan, inf = float("nan"), float("inf")
    made: dict[str, tuple[str, ModelProto | bytes]] = {
        "external file": ("J75 external_data", _external("weights.bin")),
        "external path": ("J75 external_data", _external("../../../../etc/passwd")),
        "external device": ("J75 external_data", _external("/dev/zero")),
        "custom domain": ("J76 operator", _of_domain("Evil", "com.evil")),
        "contributed": ("J76 operator", _of_domain("Gelu", "com.microsoft")),
        "training": ("J76 operator", _of_domain("Adam", "ai.onnx.preview.training")),
        "own functions": ("J76 functions", _functions()),
        "unknown opset": ("J76 version_unknown", model([node("Sigmoid", "x", "y")], opsets=[("", 999)])),
        "random": ("J76 operator", model([node("RandomNormalLike", "x", "y")])),
        "loop": ("J77 control_flow", _loop("Loop")),
        "scan": ("J77 control_flow", _loop("Scan")),
        "if": ("J77 control_flow", _nested(1)),
        "deep": ("J77 not_onnx", _nested(500)),
        "constant of shape": ("J77 operator", model([node("ConstantOfShape", "shape", "y")], [_SHAPE])),
        "dimensions": ("J77 dimensions", _dims()),
        "a million nodes": ("J77 too_many_nodes", _many(1_000_000)),
        "doubling": ("J77 memory", _doubling(40)),
        "garbage": ("J78 not_onnx", bytes(range(256)) * 40),
        "truncated": ("J78 not_onnx", GOOD[:-20]),
        "pickle": ("J78 not_onnx", pickle.dumps({"model": list(range(100))})),
        "zip": ("J78 not_onnx", _zipped(GOOD)),
        "gzip": ("J78 not_onnx", compress(GOOD, mtime=0)),
        "NaN weight": ("J79 weights", linear(nan)),
        "Inf weight": ("J79 weights", linear(inf)),
        "answers 2.0": ("J79 answer", _constant(2.0)),
        "answers -1": ("J79 answer", _constant(-1.0)),
        "answers a text": ("J79 output", model([node("Cast", "x", "y", to=8)], answers=TensorProto.STRING, shape=None)),
        "answers three": ("J79 answer", model([node("Softmax", "x", "y", axis=1)], shape=("N", 3))),
        "answers one": ("J79 answer", model([node("ReduceMax", "x", "y", axes=[0, 1], keepdims=1)], shape=(1, 1))),
        "batch of 1": ("J79 input", _largest(rows=1)),
        "mean of the batch": ("J79 rows_depend", model([
            node("ReduceMax", "x", "r", axes=[1], keepdims=1), node("IsNaN", "r", "n"), node("Cast", "n", "f", to=1),
            node("ReduceSum", "f", "s", keepdims=1), node("Mul", "f s", "m"), node("Sigmoid", "m", "y")])),
        "answers NaN": ("J79 answer", _largest()),
        "doubles in": ("J79 input", _largest(kind=TensorProto.DOUBLE)),
        "other width": ("J79 input", _largest(width=4)),
        "ten megabytes of text": ("J80 metadata", _metadata("note", "x" * 10_000_000)),
    }  # fmt: skip
    return {
        name: (told, content if isinstance(content, bytes) else bytes(content.SerializeToString()))
        for name, (told, content) in made.items()
    }


def script() -> bytes:
    """A good model whose texts are those of a page's attacker."""
    made = _metadata("<script>alert(1)</script>", "</td><img src=x onerror=alert(1)>")
    made.producer_name = "<b>nobody</b>\x1b[31m"
    return bytes(made.SerializeToString())


def endless() -> bytes:
    """Within every limit of the graph, and at it for minutes."""
    return bytes(_endless().SerializeToString())
