"""What counts as an answer of each kind, and the fingerprint of what a model has seen."""

import hashlib
from math import inf, nan

import numpy as np
import pytest

from scoring.features import fingerprints
from scoring.outputs import Output, UnfitModel

CLASSES = Output("class_probabilities", ("mail", "phone", "app"))
VALUE = Output("value", lowest=0)


@pytest.mark.parametrize(
    ("output", "raw", "read"),
    [
        (Output(), [0.25, 1.00001], [[0.25], [1.0]]),
        (Output(), [[0.25], [0.5]], [[0.25], [0.5]]),
        (Output(), [[0.75, 0.25], [0.5, 0.5]], [[0.25], [0.5]]),
        (Output(), np.array([0, 1], dtype=np.int64), [[0.0], [1.0]]),
        (CLASSES, [[0.2, 0.3, 0.5], [1, 0, 0]], [[0.2, 0.3, 0.5], [1, 0, 0]]),
        (VALUE, [[1e9], [0.0]], [[1e9], [0.0]]),
    ],
)
def test_an_answer_is_read_by_its_kind(output: Output, raw: object, read: list[list[float]]) -> None:
    assert output.read(np.asarray(raw), 2).tolist() == read


@pytest.mark.parametrize(
    ("output", "raw", "why"),
    [
        (Output(), [[2.0], [0.5]], "no probability"),
        (Output(), [[-1.0], [0.5]], "no probability"),
        (Output(), [[nan], [0.5]], "not finite"),
        (Output(), [["high"], ["low"]], "not answer with numbers"),
        (Output(), [0.5], "answers"),
        (Output(), [[0.1, 0.2, 0.7]] * 2, "answers"),
        (CLASSES, [[0.2, 0.3, 0.4]] * 2, "do not add up to 1"),
        (CLASSES, [[0.5, 0.5]] * 2, "answers"),
        (VALUE, [[inf], [1.0]], "not finite"),
        (VALUE, [[-0.01], [1.0]], "outside 0 to inf"),
    ],
)
def test_what_is_none_is_refused(output: Output, raw: object, why: str) -> None:
    with pytest.raises(UnfitModel, match=why):
        output.read(np.asarray(raw), 2)


@pytest.mark.parametrize("output", [Output(), VALUE, CLASSES])
@pytest.mark.parametrize(
    "raw",
    [[0.25], [[0.25]], [[0.75, 0.25]], [[1.00001]], [[2.0]], [[-0.0]], [[-0.01]], [[nan]], [[inf, 0.5]], [["high"]],
     [[1]], [], [[[0.5]]], [[0.2, 0.3, 0.5]], [[0.5, nan]]],
)  # fmt: skip
def test_one_number_is_read_as_among_others_or_left_to_that(output: Output, raw: list[object]) -> None:
    if (found := output.one(np.asarray(raw))) is not None:
        assert output.read(np.asarray(raw), 1).tolist() == [[found]]
    ordinary = [Output(), VALUE] if raw in ([0.25], [[0.25]]) else [Output()] if raw == [[0.75, 0.25]] else []
    assert found is not None or output not in ordinary


def test_the_fingerprint_is_that_of_the_values_as_they_were_seen() -> None:
    other_nan = np.array([0x7FC00001], dtype="<u4").view("<f4")[0]
    rows = np.array([[1.5, np.nan], [1.5, other_nan], [1.5, 2.0]], dtype=np.float32)

    found = fingerprints(rows)

    assert found[0] == found[1] != found[2]
    assert found[2] == hashlib.sha256(np.array([1.5, 2.0], dtype="<f4").tobytes()).hexdigest()[:16]
