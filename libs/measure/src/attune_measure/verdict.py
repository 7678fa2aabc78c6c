"""The verdict: what an experiment may claim. No claim without interval, sound sample ratio and minimum sample."""

from dataclasses import dataclass
from typing import Literal

from attune_measure.intervals import Difference

MINIMUM_PER_ARM = 100
"""Below this many customers in an arm nothing is claimed, however wide or narrow the interval."""


@dataclass(frozen=True)
class Verdict:
    """`proved` = the treatment raised the outcome. The reason is a stable code."""

    text: Literal["proved", "not proved"]
    reason: Literal[
        "interval_above_zero", "interval_covers_zero", "interval_below_zero", "sample_too_small", "sample_ratio"
    ]

    @property
    def proved(self) -> bool:
        """Whether a gain is proved."""
        return self.text == "proved"


def verdict(
    difference: Difference | None, n1: int, n2: int, *, sample_ratio_ok: bool, minimum: int = MINIMUM_PER_ARM
) -> Verdict:
    """Judge treated minus control; `difference` is None where an arm is empty."""
    if difference is None or min(n1, n2) < minimum:
        return Verdict("not proved", "sample_too_small")
    if not sample_ratio_ok:
        return Verdict("not proved", "sample_ratio")
    if difference.low > 0:
        return Verdict("proved", "interval_above_zero")
    return Verdict("not proved", "interval_below_zero" if difference.high < 0 else "interval_covers_zero")
