"""Means against statsmodels and the published difference of Hillstrom's spend."""

import os
from pathlib import Path

import duckdb
import numpy as np
import pytest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from attune_measure.means import Moments, welch

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("ATTUNE_REAL_DATA", ROOT / "../shared/data"))


@pytest.mark.parametrize(("n1", "n2", "level"), [(2, 2, 0.95), (5, 40, 0.9), (300, 20, 0.99), (1_000, 1_100, 0.95)])
def test_equal_to_statsmodels(n1: int, n2: int, level: float) -> None:
    rng = np.random.default_rng(n1)
    one, two = rng.gamma(2.0, 30.0, n1), rng.normal(55.0, 5.0, n2)
    found = welch(
        Moments(n1, float(one.mean()), float(one.var(ddof=1))),
        Moments(n2, float(two.mean()), float(two.var(ddof=1))),
        level,
    )
    oracle = CompareMeans(DescrStatsW(one), DescrStatsW(two)).tconfint_diff(alpha=1 - level, usevar="unequal")
    assert (found.low, found.high) == pytest.approx(oracle, rel=1e-9)
    assert found.method == "welch"


def test_no_variance_no_width() -> None:
    found = welch(Moments(10, 3.0, 0.0), Moments(10, 1.0, 0.0))
    assert (found.estimate, found.low, found.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    "arm", [Moments(1, 3.0, 0.0), Moments(0, 0.0, 0.0), Moments(9, float("nan"), 1.0), Moments(9, 1.0, -1.0)]
)
def test_unusable_moments_are_refused(arm: Moments) -> None:
    with pytest.raises(ValueError, match=r"at least two|finite"):
        welch(arm, Moments(10, 1.0, 1.0))


@pytest.mark.real_data
def test_hillstrom_spend() -> None:
    file = REAL / "hillstrom" / "hillstrom_mens_and_control.csv.gz"
    if not file.exists():
        pytest.skip(f"no real data at {file}: set ATTUNE_REAL_DATA")
    treated, control = (
        duckdb.connect()
        .execute(
            "SELECT count(*), avg(spend), var_samp(spend) FROM read_csv(?) GROUP BY segment ORDER BY segment",
            [str(file)],
        )
        .fetchall()
    )
    found = welch(Moments(*treated), Moments(*control))
    assert found.estimate == pytest.approx(0.769827, abs=1e-6)
    # The fixture takes the normal quantile; Student's at 36,000 degrees of freedom is 1e-5 wider here.
    assert (found.low, found.high) == pytest.approx((0.485149, 1.054505), abs=1.1e-5)
