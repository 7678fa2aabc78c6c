"""Rates against the published cases and statsmodels, and A/A runs through the arms' own hashing."""

import os
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from attune_measure.arms import arm_sql
from attune_measure.rates import newcombe, wilson

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("ATTUNE_REAL_DATA", ROOT / "../shared/data"))

# Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10.
PUBLISHED = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0000)),
    ((10, 10, 0, 10), (0.6075, 1.0000)),
]


@pytest.mark.parametrize(("counts", "interval"), PUBLISHED)
def test_newcombe_meets_the_published_cases(counts: tuple[int, int, int, int], interval: tuple[float, float]) -> None:
    found = newcombe(*counts)
    assert (round(found.low, 4), round(found.high, 4)) == interval
    assert found.method == "newcombe"


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(956, 12_000, 0.0750, 0.0847), (1_152, 8_206, 0.1330, 0.1481), (536, 11_000, 0.0449, 0.0529)],
)
def test_wilson_meets_the_cases_of_the_bank_programme(x: int, n: int, low: float, high: float) -> None:
    # The programme truncates: 0.01 point is allowed.
    assert (wilson(x, n).low, wilson(x, n).high) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 3_000), st.integers(1, 3_000), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_equal_to_statsmodels_and_sane(n1: int, n2: int, data: st.DataObject, level: float) -> None:
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    found = newcombe(x1, n1, x2, n2, level)
    low, high = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", alpha=1 - level)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    mirrored = newcombe(x2, n2, x1, n1, level)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    one = wilson(x1, n1, level)
    assert (one.low, one.high) == pytest.approx(proportion_confint(x1, n1, 1 - level, "wilson"), abs=1e-9)
    assert 0 <= one.low <= x1 / n1 <= one.high <= 1


@pytest.mark.parametrize("counts", [(0, 0, 1, 10), (1, 10, 0, 0), (11, 10, 1, 10), (-1, 10, 1, 10), (1, 10, 2, 1)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"at least one customer|impossible"):
        newcombe(*counts)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, -0.5])
def test_impossible_levels_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        wilson(1, 2, level)


@pytest.mark.real_data
def test_hillstrom_visits_and_conversions() -> None:
    file = REAL / "hillstrom" / "hillstrom_mens_and_control.csv.gz"
    if not file.exists():
        pytest.skip(f"no real data at {file}: set ATTUNE_REAL_DATA")
    counts = (
        duckdb.connect()
        .execute(
            "SELECT sum(visit)::INT, sum(conversion)::INT, count(*) FROM read_csv(?) GROUP BY segment ORDER BY segment",
            [str(file)],
        )
        .fetchall()
    )
    (treated_visits, treated_conversions, treated), (visits, conversions, control) = counts
    visit = newcombe(treated_visits, treated, visits, control)
    conversion = newcombe(treated_conversions, treated, conversions, control)
    assert treated + control == 42_613
    # The fixture's intervals are Wald's: symmetric, which a rate of 1 % is not; they differ in the fifth decimal.
    assert (visit.estimate, visit.low, visit.high) == pytest.approx((0.076590, 0.069954, 0.083226), abs=2e-5)
    assert conversion.estimate == pytest.approx(0.006805, abs=5e-7)
    assert (conversion.low, conversion.high) == pytest.approx((0.005000, 0.008610), abs=4e-5)


def test_4000_experiments_without_effect_reject_one_in_twenty() -> None:
    """Each run: an own salt cuts the same 1,500 customers into halves; one in eight would have bought anyway."""
    runs = (
        duckdb.connect()
        .execute(
            f"""
        WITH people AS (SELECT md5(i::VARCHAR)::UUID::VARCHAR AS id, i % 8 = 0 AS buys FROM range(1500) t(i)),
             arms AS (
                 SELECT run, buys, {arm_sql("'aa-2026-' || run", "id")} < 5000 AS control
                 FROM people, range(4000) r(run))
        SELECT count(*) FILTER (buys AND NOT control), count(*) FILTER (NOT control),
               count(*) FILTER (buys AND control), count(*) FILTER (control)
        FROM arms GROUP BY run
        """
        )
        .fetchall()
    )
    rejected = sum(not newcombe(*run).covers(0) for run in runs)
    assert len(runs) == 4_000
    assert 0.04 <= rejected / len(runs) <= 0.06
