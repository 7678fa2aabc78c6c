"""What a model answers with, and whether an answer is one: a probability, a probability a class, or a value. Pure."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["probability", "class_probabilities", "value"]

# Sums of float32 may leave [0, 1] by a rounding; what is further out is no probability.
ROUNDING = 1e-4


class UnfitModel(Exception):
    """The model's input or output is not what the contract of a model says."""


@dataclass(frozen=True)
class Output:
    """A kind of answer. `classes` name the columns of class probabilities; a value lies in `lowest` to `highest`."""

    kind: Kind = "probability"
    classes: tuple[str, ...] = ()
    lowest: float = -inf
    highest: float = inf

    def read(self, raw: NDArray[np.generic], rows: int) -> NDArray[np.float64]:
        """The answer as float64, one line a row, one column a class; raises UnfitModel where it is none.

        A probability may come as one column, or as two of which the last is the positive class.
        """
        if raw.dtype.kind not in "fiu":
            raise UnfitModel("it does not answer with numbers")
        answer = raw.astype(np.float64)
        if answer.ndim == 1:
            answer = answer[:, None]
        width = len(self.classes) if self.kind == "class_probabilities" else 1
        if self.kind == "probability" and answer.ndim == 2 and answer.shape[1] == 2:
            answer = answer[:, 1:]
        if answer.shape != (rows, width):
            raise UnfitModel(f"it answers {raw.shape} to {rows} rows, not {(rows, width)}")
        if not rows:
            return answer
        least, most = float(np.minimum.reduce(answer, axis=None)), float(np.maximum.reduce(answer, axis=None))
        if not (isfinite(least) and isfinite(most)):  # NaN anywhere is both
            raise UnfitModel("it answers with what is not finite")
        if self.kind == "value":
            if least < self.lowest or most > self.highest:
                raise UnfitModel(f"it answers outside {self.lowest} to {self.highest}")
            return answer
        if least < -ROUNDING or most > 1 + ROUNDING:
            raise UnfitModel("it answers with what is no probability")
        if self.kind == "class_probabilities" and np.abs(answer.sum(axis=1) - 1).max() > ROUNDING * 10:
            raise UnfitModel("its classes' probabilities do not add up to 1")
        return np.clip(answer, 0.0, 1.0) if least < 0 or most > 1 else answer

    def one(self, raw: NDArray[np.generic]) -> float | None:
        """What `read` makes of one row's single number; None of what it rounds or refuses, and of classes."""
        if raw.dtype.kind != "f" or self.kind == "class_probabilities":
            return None
        if raw.shape == (1, 2) and self.kind == "probability":
            value = float(raw.item(1))
        elif raw.shape in ((1, 1), (1,)):
            value = float(raw.item(0))
        else:
            return None
        least, most = (self.lowest, self.highest) if self.kind == "value" else (0.0, 1.0)
        return value if isfinite(value) and least <= value <= most else None


PROBABILITY = Output()
