"""What may be learned from, whether it is enough, and LightGBM's parameters."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from scoring.spec import SpecRefused, TrainingSpec
from scoring.training.examples import Examples

FEWEST_POSITIVES = 20
# No honest feature of a customer tells this well who will buy: it has seen the answer.
LEAK_AUC = 0.995
LEAK_BINS = 8
LEAK_ROWS = 50_000
"""So many rows tell whether a feature's bins do."""


def refused_features(examples: Examples) -> dict[str, str]:
    """Return features that must not or cannot help, with the reason: `leak` or `constant`."""
    reasons: dict[str, str] = {}
    step = slice(None, None, 1 + len(examples.label) // LEAK_ROWS)
    label = examples.label[step]
    for index, name in enumerate(examples.names):
        values = examples.rows[:, index]
        known = ~np.isnan(values)
        if not known.any() or (known.all() and values.min() == values.max()):
            reasons[name] = "constant"
        else:
            auc = roc_auc_score(examples.label, np.where(known, values, -np.inf).clip(-3e38, 3e38))
            if max(auc, 1 - auc) > LEAK_AUC or _told_by_bins(values[step], label) > LEAK_AUC:
                reasons[name] = "leak"
    return reasons


def _told_by_bins(values: NDArray[np.float32], label: NDArray[np.bool_]) -> float:
    """The auc of the feature's own bins: an answer may lie in a code that neither rises nor falls with it."""
    column = values.reshape(-1, 1)
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAK_BINS, min_samples_leaf=FEWEST_POSITIVES, random_state=0)
    return float(roc_auc_score(label, tree.fit(column, label).predict_proba(column)[:, -1]))


def check_enough(examples: Examples) -> None:
    """Raise SpecRefused unless both parts hold enough of both classes to learn from and to measure on."""
    for part, mask in (("training", ~examples.test), ("test", examples.test)):
        positives = int(examples.label[mask].sum())
        negatives = int(mask.sum()) - positives
        if min(positives, negatives) < FEWEST_POSITIVES:
            raise SpecRefused(
                f"too few examples in the {part} part: {positives} positive, {negatives} negative,"
                f" each needs {FEWEST_POSITIVES}",
                f"样本不足（{part}）：正样本 {positives}，负样本 {negatives}，各需至少 {FEWEST_POSITIVES}",
            )


def parameters(spec: TrainingSpec, **others: object) -> dict[str, object]:
    """Return LightGBM's parameters: the spec's, and those that make a repetition the same, bit for bit."""
    return (
        spec.params.model_dump(exclude={"rounds", "early_stopping"})
        | {
            "objective": "binary",
            "seed": spec.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 2,
            "verbosity": -1,
        }
        | others
    )
