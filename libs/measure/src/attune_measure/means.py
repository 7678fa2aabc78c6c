"""Means: Welch's interval for the difference of two, from moments that SQL has aggregated."""

from dataclasses import dataclass
from math import isfinite, sqrt

from scipy import special

from attune_measure.intervals import Difference, check_level


@dataclass(frozen=True)
class Moments:
    """Count, mean and sample variance (divisor n - 1) of one arm: `count(*)`, `avg(x)`, `var_samp(x)`."""

    n: int
    mean: float
    variance: float


def welch(one: Moments, two: Moments, level: float = 0.95) -> Difference:
    """The difference of the means with Welch's t interval; unequal variances allowed.

    ValueError if an arm has fewer than two customers or a moment is no finite number.
    """
    check_level(level)
    for arm in (one, two):
        if arm.n < 2:
            raise ValueError("a variance needs at least two customers in each arm")
        if not (isfinite(arm.mean) and isfinite(arm.variance)) or arm.variance < 0:
            raise ValueError("a mean is finite and a variance finite and not negative")
    estimate = one.mean - two.mean
    half = _half_width(one.variance / one.n, one.n, two.variance / two.n, two.n, level)
    return Difference(estimate, estimate - half, estimate + half, "welch")


def _half_width(square1: float, n1: int, square2: float, n2: int, level: float) -> float:
    """Half the interval from the squared standard errors, with the Welch-Satterthwaite degrees of freedom."""
    square = square1 + square2
    if square == 0:
        return 0.0
    degrees = square**2 / (square1**2 / (n1 - 1) + square2**2 / (n2 - 1))
    return float(special.stdtrit(degrees, 0.5 + level / 2)) * sqrt(square)
