"""Why a model answers so: each value is taken away in turn, and what the answer loses by it is its effect. Pure.

Taken away means set to what is usual: the median of the training snapshot, or unknown where nothing is stated. It
holds for any model; effects add up to the whole only where the model itself adds its features up.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune_contracts.features import CATALOGUE
from attune_contracts.scoring import Reason
from scoring.features import Floats

Answers = NDArray[np.float64]


def usual(names: Sequence[str], snapshot: Mapping[str, Any]) -> tuple[float, ...]:
    """Of each feature the usual value by its distribution in the training snapshot; NaN = none is stated."""
    return tuple(_middle(snapshot[name]) if name in snapshot else nan for name in names)


def _middle(distribution: Mapping[str, Any]) -> float:
    """The first bound that half of the known values do not exceed; NaN where most values are unknown.

    The bounds are quantiles that were met, so that this is the median, and of a flag the more frequent value.
    """
    edges, counts = distribution["edges"], distribution["counts"]
    known = sum(counts)
    if not edges or distribution["missing"] > known:
        return nan
    below = 0
    for edge, count in zip(edges, counts, strict=False):  # the last bin has no upper bound
        below += count
        if 2 * below >= known:
            return float(edge)
    return float(edges[-1])


def effects(ask: Callable[[Floats], Answers], values: Floats, answer: Answers, baseline: Sequence[float]) -> Answers:
    """One line a row, one column a feature: the answer less what it were with the usual value; asked in one batch.

    Of models with classes it is the probability of the row's likeliest class. What `ask` raises is passed on.
    """
    rows, width = values.shape
    place = np.arange(rows * width)
    others = np.repeat(values, width, axis=0)
    others[place, place % width] = np.tile(np.asarray(baseline, dtype=np.float32), rows)
    without = ask(others)[place, np.repeat(answer.argmax(axis=1), width)]
    return np.asarray(answer.max(axis=1)[:, None] - without.reshape(rows, width))


def strongest(names: Sequence[str], row: Sequence[float], baseline: Sequence[float], most: int) -> tuple[Reason, ...]:
    """The features of the largest effects of one row, the largest first; what has no effect is no reason."""
    order = sorted((place for place in range(len(names)) if row[place]), key=lambda place: (-abs(row[place]), place))
    return tuple(_reason(names[place], row[place], baseline[place]) for place in order[:most])


def _reason(name: str, effect: float, baseline: float) -> Reason:
    known = CATALOGUE.get(name)
    zh, en = (known.zh, known.en) if known else (name, name)
    raises = effect > 0
    return Reason(
        feature=name,
        direction="raises" if raises else "lowers",
        effect=effect,
        baseline=None if isnan(baseline) else baseline,
        compared_with="unknown" if isnan(baseline) else "training_median",
        zh=f"{zh}：{'提高' if raises else '降低'}评分",
        en=f"{en}: {'raises' if raises else 'lowers'} the score",
    )
