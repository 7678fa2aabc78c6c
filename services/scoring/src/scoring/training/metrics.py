"""How well a model ranks and how honest its probabilities are, on customers it has not seen."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve


def measure(label: NDArray[np.bool_], score: NDArray[np.float64]) -> dict[str, float]:
    """Return auc, average_precision, ks, top_decile_response, lift, brier and base_rate; shares, not percent."""
    false_positive, true_positive, _ = roc_curve(label, score)
    # A stable sort: equal scores keep the order of the customers' ids, so a repetition gives the same decile.
    top = np.argsort(-score, kind="stable")[: max(1, len(score) // 10)]
    base_rate = float(label.mean())
    response = float(label[top].mean())
    return {
        "auc": float(roc_auc_score(label, score)),
        "average_precision": float(average_precision_score(label, score)),
        "ks": float(np.max(true_positive - false_positive)),
        "top_decile_response": response,
        "lift": response / base_rate,
        "brier": float(brier_score_loss(label, score)),
        "base_rate": base_rate,
    }
