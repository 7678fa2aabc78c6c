"""Uplift: a known order is found and proved, none is not; on real campaigns the overall effect is the published one."""

import csv
import gzip
import os
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from scoring.spec import SpecRefused
from scoring.training import uplift

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")
HILLSTROM = REAL_DATA / "hillstrom" / "hillstrom_mens_and_control.csv.gz"
INSURANCE = REAL_DATA / "insurance-uplift" / "train.parquet"
Learner = Literal["t", "x"]
Mask = NDArray[np.bool_]


def judged(learner: Learner, rows: NDArray[np.float32], treated: Mask, response: Mask) -> uplift.UpliftReport:
    held = np.arange(len(rows)) % 2 == 1
    found = uplift.fit(rows[~held], treated[~held], response[~held], learner)
    return uplift.report(learner, found.predict(rows[held]), treated[held], response[held])


def invented(strength: float, count: int = 8_000) -> tuple[NDArray[np.float32], Mask, Mask]:
    """The first feature says whom the action changes, the second who buys anyway."""
    draw = np.random.default_rng(3)
    rows = draw.random((count, 4)).astype(np.float32)
    treated = draw.random(count) < 0.5
    chance = 0.1 + 0.3 * rows[:, 1] + strength * rows[:, 0] * treated
    return rows, treated, draw.random(count) < chance


@pytest.mark.parametrize("learner", ["t", "x"])
def test_whom_the_action_changes_is_found_and_proved(learner: Learner) -> None:
    found = judged(learner, *invented(0.4))
    assert found.proved
    assert found.interval.low < found.qini < found.interval.high
    first, last = found.deciles[0].effect, found.deciles[-1].effect
    assert first.estimate > last.estimate + 0.1
    assert sum(d.treated + d.control for d in found.deciles) == 4_000


@pytest.mark.parametrize("learner", ["t", "x"])
def test_a_propensity_without_uplift_is_not_proved(learner: Learner) -> None:
    found = judged(learner, *invented(0.0))
    assert not found.proved
    assert found.overall.low < 0 < found.overall.high


def test_the_qini_coefficient_by_hand() -> None:
    treated = np.array([True, False, True, False])
    response = np.array([True, False, False, True])
    # The curve: 1, 1, 1, 0 after each customer; the straight line ends at 0.
    assert uplift.qini(treated, response) == pytest.approx((1 + 1 + 1 + 0) / 5 / 4)
    assert uplift.qini(treated[::-1], response[::-1]) < 0


def test_an_arm_that_never_responds_is_refused() -> None:
    rows, treated, response = invented(0.2, 400)
    with pytest.raises(SpecRefused, match="control arm"):
        uplift.fit(rows, treated, response & treated, "t")


@pytest.mark.skipif(not HILLSTROM.exists(), reason=f"no {HILLSTROM.name}: set ATTUNE_REAL_DATA")
def test_the_mens_mailing_has_its_published_effect() -> None:
    table = list(csv.DictReader(gzip.decompress(HILLSTROM.read_bytes()).decode().splitlines()))
    treated = np.array([line["segment"] != "No E-Mail" for line in table])
    visit = np.array([line["visit"] == "1" for line in table])
    rows = np.array(
        [[float(line[name]) for name in ("recency", "history", "mens", "womens", "newbie")] for line in table],
        dtype=np.float32,
    )
    learned = uplift.fit(rows, treated, visit, "t")
    found = uplift.report("t", learned.predict(rows), treated, visit)
    assert len(table) == 42_613
    assert found.overall.estimate == pytest.approx(0.076590, abs=5e-7)
    # Published by Wald; Newcombe's bounds lie beside it.
    assert (found.overall.low, found.overall.high) == pytest.approx((0.069954, 0.083226), abs=1e-4)


@pytest.mark.skipif(not INSURANCE.exists(), reason=f"no {INSURANCE.name}: set ATTUNE_REAL_DATA")
def test_who_is_likely_to_buy_insurance_is_not_whom_the_mailing_changes() -> None:
    table = pq.read_table(INSURANCE)
    names = [n for n in table.column_names if n not in ("TREATMENT", "PURCHASE", "UNIQUE_ID")]
    rows = np.column_stack([table[n].to_numpy().astype(np.float32) for n in names])
    treated, bought = table["TREATMENT"].to_numpy() == 1, table["PURCHASE"].to_numpy() == 1
    found = judged("t", rows, treated, bought)
    assert found.overall.low < 0 < found.overall.high  # of the mailing as a whole nothing is proved
    held = np.arange(len(rows)) % 2 == 1
    likely = uplift.propensity(rows[~held], bought[~held]).predict(rows[held])
    top = np.argsort(-likely, kind="stable")[: held.sum() // 10]
    assert bought[held][top].mean() > 1.5 * bought[held].mean()
    effect = uplift.effect_of(treated[held][top], bought[held][top])
    assert effect.low < 0 < effect.high
    assert found.deciles[0].effect.estimate > effect.estimate
