"""A model's page: each figure of the comparison, of the drift and of the responses stands there, in words and drawn."""

import re
from html import unescape
from typing import Any

import pytest

from scoring.cards.report import Reported, report

COMPARED: dict[str, Any] = {
    "outcome": {"kinds": ["wealth_purchase"], "within_days": 40, "wanted": "more"},
    "as_of": "2026-03-15",
    "currency": "CNY",
    "comparisons": [
        {
            "group": {"group": "model", "n": 2_402, "responses": 491, "rate": 0.2044, "amount_minor": 184_125_000},
            "against": {"group": "no_model", "n": 598, "responses": 60, "rate": 0.1003, "amount_minor": 22_500_000},
            "since": "2026-01-31", "until": "2026-03-12", "final": True,
            "response": {"difference": 0.1041, "low": 0.0725, "high": 0.1327, "verdict": "proved",
                         "reason": "interval_above_zero"},
            "money": {"verdict": "not proved", "reason": "interval_covers_zero", "earned_minor": 93_750_012,
                      "earned_low_minor": -120_001, "earned_high_minor": 187_620_000},
        },
        {
            "group": {"group": "challenger", "n": 0, "responses": 0, "rate": None, "amount_minor": 0},
            "against": {"group": "champion", "n": 2_402, "responses": 7, "rate": 0.0029, "amount_minor": 100},
            "since": "2026-03-15", "until": None, "final": False,
            "response": {"difference": None, "low": None, "high": None, "verdict": "not proved",
                         "reason": "sample_too_small"},
            "money": {"verdict": "not proved", "reason": "sample_too_small", "earned_minor": None,
                      "earned_low_minor": None, "earned_high_minor": None},
        },
    ],
}  # fmt: skip
DRIFT = {"psi": 0.1731, "ks": 0.1642, "missing_before": 0.02, "missing": 0.05, "level": "moderate"}
SEEN: dict[str, Any] = {
    "version": 3, "state": "champion", "as_of": "2026-03-14", "rows": 3_000, "moderate": 0.1, "major": 0.25,
    "features": [DRIFT | {"feature": "demand_balance_minor"},
                 {"feature": "own_field", "psi": 0.002, "ks": 0.01, "missing_before": 0.0, "missing": 0.0,
                  "level": "stable"}],
    "score": DRIFT | {"psi": 0.31, "level": "major", "rows": 3_000, "edges": [0.1, 0.25], "trained": [100, 100, 200],
                      "counts": [300, 600, 2_100]},
    "responses": {
        "as_of": "2026-01-31", "until": "2026-03-12", "final": False,
        "deciles": [
            {"decile": n, "n": 300, "responses": 30 - 2 * n, "rate": (30 - 2 * n) / 300, "low": (20 - n) / 300,
             "high": (40 - n) / 300, "trained": None if n == 10 else (33 - 3 * n) / 300}
            for n in range(1, 11)
        ],
    },
}  # fmt: skip
CROSSED = [
    {"as_of": "2026-03-14", "version": 3, "feature": None, "level": "major", "psi": 0.31, "ks": 0.1642},
    {"as_of": "2026-03-14", "version": 3, "feature": "demand_balance_minor", "level": "moderate", "psi": 0.1731,
     "ks": 0.2},
]  # fmt: skip


def in_words(told: str, language: str = "en") -> str:
    """The page as a reader of one language sees it, cells apart."""
    other = "zh" if language == "en" else "en"
    told = re.sub(rf'<span class="{other}">.*?</span>', "", told)
    return unescape(re.sub(r"<[^>]+>", "|", re.sub(r"</?span[^>]*>", "", told)))


def sections(told: str) -> dict[str, str]:
    """The page's parts by their English titles."""
    found = re.findall(r"<section>.*?</section>", told, re.DOTALL)
    return {re.findall(r'<h2>.*?<span class="en">(.*?)</span></h2>', part)[0]: part for part in found}


def rows(part: str) -> list[list[str]]:
    """The lines of a part's tables, in English, without their heads."""
    cells = (re.findall(r"<td>(.*?)</td>", line) for line in re.findall(r"<tr>(<td>.*?)</tr>", part))
    return [[in_words(cell).strip("|") for cell in line] for line in cells]


@pytest.fixture(scope="module")
def parts() -> dict[str, str]:
    return sections(report(Reported("propensity-wealth", COMPARED, [SEEN], CROSSED)))


def test_the_page_has_a_part_for_each_thing_that_is_known(parts: dict[str, str]) -> None:
    assert list(parts) == [
        "What the model earned", "Drift: version 3 (champion)", "Scores: version 3 (champion)",
        "Response by tenth: version 3 (champion)", "What has been crossed",
    ]  # fmt: skip
    bare = SEEN | {"score": None, "responses": None}
    assert list(sections(report(Reported("m", None, [bare], [])))) == [
        "What the model earned",
        "Drift: version 3 (champion)",
    ]


