"""The demo's report: whole, in two languages, safe whatever a name says, and nothing fetched from anywhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from attune.demo.pictures import Bar, bars, clock, interval, words
from attune.demo.report import Facts, page

VOID = {"meta", "input", "br"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        assert tag in {"rect", "line", "circle", "path"}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def opportunity(arm: str | None, state: str, reason: str | None = None, acted: str | None = None) -> dict[str, Any]:
    return {"arm": arm, "state": state, "reason": reason, "opened_at": "2026-03-02T01:00:00Z", "acted_at": acted}


@pytest.fixture
def facts() -> Facts:
    return Facts(
        postings=1_234,
        opportunities=[
            opportunity("treated", "acted", acted="2026-03-02T06:00:00Z"),
            opportunity("treated", "acted", acted="2026-03-03T04:00:00Z"),
            opportunity("treated", "expired"),
            opportunity("control", "held_out"),
            opportunity(None, "suppressed", "no_consent"),
        ],
        uplift={
            "estimate": 0.0654,
            "low": 0.0477,
            "high": 0.0832,
            "truth": 0.0543,
            "treated": {"n": 2462, "rate": 0.147},
            "control": {"n": 2439, "rate": 0.0816},
        },
        quadrants={"A": 10, "B": 5, "C": 3, "D": 40, "private": 2},
        profile={"name": "<script>alert(1)</script>", "source_id": "C00000001"},
        answer={
            "customer_type": {"value_quadrant": "B", "risk_rating": "C3"},
            "actions": [
                {
                    "rank": 1,
                    "name": {"zh": "一年定期", "en": "One-year deposit"},
                    "reasons": [{"text": {"zh": "大额入账", "en": "large deposit"}}],
                    "script": {"text": {"zh": "您好", "en": "Hello"}},
                }
            ],
        },
    )


def test_the_page_is_whole_and_says_what_was_found(facts: Facts) -> None:
    parser = Balanced()
    parser.feed(page(facts))
    assert parser.open == []
    text = " ".join(parser.text)
    for said in ("1,234", "+6.54%", "+5.43%", "one-year deposit".capitalize(), "一年定期", "14.70%", "no consent"):
        assert said in text
    assert "1 of 2 acted on within 24 hours" in text, "five hours and twenty-seven"


SECTIONS = {
    ("漏斗", "The funnel"): (
        "大额存款商机",
        "opportunities",
        "不打扰",
        "left in peace",
        "对照组",
        "held out to compare",
    ),
    ("有效吗？", "Did it work?"): ("真值 +5.43%", "truth +5.43%", "+6.54%"),
    ("商机时钟", "The opportunity's clock"): ("24 h", "48 h"),
    ("柜员看到什么", "What the teller sees"): (
        "一年定期",
        "One-year deposit",
        "大额入账",
        "large deposit",
        "您好",
        "Hello",
    ),
    ("客户价值象限", "Customers by value quadrant"): ("私人银行", "private banking", "A 成长", "A growth", "D general"),
}


def test_each_picture_is_there_and_says_in_both_languages_what_it_shows(facts: Facts) -> None:
    sections = re.findall(r"<section>(.*?)</section>", page(facts), re.DOTALL)
    assert len(sections) == len(SECTIONS)
    for (titles, said), section in zip(SECTIONS.items(), sections, strict=True):
        assert section.startswith(f"<h2>{words(titles)}</h2>")
        assert section.count("<svg ") == (titles[1] != "What the teller sees"), titles
        assert ("<table>" in section) == (titles[1] == "What the teller sees"), titles
        assert [text for text in said if text not in section] == [], titles
        for name in re.findall(r'aria-label="([^"]+)"', section):
            assert re.fullmatch(r"[\u3000-\u9fff]+.* / [ -~]+", name), "a picture has a name for those who hear it"


def test_the_funnel_counts_what_the_opportunities_say(facts: Facts) -> None:
    funnel = re.findall(r"<section>(.*?)</section>", page(facts), re.DOTALL)[0]
    assert re.findall(r">([0-9,]+)</text>", funnel) == ["5", "1", "1", "3", "2"]


def test_the_funnel_tells_apart_what_has_expired_meanwhile_and_adds_up(facts: Facts) -> None:
    rows = [
        *facts.opportunities,
        opportunity("treated", "expired", "no_consent"),
        opportunity("universal", "expired"),
        opportunity("universal", "expired", "no_consent"),
    ]
    text = page(replace(facts, opportunities=rows))
    every, left, held, contacted, _ = re.findall(r">([0-9,]+)</text>", text)[:5]
    assert (every, left, held, contacted) == ("8", "3", "2", "3")
    assert int(every) == int(left) + int(held) + int(contacted)


def test_the_names_of_an_axis_never_touch_however_wide_the_interval() -> None:
    for low, high in ((0.05, 0.08), (0.0216, 0.1337), (-0.31, 0.44)):
        drawn = interval((low + high) / 2, low, high, 0.0523)
        at = [float(x) for x in re.findall(r'<text x="([0-9.]+)" y="118"', drawn)]
        assert 3 <= len(at) <= 11
        assert all(right - left > 45 for left, right in pairwise(at))
        assert ">0</text>" in drawn, "nothing earned has its place"


def test_every_word_stands_in_both_languages(facts: Facts) -> None:
    text = page(facts)
    assert text.count('class="zh"') == text.count('class="en"') > 20


def test_a_name_is_text_and_never_markup(facts: Facts) -> None:
    assert "<script" not in page(facts)


def test_nothing_is_fetched_from_anywhere(facts: Facts) -> None:
    addresses = set(re.findall(r"https?://[^\"' )<]+", page(facts)))
    assert addresses == {"http://www.w3.org/2000/svg"}, "the name of SVG, which no browser fetches"
    assert not re.search(r"\b(src|href)=|@import|url\(", page(facts))


def test_pictures_keep_their_proportions() -> None:
    widths = [float(w) for w in re.findall(r'<rect [^>]*width="([0-9.]+)"', bars([_bar(100), _bar(50)], ("", "")))]
    assert widths[0] == pytest.approx(2 * widths[1])
    assert bars([], ("", "")).startswith("<svg")
    line = interval(0.05, 0.03, 0.07, 0.06)
    low, high = (float(v) for v in re.findall(r'x1="([0-9.]+)" x2="([0-9.]+)" y1="52"', line)[0])
    estimate = float(re.findall(r'<circle cx="([0-9.]+)"', line)[0])
    assert estimate == pytest.approx((low + high) / 2, abs=0.1)
    assert clock([]).count("<rect") == clock([1.0, 47.9, 60.0]).count("<rect") == 24


def _bar(value: float) -> Bar:
    return Bar(("条", "bar"), value, str(value))
