"""Small rules: business days, money, suitability, quiet hours, the branch tree."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.branch_tree import closure
from campaign.business_days import add_business_days, is_business_day
from campaign.contact_policy import Cap, ContactPolicy, PastContact, QuietHours, look
from campaign.money import decimal_text, minor_units
from campaign.suitability import RiskRating, unsuitable

ZONE = "Asia/Shanghai"


@pytest.mark.parametrize(
    ("day", "number", "then"),
    [
        (date(2026, 3, 17), 1, date(2026, 3, 18)),
        (date(2026, 3, 20), 1, date(2026, 3, 23)),
        (date(2026, 3, 17), 14, date(2026, 4, 7)),  # Qingming: 6 April is no business day
        (date(1993, 8, 20), 14, date(1993, 9, 9)),  # outside the calendar's years: Monday to Friday
        (date(2026, 3, 17), 0, date(2026, 3, 17)),
    ],
)
def test_business_days(day: date, number: int, then: date) -> None:
    assert add_business_days(day, number) == then


def test_a_made_up_saturday_is_a_business_day() -> None:
    assert is_business_day(date(2026, 2, 14))
    assert not is_business_day(date(2026, 2, 17))
    with pytest.raises(ValueError, match="forwards"):
        add_business_days(date(2026, 1, 5), -1)


@given(st.integers(min_value=-(10**13), max_value=10**13), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_money_comes_back(minor: int, currency: str) -> None:
    assert minor_units(decimal_text(minor, currency), currency) == minor


def test_money_with_too_many_places_is_refused() -> None:
    assert decimal_text(8600000, "CNY") == "86000.00"
    for text in ("1.001", "1e3", "", "1.2.3", "--1"):
        with pytest.raises(ValueError, match="amount"):
            minor_units(text, "CNY")


TODAY = date(2026, 3, 17)
C3 = RiskRating("C3", date(2025, 11, 2))


@pytest.mark.parametrize(
    ("level", "kind", "rating", "suits"),
    [
        ("R3", "fund", C3, True),
        ("R4", "fund", C3, False),
        ("R1", "wealth", RiskRating(None, None), False),
        ("R1", "time_deposit", RiskRating(None, None), True),
        ("R1", "wealth", RiskRating("C1", date(2025, 3, 17)), True),
        ("R1", "wealth", RiskRating("C5", date(2025, 3, 16)), False),
        ("R1", "wealth", RiskRating("C5", None), False),
        (None, "loan", RiskRating(None, None), True),
    ],
)
def test_suitability(level: str | None, kind: str, rating: RiskRating, suits: bool) -> None:
    assert (unsuitable(level, kind, rating, TODAY) is None) == suits


def test_a_rating_of_29_february_holds_until_28_february() -> None:
    rating = RiskRating("C2", date(2024, 2, 29))
    assert rating.valid_on(date(2025, 2, 28))
    assert not rating.valid_on(date(2025, 3, 1))


@pytest.mark.parametrize(
    ("local", "quiet"),
    [("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True), ("07:59", True), ("08:00", False)],
)
def test_quiet_hours_over_midnight(local: str, quiet: bool) -> None:
    hours = QuietHours(channels=("call_centre",), start=time(21), end=time(8))
    moment = datetime.combine(TODAY, time.fromisoformat(local), UTC)
    assert hours.cover(moment, "UTC") == quiet
    policy = ContactPolicy(quiet_hours=hours)
    assert look(policy, (), "call_centre", moment, "UTC") == ("quiet_hours" if quiet else None)
    assert look(policy, (), "sms", moment, "UTC") is None


@pytest.mark.parametrize(("limit", "reason"), [(None, None), (0, "frequency_cap"), (1, "frequency_cap"), (2, None)])
def test_not_set_zero_and_n_are_three_values(limit: int | None, reason: str | None) -> None:
    policy = ContactPolicy(caps=(Cap(limit=limit, days=7),))
    past = [
        PastContact("counter", datetime(2026, 3, 15, tzinfo=UTC)),
        PastContact("x", datetime(2026, 3, 1, tzinfo=UTC)),
    ]
    assert look(policy, past, "call_centre", datetime(2026, 3, 17, 4, tzinfo=UTC), ZONE) == reason


def test_cool_down() -> None:
    past = [PastContact("counter", datetime(2026, 3, 15, tzinfo=UTC))]
    now = datetime(2026, 3, 17, 4, tzinfo=UTC)
    assert look(ContactPolicy(cool_down_days=3), past, "call_centre", now, ZONE) == "cool_down"
    assert look(ContactPolicy(cool_down_days=2), past, "call_centre", now, ZONE) is None
    assert look(ContactPolicy(cool_down_days=0), past, "call_centre", now, ZONE) is None


def test_the_closure_survives_circles_and_missing_parents() -> None:
    tree = {"HQ": None, "B1": "HQ", "B11": "B1", "X": "gone", "C1": "C2", "C2": "C1"}
    pairs = closure(tree)
    assert ("HQ", "B11") in pairs
    assert ("B11", "HQ") not in pairs
    assert [a for a, b in pairs if b == "X"] == ["X"]
    assert {a for a, b in pairs if b == "C1"} == {"C1", "C2"}
