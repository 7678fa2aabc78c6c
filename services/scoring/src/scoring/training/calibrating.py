"""What is chosen on a part of the training rows: how many rounds, and how scores become honest probabilities.

Of two classes Platt's sigmoid (1999): p = 1 / (1 + exp(-(slope x + intercept))) over the trees' sum x, which keeps the
order of the rows. Of several the same for a softmax: one slope for all sums, an intercept for each class. Both lie in
the exported trees themselves: leaves times the slope, each intercept in its class's first tree.
"""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.fitting import FEWEST_POSITIVES, parameters

SHARE = 0.25
"""Of the training rows, to choose by; the model that answers has learned from them too."""

Answers = NDArray[np.bool_] | NDArray[np.int64]
"""Yes or no; of several classes each row's, by its place."""


@dataclass(frozen=True)
class Calibrated:
    """A booster with its slope and intercepts, one of two classes, else one each; 1 and 0 leave it as it is."""

    booster: lightgbm.Booster
    slope: float = 1.0
    intercepts: tuple[float, ...] = (0.0,)

    @property
    def moved(self) -> bool:
        """Whether it answers otherwise than its booster."""
        return self.slope != 1.0 or any(self.intercepts)

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each row; of several classes one each."""
        total = np.asarray(self.booster.predict(rows, raw_score=True), dtype=np.float64)
        x = self.slope * total + np.asarray(self.intercepts)
        return np.asarray(expit(x) if total.ndim == 1 else softmax(x, axis=1))


def fit(examples: Examples, spec: TrainingSpec, place: NDArray[np.int64] | None = None) -> Calibrated:
    """Return the model fitted to the training rows, its rounds and probabilities chosen on a part of them.

    `place`: of several classes each row's; without it the examples' labels are what is learned.
    """
    answers: Answers = examples.label if place is None else place
    classes = 2 if place is None else int(place.max()) + 1
    train = np.flatnonzero(~examples.test)
    rounds, slope = spec.params.rounds, 1.0
    intercepts: tuple[float, ...] = (0.0,)
    if spec.calibration == "platt" or spec.params.early_stopping:
        aside = _aside(examples, spec.seed)[train]
        held = answers[train[aside]]
        if np.bincount(held, minlength=classes).min() >= FEWEST_POSITIVES:
            chosen = _boosted(examples, answers, spec, train[~aside], rounds, train[aside])
            rounds = chosen.best_iteration if spec.params.early_stopping else rounds
            if spec.calibration == "platt":
                total = np.asarray(chosen.predict(examples.rows[train[aside]], raw_score=True))
                slope, intercepts = _sigmoid(total, held) if total.ndim == 1 else _softmax(total, held)
    return Calibrated(_boosted(examples, answers, spec, train, rounds), slope, intercepts)


def _aside(examples: Examples, seed: int) -> NDArray[np.bool_]:
    """The rows to choose by: drawn by the seed, all of a customer together where customers have several."""
    whose = np.arange(len(examples.label)) if examples.whose is None else examples.whose
    drawn = np.random.default_rng(seed).random(int(whose.max()) + 1) < SHARE
    return np.asarray(drawn[whose])


def _boosted(
    examples: Examples,
    answers: Answers,
    spec: TrainingSpec,
    on: NDArray[np.int_],
    rounds: int,
    against: NDArray[np.int_] | None = None,
) -> lightgbm.Booster:
    names, several = list(examples.names), answers.dtype != np.bool_
    asked = parameters(spec, **({"objective": "multiclass", "num_class": int(answers.max()) + 1} if several else {}))
    data = lightgbm.Dataset(examples.rows[on], answers[on], feature_name=names)
    if against is None or spec.params.early_stopping is None:
        return lightgbm.train(asked, data, num_boost_round=rounds)
    held = lightgbm.Dataset(examples.rows[against], answers[against], reference=data)
    stop = lightgbm.early_stopping(spec.params.early_stopping, verbose=False)
    return lightgbm.train(asked, data, num_boost_round=rounds, valid_sets=[held], callbacks=[stop])


def _sigmoid(total: NDArray[np.float64], label: Answers) -> tuple[float, tuple[float, ...]]:
    """Slope and intercept; the identity where the order is no better than chance: nothing may turn it round."""
    found = LogisticRegression(C=1e6).fit(total[:, None], label)
    slope, intercept = float(found.coef_[0, 0]), float(found.intercept_[0])
    return (slope, (intercept,)) if slope > 0 else (1.0, (0.0,))


def _softmax(total: NDArray[np.float64], place: Answers) -> tuple[float, tuple[float, ...]]:
    """Slope and intercepts that make what came likeliest; the identity where the sums tell nothing."""
    came = np.eye(total.shape[1])[place]

    def loss(x: NDArray[np.float64]) -> Any:
        told = log_softmax(x[0] * total + x[1:], axis=1)
        over = np.exp(told) - came
        return -(told * came).sum() / len(total), np.r_[(over * total).sum(), over.sum(axis=0)] / len(total)

    found = minimize(loss, np.r_[1.0, np.zeros(total.shape[1])], jac=True, method="BFGS").x
    # A number added to all is none: they are told around zero.
    return (float(found[0]), tuple((found[1:] - found[1:].mean()).tolist())) if found[0] > 0 else (1.0, (0.0,))
