"""Business days as campaign counts them, and the thirteen months of ledger."""

from datetime import date, timedelta

import pytest

from attune.bank.calendar import Period, add_business_days, is_business_day, six_months_before
from campaign.business_days import add_business_days as campaign_adds


def test_the_same_days_as_campaign_counts() -> None:
    days = [date(2024, 9, 1) + timedelta(days=7 * n) for n in range(180)]
    assert [add_business_days(d, n) for d in days for n in (1, 14)] == [
        campaign_adds(d, n) for d in days for n in (1, 14)
    ]


def test_holidays_and_made_up_weekends() -> None:
    assert not is_business_day(date(2026, 4, 6))  # Qingming
    assert is_business_day(date(2025, 1, 26))  # a Sunday that is worked for the Spring Festival
    assert [is_business_day(date(2035, 1, d)) for d in (5, 6)] == [True, False]  # no calendar yet: Monday to Friday


@pytest.mark.parametrize(
    ("day", "before"),
    [
        (date(2026, 3, 17), date(2025, 9, 17)),
        (date(2026, 8, 31), date(2026, 2, 28)),
        (date(2024, 8, 30), date(2024, 2, 29)),
        (date(2026, 1, 31), date(2025, 7, 31)),
    ],
)
def test_six_calendar_months_clamped_to_the_months_end(day: date, before: date) -> None:
    assert six_months_before(day) == before


@pytest.mark.parametrize(
    ("last", "first", "days"),
    [
        (date(2026, 3, 31), date(2025, 3, 1), 396),
        (date(2024, 2, 29), date(2023, 2, 1), 394),
        (date(2026, 1, 1), date(2025, 1, 1), 366),
    ],
)
def test_the_ledger_covers_thirteen_calendar_months(last: date, first: date, days: int) -> None:
    period = Period.ending(last)
    assert (period.first, period.days) == (first, days)
    assert period.day(period.days - 1) == last
    assert len(period.month_starts()) == 13
