"""Drift: how far counts by bins have moved from those that a model was trained on.

PSI = sum of (observed share - expected share) * ln(observed share / expected share). Under no drift it is about
chi-square with bins - 1 degrees of freedom, times 1/n + 1/m (B. Yurdakul, Statistical Properties of Population
Stability Index, 2018): with few rows chance alone passes any fixed threshold.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import log

_EMPTY = 0.5
"""What each bin counts more, so that an empty one gives no infinity."""


def psi(expected: Sequence[int], observed: Sequence[int]) -> float:
    """The population stability index of two lists of counts; ValueError if they do not fit or one is of nobody."""
    _check(expected, observed)
    total = 0.0
    for before, now in zip(_shares(expected, _EMPTY), _shares(observed, _EMPTY), strict=True):
        total += (now - before) * log(now / before)
    return total


def psi_by_chance(bins: int, n: int, m: int, p: float = 0.001) -> float:
    """The PSI that chance alone reaches once in 1/p, of n and m rows that come from the same."""
    if bins < 2:
        return 0.0
    if n < 1 or m < 1:
        raise ValueError("chance needs rows on both sides")
    from scipy import special  # a tenth of what a service imports, for jobs alone

    return float(special.chdtri(bins - 1, p)) * (1 / n + 1 / m)


def ks(expected: Sequence[int], observed: Sequence[int]) -> float:
    """The largest distance of the cumulative shares, at the bins' bounds: at most that of the values themselves."""
    _check(expected, observed)
    before, now = accumulate(_shares(expected, 0.0)), accumulate(_shares(observed, 0.0))
    return max(abs(a - b) for a, b in zip(before, now, strict=True))


def _shares(counts: Sequence[int], more: float) -> list[float]:
    total = sum(counts) + more * len(counts)
    return [(count + more) / total for count in counts]


def _check(expected: Sequence[int], observed: Sequence[int]) -> None:
    if len(expected) != len(observed):
        raise ValueError("both sides have the same bins")
    if min(*expected, *observed, 0) < 0:
        raise ValueError("counts are not negative")
    if not sum(expected) or not sum(observed):
        raise ValueError("a share needs at least one row on each side")
