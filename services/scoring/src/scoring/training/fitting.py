"""What may be learned from, whether it is enough, and LightGBM's parameters."""

import numpy as np
from sklearn.metrics import roc_auc_score

from scoring.spec import SpecRefused, TrainingSpec
from scoring.training.examples import Examples

FEWEST_POSITIVES = 20
# No honest feature of a customer tells this well who will buy: it has seen the answer.
LEAK_AUC = 0.995


def refused_features(examples: Examples) -> dict[str, str]:
    """Return features that must not or cannot help, with the reason: `leak` or `constant`."""
    reasons: dict[str, str] = {}
    for index, name in enumerate(examples.names):
        values = examples.rows[:, index]
        known = ~np.isnan(values)
        if not known.any() or (known.all() and values.min() == values.max()):
            reasons[name] = "constant"
        else:
            auc = roc_auc_score(examples.label, np.where(known, values, -np.inf).clip(-3e38, 3e38))
            if max(auc, 1 - auc) > LEAK_AUC:
                reasons[name] = "leak"
    return reasons


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
