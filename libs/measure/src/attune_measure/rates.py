"""Rates: Wilson's interval for one, Newcombe's hybrid score interval for the difference of two.

E. B. Wilson, JASA 22 (1927) 209; R. G. Newcombe, Statistics in Medicine 17 (1998) 857 and 873 (method 10, without
continuity correction). Both keep their coverage at small n and at rates of 0 and 1, where Wald's interval has none.
"""

from math import sqrt

from attune_measure.intervals import Difference, Interval, normal_quantile


def wilson(x: int, n: int, level: float = 0.95) -> Interval:
    """The interval of the rate x/n; ValueError unless 0 <= x <= n and n >= 1."""
    _check_counts(x, n)
    z = normal_quantile(level)
    centre = x + z * z / 2
    half = z * sqrt(x * (n - x) / n + z * z / 4)
    # At the edges the bound is 0 or 1 exactly; floating point would miss it by 1e-17.
    low = 0.0 if x == 0 else (centre - half) / (n + z * z)
    high = 1.0 if x == n else (centre + half) / (n + z * z)
    return Interval(low, high)


def newcombe(x1: int, n1: int, x2: int, n2: int, level: float = 0.95) -> Difference:
    """The difference x1/n1 - x2/n2 with its interval; ValueError on impossible counts or an empty arm."""
    one, two = wilson(x1, n1, level), wilson(x2, n2, level)
    p1, p2 = x1 / n1, x2 / n2
    estimate = p1 - p2
    low = estimate - sqrt((p1 - one.low) ** 2 + (two.high - p2) ** 2)
    high = estimate + sqrt((one.high - p1) ** 2 + (p2 - two.low) ** 2)
    return Difference(estimate, max(-1.0, low), min(1.0, high), "newcombe")


def _check_counts(x: int, n: int) -> None:
    if n < 1:
        raise ValueError("a rate needs at least one customer")
    if not 0 <= x <= n:
        raise ValueError(f"{x} successes among {n} customers are impossible")
