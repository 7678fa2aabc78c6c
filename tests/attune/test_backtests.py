"""A backtest's result for people: tables in which the bank's texts are never markup."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from attune.backtests import tables
from attune.backtests.charts import columns
from attune.backtests.page import page
from attune.backtests.texts import WORDS, segment
from attune.commands.backtest import asked
from attune.output import Failure

TEXTS = {"zh": "连续", "en": "often"}
DEFINITION = {"title": TEXTS, "meaning": TEXTS, "sentence": {"zh": "三天内至少 2 笔", "en": "2 or more within 3 days"}}
COUNTS = {"customers": 1_200, "detections": 31, "subjects": 30}
RESULT: dict[str, Any] = {
    "trigger": "often[red]",
    "version": 2,
    "definition": DEFINITION,
    "from": "2026-01-01",
    "to": "2026-03-31",
    "settled": "2026-03-31",
    "detections": 31,
    "subjects": 30,
    "per_day": {"2026-01-05": 20, "2026-02-03": 11},
    "by_month": {"2026-01": 20, "2026-02": 11},
    "by_weekday": {"monday": 20, "tuesday": 11, "wednesday": 0, "thursday": 0, "friday": 0, "saturday": 0, "sunday": 0},
    "by_branch": [{"branch": "B1", "name": "<b>[bold]One</b>"} | COUNTS, {"branch": None, "name": None} | COUNTS],
    "by_segment": {"known": False, "en": "no segment data yet", "zh": "尚无客群数据"},
    "managers": {
        "known": True, "capacity": 8, "days": 90, "most_a_day": 20, "needed": 2, "without_manager": 3, "managers": 4,
        "with_detections": 1, "mean_a_day": 0.08, "manager_days": 2, "days_over": 1, "beyond": 12,
        "busiest": [{"manager": "M1", "capacity": 8, "customers": 300, "detections": 28, "most_a_day": 20,
                     "on": "2026-01-05", "days_over": 1, "beyond": 12}],
    },
    "overlap": {"within_days": 7, "triggers": [
        {"trigger": "big-week", "version": 1, "detections": 9, "shared": 4, "share": 0.129},
    ]},
    "first": None,
}  # fmt: skip


def printed(result: dict[str, Any]) -> str:
    console = Console(file=StringIO(), width=200, highlight=False)
    for table in tables.tables(result):
        console.print(table)
    for remark in tables.remarks(result):
        console.print(remark, markup=False)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_tables_tell_everything_and_take_no_text_for_markup() -> None:
    text = printed(RESULT)
    for part in (
        "often[red]",
        "<b>[bold]One</b>",
        "1,200",
        "12.9%",
        "no segment data yet",
    ):
        assert part in text, part
    assert "2 relationship managers with 8 a day" in text
    assert "beyond capacity 12 detections on 1 days of a manager; 3 detections without a manager" in text


def test_segments_are_shown_where_they_are_known() -> None:
    parts = [{"segment": "value_quadrant", "value": "A"} | COUNTS]
    segments = {"known": True, "as_of": "2026-03-31", "snapshots": 2, "told_later": 3, "parts": parts}
    text = printed(RESULT | {"by_segment": segments})
    assert "value_quadrant: A" in text
    assert "customers as of 2026-03-31" in text
    assert "3 detections lie before the first snapshot" in text


OTHER = {
    "trigger": "often", "version": None, "definition": DEFINITION, "detections": 40, "subjects": 33,
    "per_day": {"2026-03-02": 7}, "by_month": {"2026-03": 7}, "both": 21, "only_this": 10, "only_other": 19,
    "customers": {"both": 20, "only_this": 10, "only_other": 13},
    "examples": {
        name: [{"event_key": key, "customer_id": "c", "account_id": None, "date": "2026-01-05"} for key in keys]
        for name, keys in (("both", ["T1"]), ("only_this", []), ("only_other", ["T[b]2", "T3"]))
    },
}  # fmt: skip


def test_two_side_by_side() -> None:
    text = printed(RESULT | {"against": OTHER})
    for part in ("first: often[red]@2", "second: often (file)", "only the second", "T[b]2", "2026-03"):
        assert part in text, part


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def hostile(value: Any, mark: str = "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>&") -> Any:
    """The same result with markup in every text that is no day and no key."""
    if isinstance(value, dict):
        return {key: hostile(one, mark) for key, one in value.items()}
    if isinstance(value, list):
        return [hostile(one, mark) for one in value]
    return value + mark if isinstance(value, str) and not value[:4].isdecimal() else value


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_shows_markup_as_text_and_fetches_nothing(language: Any) -> None:
    attacked = hostile(RESULT | {"against": OTHER})
    plain, seen = Seen(page(RESULT | {"against": OTHER}, language)), Seen(page(attacked, language))
    assert (seen.tags, seen.attributes) == (plain.tags, plain.attributes)
    assert seen.tags.isdisjoint({"script", "img", "link", "iframe", "object", "a", "form", "use", "image"})
    assert not {name for name in seen.attributes if name.startswith("on")} | seen.attributes & {"src", "href", "style"}
    assert any("often[red]<script>alert(1)</script>" in text for text in seen.said)
    text = page(attacked, language)
    assert "default-src 'none'" in text
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_a_page_tells_what_the_tables_tell_in_both_languages() -> None:
    said = {language: " ".join(Seen(page(RESULT, language)).said) for language in ("zh", "en")}
    for part in ("often[red] (v2)", "31", "12.9%", "M1", "<b>[bold]One</b>"):
        assert [part in text for text in said.values()] == [True, True], part
    assert "尚无客群数据" in said["zh"]
    assert "三天内至少 2 笔" in said["zh"]
    assert "no segment data yet" in said["en"]
    assert "2 or more within 3 days" in said["en"]
    assert WORDS["zh"].keys() == WORDS["en"].keys()


def test_a_page_has_no_customer() -> None:
    secret = {"event_key": "T-secret", "customer_id": "C-secret", "account_id": "A-secret", "date": "2026-01-05"}
    other = OTHER | {"examples": {"both": [secret], "only_this": [secret], "only_other": [secret]}}
    assert "secret" not in page(RESULT | {"first": secret, "against": other}, "en")


def test_every_day_has_its_place_and_a_long_time_goes_by_weeks() -> None:
    drawn = page(RESULT, "en")
    assert "2026-01-05: 20" in drawn
    long = page(RESULT | {"from": "2025-01-01", "per_day": {"2025-01-01": 3, "2025-01-05": 4, "2025-01-06": 5}}, "en")
    assert "2024-12-30: 7" in long
    assert "2025-01-06: 5" in long
    nothing = page(RESULT | {"per_day": {}, "by_month": {}, "by_branch": [], "detections": 0, "subjects": 0}, "en")
    assert "<svg" in nothing


def test_the_week_begins_with_monday_whatever_the_order_of_the_result() -> None:
    """A result comes from PostgreSQL, whose objects have an order of their own: Friday once came first."""
    mixed = RESULT | {"by_weekday": dict(sorted(RESULT["by_weekday"].items(), key=lambda one: (len(one[0]), one[0])))}
    assert page(mixed, "zh") == page(RESULT, "zh")
    assert printed(mixed) == printed(RESULT)


def test_a_segment_is_called_as_its_reader_calls_it() -> None:
    assert segment("value_quadrant", "A", "zh") == "价值象限：A"
    assert segment("lifecycle", "mature", "zh") == "生命周期：成熟期"
    assert segment("payroll", "member", "zh") == "代发客户"
    assert segment("the_banks_own", "member", "zh") == "the_banks_own"
    assert (segment("lifecycle", "new", "en"), segment("digital", "member", "en")) == ("lifecycle: new", "digital")


@pytest.mark.parametrize("days", [1, 5, 31, 60, 90, 200])
def test_no_name_under_the_bars_lies_on_another_or_outside(days: int) -> None:
    begin = date(2026, 1, 1)
    drawn = columns("x", [("", {str(begin + timedelta(days=n)): 1 for n in range(days)})])
    at = [float(x) for x in re.findall(r'<text x="([0-9.]+)" y="194"', drawn)]
    assert at
    assert all(right - left >= 72 for left, right in pairwise(at))
    assert 36 <= at[0] <= at[-1] <= 960 - 36


def test_bars_stand_for_their_numbers() -> None:
    heights = re.findall(r'class="bar0" [^>]*height="([0-9.]+)"', columns("x", [("", {"a": 5, "b": 0, "c": 10})]))
    assert len(heights) == 2
    assert float(heights[1]) == pytest.approx(2 * float(heights[0]), abs=0.2)


def test_what_is_asked_for(tmp_path: Path) -> None:
    assert asked("often") == {"trigger": "often"}
    assert asked("often@12") == {"trigger": "often", "version": 12}
    file = tmp_path / "often.yaml"
    file.write_text("trigger: often")
    assert asked(str(file)) == {"file": "trigger: often"}
    for wrong in ("often@", "often@two", "often@²", str(tmp_path / "none.yaml")):
        with pytest.raises(Failure):
            asked(wrong)
