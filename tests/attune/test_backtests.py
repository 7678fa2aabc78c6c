"""A backtest's result for people: tables in which the bank's texts are never markup."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from attune import backtests
from attune.commands.backtest import asked
from attune.output import Failure

COUNTS = {"customers": 1_200, "detections": 31, "subjects": 30}
RESULT: dict[str, Any] = {
    "trigger": "often[red]",
    "version": 2,
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
        {"trigger": "birthday", "version": 1, "skipped": {"en": "a calendar looks at dates", "zh": "日历"}},
    ]},
    "first": None,
}  # fmt: skip


def printed(result: dict[str, Any]) -> str:
    console = Console(file=StringIO(), width=200, highlight=False)
    for table in backtests.tables(result):
        console.print(table)
    for remark in backtests.remarks(result):
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
        "a calendar looks at dates",
        "no segment data yet",
    ):
        assert part in text, part
    assert "2 relationship managers with 8 a day" in text
    assert "beyond capacity 12 detections on 1 days of a manager; 3 detections without a manager" in text


def test_segments_are_shown_where_they_are_known() -> None:
    parts = [{"segment": "value_quadrant", "value": "A"} | COUNTS]
    text = printed(RESULT | {"by_segment": {"known": True, "as_of": "2026-03-31", "parts": parts}})
    assert "value_quadrant: A" in text


def example(key: str) -> dict[str, Any]:
    return {"event_key": key, "customer_id": "c", "account_id": None, "date": "2026-01-05"}


def test_two_side_by_side() -> None:
    other = {
        "trigger": "often", "version": None, "detections": 40, "subjects": 33, "by_month": {"2026-03": 7},
        "both": 21, "only_this": 10, "only_other": 19,
        "customers": {"both": 20, "only_this": 10, "only_other": 13},
        "examples": {"both": [example("T1")], "only_this": [], "only_other": [example("T[b]2"), example("T3")]},
    }  # fmt: skip
    text = printed(RESULT | {"against": other})
    for part in ("first: often[red]@2", "second: often (file)", "only the second", "T[b]2", "2026-03"):
        assert part in text, part


def test_what_is_asked_for(tmp_path: Path) -> None:
    assert asked("often") == {"trigger": "often"}
    assert asked("often@12") == {"trigger": "often", "version": 12}
    file = tmp_path / "often.yaml"
    file.write_text("trigger: often")
    assert asked(str(file)) == {"file": "trigger: often"}
    for wrong in ("often@", "often@two", "often@²", str(tmp_path / "none.yaml")):
        with pytest.raises(Failure):
            asked(wrong)
