"""Monotone bins with weights of evidence, as a scorecard reads them. Pure functions of the training rows.

The weight of a bin is ln((its share of the good) / (its share of the bad)), "bad" being the positive class; a feature's
information value is the sum of the differences of both shares by weight (Siddiqi, "Credit Risk Scorecards", 2006).
Adjacent bins that break the trend are pooled (pool adjacent violators); so are those that hold too few rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIRST_BINS = 20
MOST_BINS = 7
LEAST_SHARE = 0.05
LEAST_UNKNOWN = 20
_HALF = 0.5
"""Of a row, in place of none: a bin without any bad has a finite weight."""


@dataclass(frozen=True)
class Bins:
    """Bin n holds what is above edge n - 1 and not above edge n; the last of `woe`, `rows`, `bad` is the unknown's."""

    edges: NDArray[np.float32]
    woe: NDArray[np.float64]
    rows: NDArray[np.int64]
    bad: NDArray[np.int64]
    value: float

    def of(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """The bin of each value."""
        places = np.searchsorted(self.edges, values, side="left")
        return np.where(np.isnan(values), len(self.edges) + 1, places).astype(np.int64)


def bins(values: NDArray[np.float32], bad: NDArray[np.bool_]) -> Bins:
    """Bins of one feature; one bin where it tells nothing."""
    known = ~np.isnan(values)
    edges = np.unique(np.quantile(values[known], np.arange(1, FIRST_BINS) / FIRST_BINS, method="lower"))
    edges = edges[edges < values[known].max()].astype(np.float32)
    place = np.searchsorted(edges, values[known], side="left")
    rows = np.bincount(place, minlength=len(edges) + 1)
    wrong = np.bincount(place, weights=bad[known], minlength=len(edges) + 1).astype(np.int64)
    best = max((_pooled(rows, wrong, sign) for sign in (1, -1)), key=lambda groups: _value(rows, wrong, groups))
    groups = _fewer(rows, wrong, best)
    ends = [group[-1] for group in groups[:-1]]
    unknown = np.array([(~known).sum(), bad[~known].sum()])
    all_rows = np.r_[[rows[group].sum() for group in groups], unknown[0]].astype(np.int64)
    all_bad = np.r_[[wrong[group].sum() for group in groups], unknown[1]].astype(np.int64)
    woe, value = _evidence(all_rows, all_bad)
    if unknown[0] < LEAST_UNKNOWN:  # too few to tell: neither good nor bad
        woe[-1] = 0.0
    return Bins(edges[ends], woe, all_rows, all_bad, value)


def _pooled(rows: NDArray[np.int64], bad: NDArray[np.int64], sign: int) -> list[list[int]]:
    """Groups of neighbours whose share of bad only rises (sign 1) or only falls (-1)."""
    groups: list[list[int]] = []
    for place in range(len(rows)):
        groups.append([place])
        while len(groups) > 1 and sign * (_rate(rows, bad, groups[-2]) - _rate(rows, bad, groups[-1])) >= 0:
            last = groups.pop()
            groups[-1] += last
    return groups


def _fewer(rows: NDArray[np.int64], bad: NDArray[np.int64], groups: list[list[int]]) -> list[list[int]]:
    """The same with small groups, then the likest neighbours, joined: what was monotone stays so."""
    groups = [list(group) for group in groups]
    while len(groups) > 1:
        sizes = [rows[group].sum() for group in groups]
        small = int(np.argmin(sizes))
        gaps = np.abs(np.diff([_rate(rows, bad, group) for group in groups]))
        if sizes[small] < LEAST_SHARE * rows.sum():
            near = [n for n in (small - 1, small) if 0 <= n < len(gaps)]
            left = min(near, key=lambda n: gaps[n])
        elif len(groups) > MOST_BINS:
            left = int(np.argmin(gaps))
        else:
            break
        groups[left : left + 2] = [groups[left] + groups[left + 1]]
    return groups


def _rate(rows: NDArray[np.int64], bad: NDArray[np.int64], group: list[int]) -> float:
    return float(bad[group].sum() / max(1, rows[group].sum()))


def _value(rows: NDArray[np.int64], bad: NDArray[np.int64], groups: list[list[int]]) -> float:
    held = np.array([rows[group].sum() for group in groups])
    return _evidence(held, np.array([bad[group].sum() for group in groups]))[1]


def _evidence(rows: NDArray[np.int64], bad: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    good_share = np.maximum(rows - bad, _HALF) / max(1, (rows - bad).sum())
    bad_share = np.maximum(bad, _HALF) / max(1, bad.sum())
    woe = np.log(good_share / bad_share)
    held = rows > 0
    return np.where(held, woe, 0.0), float(np.sum(((good_share - bad_share) * woe)[held]))
