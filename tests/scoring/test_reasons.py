"""Reasons by occlusion: exact where a model adds its features up, silent about what it does not use."""

import io
from collections.abc import Sequence
from math import isnan, nan
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from scoring import model
from scoring.model import Model, UnfitModel
from scoring.outputs import Output
from scoring.reasons import effects, strongest, usual

NAMES = ("age", "postings_90d", "aum_minor", "own_number")
WHOLE = st.integers(-1000, 1000)


def adding(weights: Sequence[int]) -> Model:
    """A model that answers with the weighted sum of its features."""
    matrix = numpy_helper.from_array(np.array([[w] for w in weights], dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(weights)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        [matrix],
    )
    held = io.BytesIO()
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), held)
    return model.load("worth", 1, NAMES, held.getvalue(), output=Output("value"))


four = st.tuples(*[WHOLE] * 4)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(-5, 5)] * 4), st.lists(four, min_size=1, max_size=3), four)
def test_of_a_sum_every_part_is_told_exactly_and_nothing_else(
    weights: tuple[int, ...], rows: list[tuple[int, ...]], baseline: tuple[int, ...]
) -> None:
    scorer, values = adding(weights), np.array(rows, dtype=np.float32)

    found = effects(scorer.answer, values, scorer.answer(values), baseline)

    for row, line in zip(rows, found.tolist(), strict=True):
        parts = [w * (value - base) for w, value, base in zip(weights, row, baseline, strict=True)]
        assert line == parts
        told = strongest(NAMES, line, baseline, 4)
        assert {one.feature: one.effect for one in told} == {n: p for n, p in zip(NAMES, parts, strict=True) if p}
        assert [abs(one.effect) for one in told] == sorted((abs(p) for p in parts if p), reverse=True)
        assert all((one.direction == "raises") == (one.effect > 0) for one in told)


def test_of_classes_it_is_the_likeliest_ones_probability() -> None:
    def ask(rows: Any) -> Any:
        first = np.clip(rows[:, 0].astype(np.float64), 0, 1)
        return np.column_stack([first, 1 - first])

    rows = np.array([[0.75, 9.0], [0.25, 9.0]], dtype=np.float32)

    assert effects(ask, rows, ask(rows), (0.5, 0.0)).tolist() == [[0.25, 0.0], [0.25, 0.0]]


def test_a_model_that_cannot_do_without_a_value_says_so() -> None:
    scorer, values = adding((1, 1, 1, 1)), np.ones((1, 4), dtype=np.float32)

    with pytest.raises(UnfitModel, match="not finite"):
        effects(scorer.answer, values, scorer.answer(values), (nan, 0, 0, 0))


@pytest.mark.parametrize(
    ("edges", "counts", "missing", "expected"),
    [
        ([1.0, 2.0, 5.0], [3, 3, 3, 3], 0, 2.0),
        ([0.0], [60, 40], 0, 0.0),  # a flag, mostly false
        ([0.0, 1.0], [40, 60, 0], 0, 1.0),  # mostly true
        ([1.0], [1, 9], 0, 1.0),
        ([1.0, 2.0], [2, 2, 2], 7, nan),  # mostly unknown
        ([], [0], 9, nan),
    ],
)
def test_the_usual_value_is_the_middle_of_the_training(
    edges: list[float], counts: list[int], missing: int, expected: float
) -> None:
    told = usual(["age", "never_seen"], {"age": {"edges": edges, "counts": counts, "missing": missing}})

    assert told[0] == expected or (isnan(told[0]) and isnan(expected))
    assert isnan(told[1])


def test_words_are_the_catalogues_and_the_baseline_is_told() -> None:
    of_age, of_own = strongest(("age", "own_number"), (-0.2, 0.1), (41.0, nan), 5)

    assert (of_age.zh, of_age.en) == ("年龄：降低评分", "Age: lowers the score")
    assert (of_age.baseline, of_age.compared_with) == (41.0, "training_median")
    assert (of_own.zh, of_own.en) == ("own_number：提高评分", "own_number: raises the score")
    assert (of_own.baseline, of_own.compared_with) == (None, "unknown")
    assert len(strongest(("age", "own_number"), (-0.2, 0.1), (41.0, nan), 1)) == 1
