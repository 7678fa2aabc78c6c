"""The handling policy's pure rules: which hours count, when a channel is open, what an outcome may do; and notes."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from campaign import handling
from campaign.handling_rules import ClockHours, Disposition, Handling, OpeningHours
from campaign.note_rules import LONGEST, MASK, clean

ZONE = "Asia/Shanghai"
WORKING = ClockHours.model_validate({"count": "working", "start": "09:00", "end": "17:00"})
CALENDAR = WORKING.model_copy(update={"count": "calendar"})


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.parametrize(
    ("start", "hours", "calendar", "working"),
    [
        ("2026-03-17T10:00", 24, "2026-03-18T10:00", "2026-03-20T10:00"),  # Tuesday: three days of eight hours
        ("2026-03-17T10:00", 7, "2026-03-17T17:00", "2026-03-17T17:00"),
        ("2026-03-17T10:00", 8, "2026-03-17T18:00", "2026-03-18T10:00"),
        ("2026-03-17T22:00", 1, "2026-03-17T23:00", "2026-03-18T10:00"),
        ("2026-03-20T16:00", 2, "2026-03-20T18:00", "2026-03-23T10:00"),  # over the weekend
        ("2026-09-30T16:00", 2, "2026-09-30T18:00", "2026-10-08T10:00"),  # over the national holiday
        ("2026-10-10T08:00", 1, "2026-10-10T09:00", "2026-10-10T10:00"),  # a Saturday that is worked
    ],
)
def test_24_hours_are_of_the_calendar_unless_the_calendar_says_working_hours(
    start: str, hours: int, calendar: str, working: str
) -> None:
    assert CALENDAR.after(at(start), hours, ZONE) == at(calendar)
    assert WORKING.after(at(start), hours, ZONE) == at(working)


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-17T08:59", "2026-03-17T09:00"),
        ("2026-03-17T09:00", "2026-03-17T09:00"),
        ("2026-03-17T12:34", "2026-03-17T12:34"),
        ("2026-03-17T18:00", "2026-03-18T09:00"),
        ("2026-03-21T12:00", "2026-03-23T09:00"),
    ],
)
def test_the_next_opening(moment: str, opens: str) -> None:
    hours = OpeningHours.model_validate({"start": "09:00", "end": "18:00", "business_days": True})
    assert hours.next_open(at(moment), ZONE) == at(opens)


def test_opening_hours_over_midnight() -> None:
    hours = OpeningHours.model_validate({"start": "20:00", "end": "02:00"})
    assert hours.open_at(at("2026-03-17T23:00"), ZONE)
    assert hours.open_at(at("2026-03-18T01:59"), ZONE)
    assert hours.next_open(at("2026-03-18T02:00"), ZONE) == at("2026-03-18T20:00")


def test_what_is_shipped() -> None:
    policy = handling.shipped()
    codes = {d.code: (d.contact, d.opportunity, d.task) for d in policy.dispositions}
    assert codes == {
        "reached": ("confirmed", "acted", "done"),
        "promised": ("confirmed", "acted", "done"),
        "converted": ("confirmed", "acted", "done"),
        "refused": ("confirmed", "acted", "done"),
        "do_not_contact": ("confirmed", "acted", "done"),
        "call_back": ("released", "waits", "call_back"),
        "not_reached": ("released", "waits", "again"),
        "busy": ("released", "waits", "again"),
        "wrong_number": ("released", "waits", "done"),
    }
    assert all(d.label.zh and d.label.en for d in policy.dispositions)
    assert policy.hours.count == "calendar"
    assert Handling.model_validate_json(policy.model_dump_json()) == policy


@pytest.mark.parametrize("wrong", [{"contact": "confirmed"}, {"opportunity": "acted"}, {"suppress_days": 3}])
def test_a_task_that_comes_back_has_contacted_nobody(wrong: dict[str, Any]) -> None:
    again = {"code": "x", "label": {"zh": "一", "en": "x"}, "contact": "released", "opportunity": "waits"}
    again["task"] = "again"
    Disposition.model_validate(again)
    with pytest.raises(ValidationError):
        Disposition.model_validate(again | wrong)


def test_a_code_stands_once_and_working_hours_end_on_their_day() -> None:
    shipped = handling.shipped().model_dump(mode="json")
    with pytest.raises(ValidationError):
        Handling.model_validate(shipped | {"dispositions": shipped["dispositions"] * 2})
    night = {"count": "working", "start": "22:00", "end": "06:00", "business_days": True}
    with pytest.raises(ValidationError):
        Handling.model_validate(shipped | {"hours": night})


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("想和太太商量\n明天再说", "想和太太商量\n明天再说"),
        ("call 138 0013 8000 please", f"call {MASK} please"),
        ("电话13800138000转2", f"电话{MASK}转2"),
        ("１３８００１３８０００", MASK),
        ("id 11010119840502123X", f"id {MASK}"),
        ("card 6217-0010-0000-0001", f"card {MASK}"),
        ("write to li.lei@example.com, thanks", f"write to {MASK}, thanks"),
        ("about 500000 in 2026", "about 500000 in 2026"),
        ("a\x00b\x1b[31mc\u202ed\u2028e\u200bf", "a b [31mc d e f"),
        ("  \n\n  spaces   and\tlines  \r\n end ", "spaces and lines\nend"),
        ("\x00\u200b", ""),
        ("x" * 600, "x" * LONGEST),
    ],
)
def test_notes_are_plain_and_name_nobody(said: str, kept: str) -> None:
    assert clean(said) == kept


def test_a_clock_never_goes_back() -> None:
    moment = at("2026-03-13T16:59")
    for hours in range(1, 60):
        later = WORKING.after(at("2026-03-13T16:59"), hours, ZONE)
        assert later > moment
        assert later - moment <= timedelta(days=3)
        moment = later
