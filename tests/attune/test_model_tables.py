"""What models are and earn, as tables for people: every figure, and names that are never markup."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from attune import model_tables

NAME = "propensity[red]"
EFFECT = {"method": "newcombe", "verdict": "proved", "reason": "interval_above_zero"}
PAIR: dict[str, Any] = {
    "group": {"group": "model", "versions": [1], "n": 18_021, "responses": 1_514, "rate": 0.084, "amount": "1.00"},
    "against": {"group": "no_model", "versions": [], "n": 1_979, "responses": 125, "rate": 0.063, "amount": "1.00"},
    "since": "2026-01-31", "until": "2026-03-12", "final": False, "population_as_of": "2026-01-31",
    "sample_ratio": {"p": 0.4, "ok": True},
    "response": EFFECT | {"difference": 0.021, "low": 0.011, "high": 0.03},
    "money": {"verdict": "not proved", "reason": "interval_covers_zero", "earned": "1214000.00",
              "earned_low": "-362402.31", "earned_high": "2065747.23", "difference": "67.37"},
}  # fmt: skip
COMPARED = {
    "model": NAME, "outcome": {"kinds": ["wealth_purchase"], "within_days": 30, "wanted": "more"},
    "as_of": "2026-03-15", "currency": "CNY", "comparisons": [PAIR],
}  # fmt: skip
DRIFT = {"psi": 0.1731, "ks": 0.1642, "missing_before": 0.021, "missing": None, "level": "moderate"}
SEEN: dict[str, Any] = {
    "version": 3, "state": "champion", "rows": 20_000, "as_of": "2026-03-14", "score": None,
    "features": [DRIFT | {"feature": f"f{n}"} for n in range(20)],
    "responses": {"as_of": "2026-01-31", "until": "2026-03-01", "final": False, "deciles": [
        {"decile": 1, "n": 2_002, "responses": 412, "rate": 0.2058, "low": 0.1887, "high": 0.224, "trained": None},
    ]},
}  # fmt: skip


def printed(*tables: Table) -> str:
    console = Console(file=StringIO(), width=240, highlight=False)
    for table in tables:
        console.print(table)
    assert isinstance(console.file, StringIO)
    return " ".join(console.file.getvalue().split())


def test_a_comparison_tells_both_groups_the_intervals_and_what_is_proved() -> None:
    text = printed(model_tables.comparison(COMPARED))
    assert f"{NAME}: wealth_purchase within 30 days, up to 2026-03-15" in text
    for figure in (
        "model", "no model", "after 2026-01-31 to 2026-03-12 (open)", "18,021 / 1,979", "8.40% / 6.30%",
        "2.10% [1.10%, 3.00%]", "proved: interval above zero", "not proved: interval covers zero",
        "1214000.00 [-362402.31, 2065747.23] CNY",
    ):  # fmt: skip
        assert figure in text


def test_a_comparison_fits_a_narrow_terminal() -> None:
    console = Console(file=StringIO(), width=80, highlight=False)
    console.print(model_tables.comparison(COMPARED))
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "model against no model" in text
    assert "2.10% [1.10%, 3.00%]" in text
    assert "1214000.00 [-362402.31, 2065747.23] CNY" in text


def test_shares_tell_who_is_without_model_and_who_answers() -> None:
    told = {"purpose": "propensity", "no_model_share": 0.1, "challenger_share": 0.05, "since": None,
            "models": [{"model": NAME, "champion": 3, "challenger": None}]}  # fmt: skip
    text = printed(model_tables.shares(told))
    assert "propensity: 10.00% without model, 5.00% by challengers, since –" in text
    assert f"│ {NAME} │ 3 │ │" in text


def test_where_fewer_is_the_gain_the_reason_is_that_of_the_interval_shown() -> None:
    response = EFFECT | {"difference": -0.03, "low": -0.04, "high": -0.02}
    outcome = {"kinds": ["assets_gone"], "within_days": 180, "wanted": "fewer"}
    text = printed(
        model_tables.comparison(COMPARED | {"outcome": outcome, "comparisons": [PAIR | {"response": response}]})
    )
    assert "within 180 days, fewer is the gain, up to" in text
    assert "-3.00% [-4.00%, -2.00%]" in text
    assert "proved: interval below zero" in text


def test_a_comparison_of_nobody_has_dashes() -> None:
    nobody = {"difference": None, "low": None, "high": None, "verdict": "not proved", "reason": "sample_too_small"}
    money = {"verdict": "not proved", "reason": "sample_too_small"} | dict.fromkeys(
        ("earned", "earned_low", "earned_high", "difference")
    )
    side = PAIR["group"] | {"n": 0, "rate": None}
    pair = PAIR | {"group": side, "against": side, "until": None, "response": nobody, "money": money}
    text = printed(model_tables.comparison(COMPARED | {"currency": None, "comparisons": [pair]}))
    assert "– [–, –]" in text
    assert "after 2026-01-31 to – (open)" in text


@pytest.mark.parametrize("score", [None, DRIFT])
def test_a_look_tells_drift_and_responses(score: dict[str, Any] | None) -> None:
    text = printed(*model_tables.look(SEEN | {"score": score}))
    assert "version 3 (champion), 20,000 customers of 2026-03-14" in text
    assert ("the score" in text) is (score is not None)
    assert text.count("0.1731") == model_tables.SHOWN + (score is not None)
    assert "2.10%" in text
    assert "outcomes up to 2026-03-01, more will come" in text
    assert "20.58%" in text
    assert "[18.87%, 22.40%]" in text
    assert len(list(model_tables.look(SEEN | {"responses": None}))) == 1


def test_on_a_narrow_terminal_no_name_is_cut() -> None:
    console = Console(file=StringIO(), width=80, highlight=False)
    about = {
        "name": "channel-preference-of-the-young",
        "purpose": "channel",
        "target": "t" * 40,
        "risk_class": "limited",
    }
    console.print(model_tables.registry([about | {"versions": 2, "champion": 1}]))
    assert isinstance(console.file, StringIO)
    assert "…" not in console.file.getvalue()
    assert console.file.getvalue().count("t") >= 40


def test_models_versions_and_crossings_are_listed_as_they_are_written() -> None:
    about = {"name": NAME, "purpose": "propensity", "target": "[b]x", "risk_class": "limited"}
    text = printed(model_tables.registry([about | {"versions": 2, "champion": None}]))
    assert NAME in text
    assert "[b]x" in text
    version = {
        "version": 2, "state": "champion", "origin": "trained", "trained_at": "2026-03-14T00:00:00Z",
        "sha256": "a" * 64, "metrics": {"auc": 0.81234, "ks": 0.5, "lift": 3.0, "brier": 0.1},
    }  # fmt: skip
    text = printed(model_tables.versions(about | {"versions": [version]}))
    assert "auc 0.8123, ks 0.5, lift 3" in text
    assert "a" * 16 + " " in text
    crossed = {"as_of": "2026-03-14", "version": 3, "feature": None, "level": "major", "psi": 0.3, "ks": 0.2}
    assert "the score" in printed(model_tables.crossings([crossed]))


def test_a_score_is_told_as_a_sum_of_what_its_features_add() -> None:
    line = {
        "customer_id": "c-1", "score": 0.25, "class": "web", "baseline": -1.5, "sum": -1.0986, "others": 0.0014,
        "contributions": [{"feature": "age[b]", "adds": 0.6, "zh": "", "en": ""},
                          {"feature": "tenure_days", "adds": -0.2, "zh": "", "en": ""}],
    }  # fmt: skip
    told = {
        "model": NAME, "version": 3, "as_of": "2026-03-14", "unit": "log_odds",
        "customers": [line, line | {"class": None, "others": 0.0}], "unknown": ["c-9"],
    }  # fmt: skip
    text = printed(model_tables.contributions(told))
    assert f"{NAME} v3, customers of 2026-03-14, sums in log odds" in text
    assert "0.2500 web" in text
    assert "age[b] +0.6000, tenure_days -0.2000, others +0.0014" in text
    assert text.count("others") == 1
    assert "-1.0986" in text
    assert "c-9 │ not in the snapshot" in text