def test_a_comparison_shows_both_groups_and_what_may_be_claimed(parts: dict[str, str]) -> None:
    part = parts["What the model earned"]
    assert rows(part) == [
        ["the model", "2,402", "491", "20.4%", "1841250.00"],
        ["no model", "598", "60", "10.0%", "225000.00"],
        ["challenger", "0", "0", "–", "0.00"],
        ["champion", "2,402", "7", "0.3%", "1.00"],
    ]
    en, zh = in_words(part), in_words(part, "zh")
    assert "wealth_purchase within 40 days; from the ledger up to 2026-03-15" in en
    assert "Difference +10.41 % (95 % interval +7.25 % … +13.27 %): proved, the interval lies above zero." in en
    assert "Earned 937500.12 (-1200.01 … 1876200.00) CNY: not proved, the interval holds zero." in en
    assert "after 2026-01-31 up to 2026-03-12|" in en
    assert "after 2026-03-15 up to –, the window is open" in en
    assert "响应率差异 +10.41 %（95% 区间 +7.25 % … +13.27 %）：已证实，置信区间高于零。" in zh
    # One interval is drawn, right of zero as it lies; the other pair has none.
    [line] = re.findall(r'<line class="line one" x1="([\d.]+)" x2="([\d.]+)"', part)
    assert 320 < float(line[0]) < float(line[1]) < 640


def test_where_fewer_is_the_gain_the_words_fit_the_interval_that_is_shown() -> None:
    pair = COMPARED["comparisons"][0]
    response = pair["response"] | {"difference": -0.05, "low": -0.08, "high": -0.02}
    outcome = {"kinds": ["assets_gone"], "within_days": 180, "wanted": "fewer"}
    told = COMPARED | {"outcome": outcome, "comparisons": [pair | {"response": response}]}
    en = in_words(report(Reported("churn", told, [], [])))
    assert "within 180 days; fewer is the gain" in en
    assert "(95 % interval -8.00 % … -2.00 %): proved, the interval lies below zero." in en


def test_drift_is_told_of_the_score_and_of_each_feature(parts: dict[str, str]) -> None:
    part = parts["Drift: version 3 (champion)"]
    assert rows(part) == [
        ["the score", "0.31", "0.1642", "2.0%", "5.0%", "major"],
        ["Demand balance", "0.1731", "0.1642", "2.0%", "5.0%", "moderate"],
        ["own_field", "0.002", "0.01", "0.0%", "0.0%", "stable"],
    ]
    assert "PSI of 3,000 customers of 2026-03-14 against the training: from 0.1 on moderate, from 0.25 on major." in (
        in_words(part)
    )
    # The longest bar is the score's; what is stable has the first colour.
    drawn = re.findall(r'<rect class="(one|two)" x="250" y="\d+" width="([\d.]+)"', part)
    assert [kind for kind, _ in drawn] == ["two", "two", "one"]
    widths = [float(width) for _, width in drawn]
    assert widths[1] / widths[0] == pytest.approx(0.1731 / 0.31, abs=0.01)


def test_score_columns_are_the_shares_of_training_and_of_now(parts: dict[str, str]) -> None:
    part = parts["Scores: version 3 (champion)"]
    drawn = re.findall(r'<rect class="(one|two)" x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)"', part)
    assert [kind for kind, _ in drawn] == ["one", "two"] * 3
    tall = [float(height) for _, height in drawn]
    shares = [0.25, 0.1, 0.25, 0.2, 0.5, 0.7]
    assert [one / tall[-1] for one in tall] == pytest.approx([share / 0.7 for share in shares], abs=0.01)
    assert all(f">{name}<" in part for name in ("≤0.1", "≤0.25", "…"))


def test_the_response_curve_is_drawn_with_its_interval_beside_the_trainings(parts: dict[str, str]) -> None:
    part = parts["Response by tenth: version 3 (champion)"]
    lines = {
        kind: [[float(at) for at in point.split(",")] for point in points.split()]
        for kind, points in re.findall(r'<polyline class="line (one|soft)" points="([^"]*)"', part)
    }
    assert (len(lines["one"]), len(lines["soft"])) == (10, 9), "what training does not tell is not drawn"
    across = [point[0] for point in lines["one"]]
    assert across == pytest.approx([64 + 552 * n / 10 for n in range(1, 11)], abs=0.1)
    # The picture's top is the round number above the highest bound, 39 of 300; rates are drawn on that scale.
    rates = [(256 - point[1]) / 244 * 0.16 for point in lines["one"]]
    assert rates == pytest.approx([(30 - 2 * n) / 300 for n in range(1, 11)], abs=0.001)
    assert len(re.findall(r'<polyline class="line two"', part)) == 2
    assert len(re.findall(r"<circle", part)) == 10
    told = rows(part)
    assert told[0] == ["1", "300", "28", "9.3%", "6.3% … 13.0%", "10.0%"]
    assert told[-1] == ["10", "300", "10", "3.3%", "3.3% … 10.0%", "–"]
    assert "the window is open, more will come" in in_words(part)


def test_crossings_are_listed(parts: dict[str, str]) -> None:
    assert rows(parts["What has been crossed"]) == [
        ["2026-03-14", "3", "the score", "major", "0.31", "0.1642"],
        ["2026-03-14", "3", "Demand balance", "moderate", "0.1731", "0.2"],
    ]
