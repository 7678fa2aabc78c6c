"""What we compute ourselves beside the libraries that others trust: causalml for uplift, optbinning for scorecards.

They are not installed here: their figures lie in tests/oracles, with the versions and the scripts that gave them.
"""

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest

from scoring.training import uplift
from scoring.training.binning import MOST_BINS, bins

ROOT = Path(__file__).parents[2]
ORACLES = ROOT / "tests" / "oracles"
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ORACLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ORACLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("learner", ["t", "x"])
def test_an_uplift_is_that_of_causalml(learner: Literal["t", "x"]) -> None:
    rows, treated, response = script("causalml_uplift").campaign()
    held = np.arange(len(rows)) % 2 == 1
    oracle = figures("causalml_uplift")[learner]

    found = uplift.fit(rows[~held], treated[~held], response[~held], learner)
    told = found.predict(rows[held])

    shown = np.array(oracle["uplift"])
    assert np.abs(told[: len(shown)] - shown).max() < 1e-6
    assert told.mean() == pytest.approx(oracle["mean"], abs=1e-6)
    # Theirs is in responses, ours in responses a customer.
    order = np.argsort(-told, kind="stable")
    ours = uplift.qini(treated[held][order], response[held][order])
    assert ours * held.sum() == pytest.approx(oracle["qini"], rel=1e-3)


def compared(columns: dict[str, Any], bad: Any, oracle: dict[str, Any]) -> dict[str, float]:
    """By feature which share of the best bins' information value ours have, where there is any."""
    shares = {}
    for name, values in columns.items():
        found, best = bins(values, bad), oracle[name]["value"]
        known = found.woe[:-1]
        assert len(known) <= MOST_BINS
        steps = np.diff(known)
        assert (steps >= 0).all() or (steps <= 0).all(), name
        if best > 0.05:
            shares[name] = found.value / best
    return shares


def test_monotone_bins_tell_nine_tenths_of_what_optbinnings_best_ones_do() -> None:
    oracle = figures("optbinning_bins")["invented"]
    shares = compared(*script("optbinning_bins").features(), oracle)

    assert set(shares) == {"rising", "falling", "few", "unknown"}
    assert min(shares.values()) > 0.9, shares


@pytest.mark.skipif(not (REAL_DATA / "german-credit").exists(), reason="no german-credit: set ATTUNE_REAL_DATA")
def test_of_german_credit_too() -> None:
    oracle = figures("optbinning_bins")["german"]
    shares = compared(*script("optbinning_bins").german(REAL_DATA), oracle)

    assert {"months", "amount"} <= set(shares)
    assert min(shares.values()) > 0.9, shares
