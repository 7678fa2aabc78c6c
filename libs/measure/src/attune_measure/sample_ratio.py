"""The sample-ratio check: do the arms' sizes fit the shares they were drawn with? If not, no effect is believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

THRESHOLD = 0.001
"""A smaller p means that the assignment, not chance, made the sizes: strict, since every result is checked."""

_EXACT_BELOW = 1_000
_DRAWS = 20_000


@dataclass(frozen=True)
class SampleRatio:
    """The check's p value, whether the sizes are believable, and how p was found."""

    p: float
    ok: bool
    method: str


def sample_ratio(observed: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """Compare the arms' sizes with their shares (any positive scale, e.g. basis points).

    Two arms of together less than 1,000: exact binomial. Several arms with an expected size below 5: simulated with a
    fixed seed. Otherwise chi-square. Nobody assigned: p = 1. ValueError if the lists do not fit each other.
    """
    if len(observed) != len(shares) or len(observed) < 2:
        raise ValueError("a sample ratio compares the sizes of at least two arms with as many shares")
    if min(observed) < 0 or min(shares) <= 0:
        raise ValueError("sizes are not negative and shares positive")
    counts = np.asarray(observed, dtype=np.int64)
    expected_shares = np.asarray(shares, dtype=np.float64) / float(np.sum(np.asarray(shares, dtype=np.float64)))
    p, method = _p_value(counts, expected_shares)
    return SampleRatio(p, p >= THRESHOLD, method)


def _p_value(counts: np.ndarray, shares: np.ndarray) -> tuple[float, str]:
    total = int(counts.sum())
    if total == 0:
        return 1.0, "empty"
    if len(counts) == 2 and total < _EXACT_BELOW:
        return _binomial(int(counts[0]), total, float(shares[0])), "binomial"
    statistic = float(_chi_square(counts, total * shares))
    if len(counts) > 2 and float(total * shares.min()) < 5:
        draws = np.random.default_rng(0).multinomial(total, shares, size=_DRAWS)
        as_far = int(np.count_nonzero(_chi_square(draws, total * shares) >= statistic * (1 - 1e-12)))
        return (1 + as_far) / (1 + _DRAWS), "simulated"
    return float(special.chdtrc(len(counts) - 1, statistic)), "chi_square"


def _chi_square(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.asarray(((counts - expected) ** 2 / expected).sum(axis=-1))


def _binomial(x: int, n: int, share: float) -> float:
    """Exact two-sided p: the probability of all sizes that are no likelier than the one seen."""
    k = np.arange(n + 1, dtype=np.float64)
    log_choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    mass = np.exp(log_choose + k * np.log(share) + (n - k) * np.log1p(-share))
    return min(1.0, float(mass[mass <= mass[x] * (1 + 1e-7)].sum()))
