"""Hours on the days on which a zone's clock is set: what a rule says and when it ends agree to the minute (H65)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.contact_policy import Hours
from campaign.handling_rules import OpeningHours
from campaign.local_time import moments

ZONE = "Europe/Berlin"
SPRING, AUTUMN = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 3, 28), time(2, 30), ["2026-03-28T01:30"]),
        (date(2026, 3, 29), time(2, 0), ["2026-03-29T01:00"]),  # skipped: at the moment of the skip
        (date(2026, 3, 29), time(2, 30), ["2026-03-29T01:00"]),
        (date(2026, 3, 29), time(3, 0), ["2026-03-29T01:00"]),
        (date(2026, 10, 25), time(2, 30), ["2026-10-25T00:30", "2026-10-25T01:30"]),  # twice: the first one first
        (date(2026, 10, 25), time(3, 0), ["2026-10-25T02:00"]),
        (date(2028, 2, 29), time(12, 0), ["2028-02-29T11:00"]),
    ],
)
def test_a_time_of_day_is_one_moment_or_two_and_never_none(day: date, at: time, expected: list[str]) -> None:
    assert moments(day, at, ZONE) == tuple(utc(text) for text in expected)


def test_a_skip_of_another_length_and_hour_is_found_too() -> None:
    # Lord Howe Island goes forward by half an hour, Beirut over midnight.
    assert moments(date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe") == (utc("2026-10-03T15:30"),)
    assert moments(date(2026, 3, 29), time(0, 0), "Asia/Beirut") == (utc("2026-03-28T22:00"),)


nights = st.builds(
    Hours,
    start=st.times(time(18), time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0)),
    end=st.times(time(0), time(9)).map(lambda t: t.replace(second=0, microsecond=0)),
)
around = st.sampled_from([SPRING, AUTUMN]).flatmap(
    lambda change: st.integers(-20 * 60, 20 * 60).map(lambda minutes: change + minutes * MINUTE)
)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(nights, around)
def test_quiet_hours_end_when_they_cover_no_more(quiet: Hours, moment: datetime) -> None:
    if not quiet.cover(moment, ZONE):
        return
    passed = moment
    while quiet.cover(passed, ZONE):
        passed += MINUTE
    assert quiet.end_after(moment, ZONE) == passed


@settings(deadline=None, max_examples=60, derandomize=True)
@given(nights, around)
def test_a_channel_opens_when_it_is_open(night: Hours, moment: datetime) -> None:
    hours = OpeningHours(start=night.end, end=night.start)
    passed = moment
    while not hours.open_at(passed, ZONE):
        passed += MINUTE
    assert hours.next_open(moment, ZONE) == passed


def test_local_and_stored_moments_are_one() -> None:
    # The rules see local times made from the moment itself: there is no local time that they have to guess.
    for change in (SPRING, AUTUMN):
        for minutes in range(-180, 180, 7):
            moment = change + minutes * MINUTE
            local = moment.astimezone(ZoneInfo(ZONE))
            assert moment in moments(local.date(), local.time().replace(fold=0), ZONE)
