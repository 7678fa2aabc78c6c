"""What causalml says of an invented campaign: T- and X-learner over the same LightGBM, and its Qini score.

Runs in an environment of its own (see README.md); prints JSON. The test that compares takes `campaign` from here.
"""

import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 8_000
SHOWN = 200
"""Held-back rows whose uplift is kept one by one, from the first on."""
PARAMS: dict[str, Any] = {
    "learning_rate": 0.05, "num_leaves": 8, "min_child_samples": 50, "colsample_bytree": 0.9, "reg_lambda": 1.0,
    "n_estimators": 80, "deterministic": True, "force_row_wise": True, "n_jobs": 2, "verbosity": -1, "random_state": 1,
}  # fmt: skip
"""As `scoring.training.uplift` learns, by scikit-learn's names."""


def campaign() -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows, who was treated, who responded: the first column says whom it changes, the second who responds anyway."""
    draw = np.random.default_rng(3)
    rows = draw.random((ROWS, 4)).astype(np.float32)
    treated = draw.random(ROWS) < 0.4
    chance = 0.1 + 0.3 * rows[:, 1] + 0.4 * rows[:, 0] * treated
    return rows, treated, draw.random(ROWS) < chance


def main() -> None:
    """Learn on the even rows, tell of the odd ones."""
    import pandas as pd
    from causalml.inference.meta import BaseTClassifier, BaseXClassifier
    from causalml.metrics import qini_score
    from lightgbm import LGBMClassifier, LGBMRegressor

    rows, treated, response = campaign()
    held = np.arange(ROWS) % 2 == 1
    arms, answers = treated.astype(int), response.astype(int)
    share = np.full(ROWS // 2, treated[~held].mean())
    t = BaseTClassifier(learner=LGBMClassifier(**PARAMS), control_name=0)
    x = BaseXClassifier(
        outcome_learner=LGBMClassifier(**PARAMS), effect_learner=LGBMRegressor(**PARAMS), control_name=0
    )
    told: dict[str, Any] = {"versions": {name: version(name) for name in ("causalml", "lightgbm", "numpy")}}
    t.fit(rows[~held], treatment=arms[~held], y=answers[~held])
    x.fit(rows[~held], treatment=arms[~held], y=answers[~held], p=share)
    found = {"t": t.predict(rows[held]), "x": x.predict(rows[held], p=share)}
    for learner, predicted in found.items():
        uplift = np.asarray(predicted, dtype=np.float64).ravel()
        table = pd.DataFrame({"model": uplift, "y": answers[held], "w": arms[held]})
        score = qini_score(table, outcome_col="y", treatment_col="w", normalize=False)
        told[learner] = {"uplift": [round(float(u), 8) for u in uplift[:SHOWN]], "mean": float(uplift.mean()),
                         "qini": float(score["model"])}  # fmt: skip
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
