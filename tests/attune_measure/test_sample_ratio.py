"""The sample-ratio check: exact where small, chi-square where large, and right about one time in a thousand."""

import numpy as np
import pytest

from attune_measure.sample_ratio import THRESHOLD, sample_ratio


@pytest.mark.parametrize(("observed", "share"), [((7, 3), 0.5), ((0, 9), 0.3), ((480, 400), 0.5), ((950, 40), 0.96)])
def test_two_small_arms_are_judged_exactly(observed: tuple[int, int], share: float) -> None:
    from scipy import stats

    found = sample_ratio(observed, (share, 1 - share))
    assert found.method == "binomial"
    assert found.p == pytest.approx(stats.binomtest(observed[0], sum(observed), share).pvalue, rel=1e-6)


@pytest.mark.parametrize(
    ("observed", "shares"), [((2731, 2718), (5000, 5000)), ((9_000, 1_100), (9, 1)), ((500, 480, 530), (1, 1, 1))]
)
def test_large_arms_are_judged_by_chi_square(observed: tuple[int, ...], shares: tuple[float, ...]) -> None:
    from scipy import stats

    expected = np.array(shares) / sum(shares) * sum(observed)
    found = sample_ratio(observed, shares)
    assert found.method == "chi_square"
    assert found.p == pytest.approx(stats.chisquare(observed, expected).pvalue, rel=1e-9)


def test_several_arms_with_a_tiny_one_are_simulated_the_same_each_time() -> None:
    found = sample_ratio((60, 38, 2), (0.6, 0.38, 0.02))
    assert (found.method, found.ok) == ("simulated", True)
    assert found == sample_ratio((60, 38, 2), (0.6, 0.38, 0.02))
    assert not sample_ratio((50, 30, 20), (0.6, 0.38, 0.02)).ok


def test_a_lost_tenth_of_one_arm_is_noticed() -> None:
    assert sample_ratio((5_000, 5_040), (1, 1)).ok
    assert not sample_ratio((5_000, 4_500), (1, 1)).ok


def test_right_assignments_are_accused_at_the_thresholds_rate_only() -> None:
    treated = np.random.default_rng(5).binomial(5_000, 0.5, 3_000)
    accused = sum(not sample_ratio((int(x), 5_000 - int(x)), (1, 1)).ok for x in treated)
    assert accused <= 10  # expected: 3
    assert THRESHOLD == 0.001


def test_nobody_assigned_accuses_nobody() -> None:
    assert sample_ratio((0, 0), (1, 1)).ok


@pytest.mark.parametrize(
    ("observed", "shares"), [((1,), (1.0,)), ((1, 2), (1.0,)), ((1, -2), (1, 1)), ((1, 2), (1, 0))]
)
def test_lists_that_do_not_fit_are_refused(observed: tuple[int, ...], shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"sample ratio|sizes"):
        sample_ratio(observed, shares)
