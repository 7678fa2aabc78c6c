"""Drift from counts by bins: the indices by hand, and what chance alone does."""

from math import log
from statistics import NormalDist

import numpy as np
import pytest

from attune_measure.drift import ks, psi, psi_by_chance

EDGES = [NormalDist().inv_cdf(n / 10) for n in range(1, 10)]
MODERATE = 0.1
RUNS = 200


def counts(values: np.ndarray) -> list[int]:
    return np.bincount(np.searchsorted(EDGES, values), minlength=10).tolist()


def test_by_hand() -> None:
    before, now = [49, 29, 19], [19, 29, 49]
    shares = [(49.5 / 98.5, 19.5 / 98.5), (19.5 / 98.5, 49.5 / 98.5)]
    assert psi(before, now) == pytest.approx(sum((b - a) * log(b / a) for a, b in shares))
    assert psi(before, [2 * n for n in before]) == pytest.approx(0, abs=1e-4)
    assert ks(before, now) == pytest.approx(30 / 97)
    assert psi([0, 100], [100, 0]) < 12, "an empty bin gives no infinity"


def test_what_does_not_fit_is_refused() -> None:
    for before, now in (([1, 2], [1]), ([0, 0], [1, 1]), ([1, 1], [0, 0]), ([-1, 3], [1, 1])):
        for index in (psi, ks):
            with pytest.raises(ValueError, match=r"bins|row|negative"):
                index(before, now)
    with pytest.raises(ValueError, match="rows"):
        psi_by_chance(10, 0, 5)
    assert psi_by_chance(1, 0, 0) == 0


def test_half_a_standard_deviation_is_seen() -> None:
    """Of two normal distributions the PSI is the square of the shift, and the bins lose a little of it."""
    from scipy import stats

    rng = np.random.default_rng(5)
    before, now = rng.normal(size=4_500), rng.normal(0.5, 1, 3_000)
    found = psi(counts(before), counts(now))
    assert MODERATE < 0.15 < found < 0.3
    exact = stats.ks_2samp(before, now).statistic
    assert exact - 0.03 < ks(counts(before), counts(now)) <= exact + 1e-12


@pytest.mark.parametrize(("n", "m", "alone"), [(4_500, 3_000, 0), (150, 150, 60)])
def test_false_alarms_of_two_hundred_runs_without_drift(n: int, m: int, alone: int) -> None:
    """With few rows the fixed threshold alone would cry wolf; chance's bound does not."""
    rng = np.random.default_rng(11)
    found = [psi(counts(rng.normal(size=n)), counts(rng.normal(size=m))) for _ in range(RUNS)]
    bound = psi_by_chance(10, n, m)
    assert sum(one >= MODERATE for one in found) >= alone
    assert sum(one >= MODERATE and one > bound for one in found) <= 1
