"""What an estimate is: a value and the interval around it. Levels are two-sided, e.g. 0.95."""

from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval."""

    low: float
    high: float

    def covers(self, value: float) -> bool:
        """Whether the value lies in the closed interval."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Difference:
    """First arm minus second arm, with its interval and the method's name."""

    estimate: float
    low: float
    high: float
    method: str

    def covers(self, value: float) -> bool:
        """Whether the value lies in the closed interval."""
        return self.low <= value <= self.high


def normal_quantile(level: float) -> float:
    """The z of a two-sided level: 1.96 for 0.95. ValueError outside (0, 1)."""
    check_level(level)
    return NormalDist().inv_cdf(0.5 + level / 2)


def check_level(level: float) -> None:
    """ValueError if a level is not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"a level lies strictly between 0 and 1, not {level}")
