"""Lifetime value: the published parameters of the CDNOW sample, and a generated one whose truth is known."""

import gzip
import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from scoring.spec import SpecRefused
from scoring.training import lifetime_value
from scoring.training.lifetime_value import Customers

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")
CDNOW = REAL_DATA / "cdnow" / "CDNOW_sample.txt.gz"
END = date(1997, 9, 30).toordinal()


@pytest.mark.skipif(not CDNOW.exists(), reason=f"no {CDNOW.name}: set ATTUNE_REAL_DATA")
def test_the_cdnow_sample_has_the_published_parameters() -> None:
    lines = [line.split() for line in gzip.decompress(CDNOW.read_bytes()).decode().splitlines() if line.strip()]
    customer = np.array([int(line[1]) for line in lines])
    day = np.array([date(int(d[:4]), int(d[4:6]), int(d[6:])).toordinal() for d in (line[2] for line in lines)])
    sample = lifetime_value.summarise(customer, day, np.array([float(line[4]) for line in lines]), END)
    assert (len(sample.x), int((sample.x > 0).sum())) == (2357, 946)
    found = lifetime_value.fit(sample)
    bought, paid = found.purchases, found.amounts
    assert [round(v, 4) for v in (bought.r, bought.alpha, bought.a, bought.b)] == [0.2426, 4.4136, 0.7929, 2.4259]
    assert round(bought.log_likelihood, 2) == -9582.43
    assert [round(v, 4) for v in (paid.p, paid.q, paid.gamma)] == [6.2496, 3.7442, 15.4435]
    one = Customers(np.array([2.0]), np.array([30.43]), np.array([38.86]), np.array([20.0]))
    assert round(float(bought.expected(one, 39)[0]), 3) == 1.226
    assert found.at_bounds == ()


def test_purchases_of_one_day_are_one_and_the_first_day_is_no_repetition() -> None:
    found = lifetime_value.summarise(
        np.array([7, 7, 7, 3, 7]), np.array([0, 14, 14, 7, 99]), np.array([5.0, 1.5, 2.5, 9.0, 9.0]), 28
    )
    assert found.x.tolist() == [0, 1]
    assert found.t_x.tolist() == [0, 2]
    assert found.T.tolist() == [3, 4]
    assert np.isnan(found.mean[0])
    assert found.mean[1] == 4.0


def test_a_generated_bank_is_found_again_and_its_future_foretold() -> None:
    draw = np.random.default_rng(5)
    count, end, beyond = 6_000, 50.0, 30.0
    rate, leaves = draw.gamma(0.8, 1 / 6, count), draw.beta(1.2, 3.0, count)
    x, t_x, future = np.zeros(count), np.zeros(count), np.zeros(count)
    for n in range(count):
        at = 0.0
        while True:
            at += draw.exponential(1 / rate[n])
            if at > end + beyond:
                break
            if at <= end:
                x[n], t_x[n] = x[n] + 1, at
            else:
                future[n] += 1
            if draw.random() < leaves[n]:
                break
    usual = draw.gamma(6.0, 10.0, count)
    mean = np.where(x > 0, draw.gamma(np.maximum(5 * x, 1), usual / np.maximum(5 * x, 1)), np.nan)
    found = lifetime_value.fit(Customers(x, t_x, np.full(count, end), mean))
    sample = Customers(x, t_x, np.full(count, end), mean)
    assert found.purchases.expected(sample, beyond).sum() == pytest.approx(future.sum(), rel=0.06)
    assert abs(found.correlation) < 0.1
    alive = found.purchases.alive(sample)
    assert ((alive > 0) & (alive <= 1)).all()
    busy = x >= 2
    assert found.amounts.expected(sample)[busy].mean() == pytest.approx(usual[busy].mean(), rel=0.05)
    assert (found.value(sample, beyond) >= 0).all()


def test_too_few_who_came_back_are_refused() -> None:
    with pytest.raises(SpecRefused, match="second day"):
        lifetime_value.fit(Customers(np.zeros(50), np.zeros(50), np.full(50, 9.0), np.full(50, np.nan)))


def test_what_a_sample_does_not_settle_is_named() -> None:
    """Everybody pays the same and nobody leaves: the likeliest parameters lie at the bound of what is looked for."""
    draw = np.random.default_rng(1)
    x = draw.integers(0, 6, 400).astype(np.float64)
    last = np.where(x > 0, draw.uniform(1, 40, 400), 0.0)

    found = lifetime_value.fit(Customers(x, last, np.full(400, 50.0), np.where(x > 0, 100.0, np.nan)))

    assert found.at_bounds == ("b", "p", "q")
    assert found.correlation == 0.0
    assert found.amounts.expected(Customers(x, last, np.full(400, 50.0), np.where(x > 0, 100.0, np.nan))) == (
        pytest.approx(np.full(400, 100.0), rel=0.01)
    )
