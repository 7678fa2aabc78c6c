"""What is chosen on a part of the training rows: how many rounds, and how scores become honest probabilities.

Platt's sigmoid (1999): p = 1 / (1 + exp(-(slope x + intercept))) over the trees' sum x. It keeps the order of the rows,
and lies in the exported trees themselves: leaves times the slope, the intercept in the first tree.
"""

from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.fitting import FEWEST_POSITIVES, parameters

SHARE = 0.25
"""Of the training rows, to choose by; the model that answers has learned from them too."""


@dataclass(frozen=True)
class Calibrated:
    """A booster with its sigmoid. Slope 1 and intercept 0 leave it as it is."""

    booster: lightgbm.Booster
    slope: float = 1.0
    intercept: float = 0.0

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each row."""
        total = np.asarray(self.booster.predict(rows, raw_score=True), dtype=np.float64)
        return np.asarray(1 / (1 + np.exp(-(self.slope * total + self.intercept))))


def fit(examples: Examples, spec: TrainingSpec) -> Calibrated:
    """Return the model fitted to the training rows, its rounds and sigmoid chosen on a part of them."""
    train = np.flatnonzero(~examples.test)
    rounds, slope, intercept = spec.params.rounds, 1.0, 0.0
    if spec.calibration == "platt" or spec.params.early_stopping:
        aside = _aside(examples, spec.seed)[train]
        label = examples.label[train[aside]]
        if min(label.sum(), len(label) - label.sum()) >= FEWEST_POSITIVES:
            chosen = _boosted(examples, spec, train[~aside], rounds, train[aside])
            rounds = chosen.best_iteration if spec.params.early_stopping else rounds
            if spec.calibration == "platt":
                slope, intercept = _sigmoid(chosen.predict(examples.rows[train[aside]], raw_score=True), label)
    return Calibrated(_boosted(examples, spec, train, rounds), slope, intercept)


def _aside(examples: Examples, seed: int) -> NDArray[np.bool_]:
    """The rows to choose by: drawn by the seed, all of a customer together where customers have several."""
    whose = np.arange(len(examples.label)) if examples.whose is None else examples.whose
    drawn = np.random.default_rng(seed).random(int(whose.max()) + 1) < SHARE
    return np.asarray(drawn[whose])


def _boosted(
    examples: Examples,
    spec: TrainingSpec,
    on: NDArray[np.int_],
    rounds: int,
    against: NDArray[np.int_] | None = None,
) -> lightgbm.Booster:
    names = list(examples.names)
    data = lightgbm.Dataset(examples.rows[on], examples.label[on], feature_name=names)
    if against is None or spec.params.early_stopping is None:
        return lightgbm.train(parameters(spec), data, num_boost_round=rounds)
    held = lightgbm.Dataset(examples.rows[against], examples.label[against], reference=data)
    stop = lightgbm.early_stopping(spec.params.early_stopping, verbose=False)
    return lightgbm.train(parameters(spec), data, num_boost_round=rounds, valid_sets=[held], callbacks=[stop])


def _sigmoid(total: object, label: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept; the identity where the order is no better than chance: nothing may turn it round."""
    found = LogisticRegression(C=1e6).fit(np.asarray(total)[:, None], label)
    slope, intercept = float(found.coef_[0, 0]), float(found.intercept_[0])
    return (slope, intercept) if slope > 0 else (1.0, 0.0)
