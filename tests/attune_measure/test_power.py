"""Power against R's published examples, the programme's own figures and simulation."""

import numpy as np
import pytest

from attune_measure.power import minimum_detectable_effect, power, sample_size
from attune_measure.rates import newcombe


def test_examples_of_r_power_prop_test() -> None:
    assert round(power(0.50, 0.75, 50, 50), 3) == 0.740
    assert sample_size(0.50, 0.75, 0.90) == 77  # R prints 76.7


@pytest.mark.parametrize(("p1", "p2", "customers"), [(0.558, 0.50, 1_160), (0.08, 0.07, 10_900)])
def test_figures_of_the_bank_programme(p1: float, p2: float, customers: int) -> None:
    assert sample_size(p1, p2) == pytest.approx(customers, rel=0.005)


def test_2500_customers_an_arm_prove_five_points_over_nine_percent() -> None:
    assert power(0.14, 0.09, 2_500, 2_500) >= 0.95


@pytest.mark.parametrize("p2", [0.02, 0.09, 0.5])
def test_the_size_reaches_its_power_and_no_smaller_one_does(p2: float) -> None:
    n = sample_size(p2 + 0.05, p2, 0.9)
    assert power(p2 + 0.05, p2, n, n) >= 0.9 > power(p2 + 0.05, p2, n - 2, n - 2)


def test_the_detectable_effect_is_found_with_the_power_asked_for() -> None:
    effect = minimum_detectable_effect(0.09, 9_000, 1_000)
    assert power(0.09 + effect, 0.09, 9_000, 1_000) == pytest.approx(0.8, abs=1e-6)
    assert minimum_detectable_effect(0.09, 90_000, 10_000) < effect


def test_no_effect_is_found_at_the_error_rate() -> None:
    assert power(0.1, 0.1, 500, 700) == pytest.approx(0.05)


def test_agrees_with_simulated_experiments() -> None:
    rng = np.random.default_rng(11)
    ones, twos = rng.binomial(800, 0.14, 4_000), rng.binomial(800, 0.10, 4_000)
    found = sum(not newcombe(int(a), 800, int(b), 800).covers(0) for a, b in zip(ones, twos, strict=True))
    assert found / 4_000 == pytest.approx(power(0.14, 0.10, 800, 800), abs=0.03)


def test_certain_outcomes() -> None:
    assert power(1.0, 0.0, 10, 10) == 1.0
    assert power(0.0, 0.0, 10, 10) == 0.0


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="no difference"):
        sample_size(0.1, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        power(1.1, 0.1, 10, 10)
    with pytest.raises(ValueError, match="at least one"):
        power(0.2, 0.1, 0, 10)
    with pytest.raises(ValueError, match="cannot show"):
        minimum_detectable_effect(0.5, 2, 2)
