"""What the card says beside the metrics: fairness, calibration, traits, stability; what drift is watched against."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from scoring.training.examples import Examples
from scoring.training.protected import Groups, age_bands

BINS = 10
FEWEST = 20
"""Fewer rows of either class tell nothing of a group or a span of time."""

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]
Fairness = dict[str, list[dict[str, Any]]]
"""For each protected attribute a line a group."""


def fairness(examples: Examples, score: Scores, taken: Labels | None = None) -> Fairness:
    """Return, for each protected attribute, its groups among the tested, if a campaign takes the best tenth (R-25).

    `taken`: who else is, where not the best tenth.

    `selection_rate`: the share that is taken; `tpr`: that share of those who respond; null without any of them.
    `ratio`: the selection rate by that of the group most often taken; below 0.8 is for a person to look at.
    """
    tested = {name: groups[examples.test] for name, groups in _protected(examples).items()}
    return by_group(tested, examples.label[examples.test], score, taken)


def by_group(groups: Groups, label: Labels, score: Scores, taken: Labels | None = None) -> Fairness:
    """The same, of rows whose groups are given."""
    if taken is None:
        taken = np.zeros(len(score), dtype=np.bool_)
        taken[np.argsort(-score, kind="stable")[: max(1, len(score) // 10)]] = True
    told: Fairness = {}
    for name, members in groups.items():
        lines: list[dict[str, Any]] = [
            {
                "group": str(group),
                "rows": int((of := members == group).sum()),
                "base_rate": float(label[of].mean()),
                "mean_score": float(score[of].mean()),
                "selection_rate": float(taken[of].mean()),
                "tpr": float(taken[of & label].mean()) if (of & label).any() else None,
            }
            for group in np.unique(members)
        ]
        most = max(line["selection_rate"] for line in lines)
        told[name] = [line | {"ratio": line["selection_rate"] / most if most else None} for line in lines]
    return told


def _protected(examples: Examples) -> Groups:
    groups = dict(examples.groups)
    if not groups and "age" in examples.names:
        groups["age"] = age_bands(examples.rows[:, examples.names.index("age")])
    return groups


def calibration(label: Labels, score: Scores) -> dict[str, Any]:
    """Return ten bins of equal size, what was foretold and what came, and the mean distance between the two."""
    bins = [part for part in np.array_split(np.argsort(score, kind="stable"), BINS) if len(part)]
    table = [
        {"rows": len(part), "foretold": float(score[part].mean()), "came": float(label[part].mean())} for part in bins
    ]
    error = sum(line["rows"] * abs(line["foretold"] - line["came"]) for line in table) / len(score)
    return {"bins": table, "error": error}


def roc(label: Labels, score: Scores) -> list[tuple[float, float]]:
    """Return the curve in at most a hundred points: the shares of false and of true positives."""
    false_positive, true_positive, _ = roc_curve(label, score)
    chosen = np.unique(np.linspace(0, len(false_positive) - 1, 100).round().astype(int))
    return [(round(float(false_positive[n]), 5), round(float(true_positive[n]), 5)) for n in chosen]


def drift(examples: Examples, trained: Scores, tested: Scores) -> dict[str, Any]:
    """Return how far the tested rows lie from the training rows (PSI): each feature, and the scores of both."""
    train, test = ~examples.test, examples.test
    features = {
        name: _psi(examples.rows[train, index].astype(np.float64), examples.rows[test, index].astype(np.float64))
        for index, name in enumerate(examples.names)
    }
    return {"features": features, "score": _psi(trained, tested)}


def _psi(before: Scores, after: Scores) -> float:
    """The population stability index over the bins of `before`; what is unknown is a bin, an empty one half a row."""
    edges = np.array(_distribution(before)["edges"])
    shares = []
    for values in (before, after):
        known = values[~np.isnan(values)]
        counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
        filled = np.maximum(np.r_[counts, len(values) - len(known)], 0.5)
        shares.append(filled / filled.sum())
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def stability(examples: Examples, score: Scores) -> list[dict[str, Any]]:
    """Return how well each span of time among the tested is told, of a file with a column of time."""
    if examples.slices is None:
        return []
    spans, label = examples.slices[examples.test], examples.label[examples.test]
    return [span(str(first), label[of], score[of]) for first in np.unique(spans) for of in [spans == first]]


def span(first: str, label: Labels, score: Scores) -> dict[str, Any]:
    """One span of time: its auc (null where too few of either class), the response of all and of the best tenth."""
    positives = int(label.sum())
    enough = min(positives, len(label) - positives) >= FEWEST
    best = np.argsort(-score, kind="stable")[: max(1, len(score) // 10)]
    return {
        "from": first,
        "rows": len(label),
        "auc": float(roc_auc_score(label, score)) if enough else None,
        "base_rate": positives / len(label) if len(label) else None,
        "top_decile_response": float(label[best].mean()) if enough else None,
    }


def traits(examples: Examples) -> list[dict[str, Any]]:
    """Return how those who answer yes differ from the others, the strongest first: who leaves, and who buys (M-22).

    `difference`: that of the means in standard deviations (the root of the two variances' mean). Values are those
    of the model's features; codes of a category rise with its response.
    """
    found: list[dict[str, Any]] = []
    for index, name in enumerate(examples.names):
        values = examples.rows[:, index].astype(np.float64)
        known = ~np.isnan(values)
        yes, no = values[known & examples.label], values[known & ~examples.label]
        if len(yes) < 2 or len(no) < 2:
            continue
        spread = float(np.sqrt((yes.var(ddof=1) + no.var(ddof=1)) / 2))
        if spread > 0:
            difference = float((yes.mean() - no.mean()) / spread)
            found.append({"feature": name, "difference": difference, "yes": yes.mean(), "no": no.mean()})
    return sorted(found, key=lambda line: -abs(float(line["difference"])))


def snapshot(examples: Examples, score: Scores, about: dict[str, Any]) -> dict[str, Any]:
    """Return what drift is watched against: each feature's bins with their counts, the scores', response by decile.

    Features are those of the training rows, scores and deciles those of the tested; decile 1 is the best. `edges` are
    the inner bounds of the bins, which hold what is above the bound before and not above their own.
    """
    label = examples.label[examples.test]
    parts = np.array_split(np.argsort(-score, kind="stable"), BINS)
    deciles = [
        {"decile": place, "n": len(part), "responses": int(label[part].sum())} for place, part in enumerate(parts, 1)
    ]
    return distributions(examples.names, examples.rows[~examples.test], score, about) | {"deciles": deciles}


def distributions(
    names: tuple[str, ...], rows: NDArray[np.float32], score: Scores, about: dict[str, Any]
) -> dict[str, Any]:
    """Return the bins of features and scores with their counts, of a model of any kind."""
    features = {name: _distribution(rows[:, index].astype(np.float64)) for index, name in enumerate(names)}
    scores = _distribution(score)
    told = {"edges": scores["edges"], "counts": scores["counts"]}
    return about | {"rows": len(rows), "features": features, "scores": told}


def _distribution(values: Scores) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.empty(0)
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "missing": len(values) - len(known)}
