"""Power of comparing two rates: what an experiment of a given size can prove, and what size a proof needs.

Normal approximation with the pooled variance under no effect (Fleiss; R's `power.prop.test`, both tails).
"""

from math import ceil, sqrt
from statistics import NormalDist

from attune_measure.intervals import check_level, normal_quantile

_NORMAL = NormalDist()


def power(p1: float, p2: float, n1: int, n2: int, level: float = 0.95) -> float:
    """The probability that the difference of the rates is found, with n1 and n2 customers in the arms."""
    _check_rates(p1, p2)
    if n1 < 1 or n2 < 1:
        raise ValueError("both arms need at least one customer")
    z = normal_quantile(level)
    pooled = (n1 * p1 + n2 * p2) / (n1 + n2)
    null = sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    spread = sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    gap = abs(p1 - p2)
    if spread == 0:
        return 1.0 if gap > z * null else 0.0
    return _NORMAL.cdf((gap - z * null) / spread) + _NORMAL.cdf((-gap - z * null) / spread)


def sample_size(p1: float, p2: float, target: float = 0.8, level: float = 0.95) -> int:
    """Customers in each of two equal arms so that the difference is found with probability `target`."""
    _check_rates(p1, p2)
    check_level(target)
    if p1 == p2:
        raise ValueError("equal rates have no difference to find")
    mean = (p1 + p2) / 2
    null = normal_quantile(level) * sqrt(2 * mean * (1 - mean))
    spread = _NORMAL.inv_cdf(target) * sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return max(1, ceil(((null + spread) / (p1 - p2)) ** 2))


def minimum_detectable_effect(base: float, n1: int, n2: int, target: float = 0.8, level: float = 0.95) -> float:
    """The smallest rise above the base rate (second arm) that is found with probability `target`.

    ValueError if even a rise to 1 would not be found.
    """
    check_level(target)
    if power(1.0, base, n1, n2, level) < target:
        raise ValueError(f"{n1} and {n2} customers cannot show any rise above {base}")
    low, high = base, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle, base, n1, n2, level) >= target else (middle, high)
    return high - base


def _check_rates(*rates: float) -> None:
    if not all(0 <= rate <= 1 for rate in rates):
        raise ValueError("a rate lies between 0 and 1")
