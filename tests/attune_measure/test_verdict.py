"""The verdict: a gain is claimed only where everything speaks for it."""

import pytest

from attune_measure.intervals import Difference
from attune_measure.rates import newcombe
from attune_measure.verdict import verdict

GAIN = newcombe(389, 2731, 245, 2718)


def test_a_gain_is_proved() -> None:
    found = verdict(GAIN, 2731, 2718, sample_ratio_ok=True)
    assert found.proved
    assert (found.text, found.reason) == ("proved", "interval_above_zero")


@pytest.mark.parametrize(
    ("difference", "n1", "n2", "ratio", "minimum", "reason"),
    [
        (GAIN, 2731, 2718, False, 100, "sample_ratio"),
        (GAIN, 2731, 2718, True, 5_000, "sample_too_small"),
        (newcombe(9, 10, 1, 10), 10, 10, True, 100, "sample_too_small"),
        (None, 0, 10, True, 0, "sample_too_small"),
        (newcombe(250, 2731, 245, 2718), 2731, 2718, True, 100, "interval_covers_zero"),
        (newcombe(245, 2718, 389, 2731), 2718, 2731, True, 100, "interval_below_zero"),
    ],
)
def test_otherwise_nothing_is_proved(
    difference: Difference | None, n1: int, n2: int, ratio: bool, minimum: int, reason: str
) -> None:
    found = verdict(difference, n1, n2, sample_ratio_ok=ratio, minimum=minimum)
    assert not found.proved
    assert (found.text, found.reason) == ("not proved", reason)
