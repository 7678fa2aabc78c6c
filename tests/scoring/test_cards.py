"""A card as a page: every picture of a training, both languages, nothing from elsewhere, nothing unescaped."""

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from math import nan

import pytest

from scoring.cards import pictures
from scoring.cards.page import Facts, page
from scoring.cards.style import POLICY
from scoring.spec import About, TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trainer import train

HOSTILE = '"><script>alert(1)</script>'
SPEC = TrainingSpec.model_validate(
    {"model": "propensity-test", "label": {"kinds": ["wealth_purchase"], "within_days": 30}, "params": {"rounds": 10}}
)


class Tags(HTMLParser):
    """The tags and attributes of a page; every tag must be closed that is opened."""

    VOID = ("meta", "input", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def trained_page(generate: Callable[..., Examples]) -> str:
    trained = train(generate(rows=2_000), SPEC)
    card = trained.card | {"refused": [{"feature": "gender", "reason": "protected"}], "as_of": "2026-01-31"}
    return page(Facts(SPEC.about, trained.sha256, trained.metrics, card, trained.snapshot))


def test_the_page_shows_what_the_training_has_found(trained_page: str) -> None:
    titles = re.findall(r'<h2><span class="zh">([^<]*)</span><span class="en">([^<]*)</span>', trained_page)

    assert [en for _, en in titles] == [
        "The model", "How good it is", "ROC", "Lift and gain", "Calibration", "Importance",
        "Drift between training and test", "How those who answer yes differ", "Fairness", "What is no feature",
    ]  # fmt: skip
    assert all(re.search("[一-鿿]|ROC", zh) for zh, _ in titles)
    assert "活期余额" in trained_page
    assert len(re.findall(r"<svg", trained_page)) == 8


def test_the_page_asks_for_nothing_and_runs_nothing(trained_page: str) -> None:
    tags = Tags(trained_page)

    assert not tags.open
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "img", "iframe", "form", "object", "base"}
    attributes = {name for _, attrs in tags.found for name in attrs}
    assert not attributes & {"src", "href", "style", "onload", "onclick", "action"}
    assert not re.search(r"https?:|//[a-z]|url\(|@import", trained_page)
    [style] = re.findall(r"<style>(.*?)</style>", trained_page, re.DOTALL)
    assert b64encode(sha256(style.encode()).digest()).decode() in POLICY
    assert "prefers-color-scheme: dark" in style


def test_whatever_a_bank_writes_is_text() -> None:
    about = About("m", HOSTILE, HOSTILE, HOSTILE, population=HOSTILE)
    card = {
        "sheet": {"intended_use": HOSTILE},
        "gain": {HOSTILE: 1.0},
        "fairness": {HOSTILE: [{"group": HOSTILE, "rows": 1, "base_rate": 0.1, "selection_rate": 0.1, "ratio": None}]},
        "traits": [{"feature": HOSTILE, "difference": -1.0}],
        "refused": [{"feature": HOSTILE, "reason": HOSTILE}],
        "stability": [{"from": HOSTILE, "rows": 3, "auc": 0.7}, {"from": "x", "rows": 3, "auc": None}],
    }

    told = page(Facts(about, HOSTILE, {HOSTILE: nan}, card, {}))

    assert "<script" not in told
    assert told.count("&lt;script&gt;") >= 10
    assert not Tags(told).open


def test_a_version_that_says_little_has_a_page_all_the_same() -> None:
    told = page(Facts(About("m", "churn", "leaves"), "0" * 64, {}, {}, {"dataset": "warehouse"}))

    assert re.findall(r'<span class="en">([^<]*)</span></h2>', told) == ["The model"]


@pytest.mark.parametrize(
    ("most", "names"),
    [
        (0.167, ["0", "0.05", "0.1", "0.15", "0.2"]),
        (0.0359, ["0", "0.01", "0.02", "0.03", "0.04"]),
        (1.0, ["0", "0.25", "0.5", "0.75", "1"]),
        (37.0, ["0", "10", "20", "30", "40"]),
    ],
)
def test_an_axis_is_named_by_round_numbers(most: float, names: list[str]) -> None:
    drawn = pictures.columns([("a", [most])], ("柱", "columns"))
    assert re.findall(r'text-anchor="end">([^<]+)<', drawn) == names
    drawn = pictures.curves([], ("曲线", "curve"), ("x", "x"), ("y", "y"), (1.0, most))
    assert re.findall(r'text-anchor="end">([^<]+)<', drawn) == names


def test_pictures_stay_inside_their_frame_whatever_the_numbers() -> None:
    curve = pictures.curves(
        [pictures.Curve([(0.0, -5.0), (2.0, 9.0), (nan, 0.5)])], ("曲线", "curve"), ("x", "x"), ("y", "y")
    )
    columns = pictures.columns([("a", [None]), ("b", [0.4])], ("柱", "columns"), low=0.5)

    assert 'points="64.0,256.0 616.0,12.0"' in curve
    below = pictures.curves([pictures.Curve([(0.0, 0.0), (1.0, -1.0)])], ("", ""), ("", ""), ("", ""), lowest=-1.0)
    assert 'points="64.0,134.0 616.0,256.0"' in below
    assert re.findall(r'height="([^"]*)"/>', columns) == ["0.0"]
