"""Seeded streams: every part of the bank draws from its own, so a change in one moves no other."""

import zlib

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


def stream(seed: int, part: str) -> np.random.Generator:
    """The random stream of a part of the bank; equal for equal seed and name on every machine."""
    return np.random.default_rng([seed, zlib.crc32(part.encode())])


def calibrated(scores: Floats, mean: float, among: Ints | None = None) -> Floats:
    """Probabilities logistic(c + score) whose mean (over the rows `among`) is `mean`; c is found by bisection."""
    judged = scores if among is None else scores[among]
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if float(logistic(middle + judged).mean()) > mean else (middle, high)
    return logistic(low + scores)


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
