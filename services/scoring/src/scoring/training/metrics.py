"""How well a model ranks and how honest its probabilities are, on customers it has not seen."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

_Z95 = 1.959964


def measure(label: NDArray[np.bool_], score: NDArray[np.float64]) -> dict[str, float]:
    """Return auc with its interval, average_precision, ks, top_decile_response, lift, brier and base_rate; shares."""
    false_positive, true_positive, _ = roc_curve(label, score)
    # A stable sort: equal scores keep the order of the customers' ids, so a repetition gives the same decile.
    top = np.argsort(-score, kind="stable")[: max(1, len(score) // 10)]
    base_rate = float(label.mean())
    response = float(label[top].mean())
    auc, apart = float(roc_auc_score(label, score)), _Z95 * _auc_error(label, score)
    return {
        "auc": auc,
        "average_precision": float(average_precision_score(label, score)),
        "ks": float(np.max(true_positive - false_positive)),
        "top_decile_response": response,
        "lift": response / base_rate,
        "brier": float(brier_score_loss(label, score)),
        "base_rate": base_rate,
        "auc_low": max(0.0, auc - apart),
        "auc_high": min(1.0, auc + apart),
    }


def _auc_error(label: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The standard error of the auc (DeLong, DeLong and Clarke-Pearson 1988), by ranks."""
    ranks = rankdata(score)
    placed = [(ranks[one] - rankdata(score[one])) / (~one).sum() for one in (label, ~label)]
    return float(np.sqrt(sum(np.var(part, ddof=1) / len(part) for part in placed)))
