"""The result from counts."""

from datetime import date

import pytest

from campaign.results import ArmCount, Measured, estimate


def measured(
    treated: ArmCount, control: ArmCount, share: float = 0.5, as_of: date | None = date(2026, 4, 7)
) -> Measured:
    return Measured("purchase_14_business_days", treated, control, share, date(2026, 4, 7), as_of, 3)


def test_the_example() -> None:
    told = estimate(measured(ArmCount(2731, 389), ArmCount(2718, 245)))
    assert told["difference"] == pytest.approx(0.0523, abs=5e-5)
    assert told["low"] == pytest.approx(0.0353, abs=2e-4)
    assert told["high"] == pytest.approx(0.0693, abs=2e-4)
    assert told["sample_ratio"]["p"] == pytest.approx(0.86, abs=5e-3)
    assert (told["verdict"], told["final"], told["method"]) == ("proved", True, "newcombe")
    assert told["treated"] == {"n": 2731, "outcomes": 389, "rate": 389 / 2731}


@pytest.mark.parametrize(
    ("treated", "control", "share", "reason"),
    [
        (ArmCount(50, 20), ArmCount(50, 2), 0.5, "sample_too_small"),
        (ArmCount(0, 0), ArmCount(0, 0), 0.5, "sample_too_small"),
        (ArmCount(3000, 900), ArmCount(2000, 100), 0.5, "sample_ratio"),
        (ArmCount(1000, 100), ArmCount(1000, 98), 0.5, "interval_covers_zero"),
        (ArmCount(1000, 50), ArmCount(1000, 150), 0.5, "interval_below_zero"),
        (ArmCount(1000, 50), ArmCount(0, 0), 0.0, "sample_too_small"),
    ],
)
def test_what_is_not_proved(treated: ArmCount, control: ArmCount, share: float, reason: str) -> None:
    told = estimate(measured(treated, control, share))
    assert (told["verdict"], told["reason"]) == ("not proved", reason)


def test_final_once_every_window_has_closed() -> None:
    arms = ArmCount(200, 20), ArmCount(200, 10)
    assert estimate(measured(*arms, as_of=date(2026, 4, 6)))["final"] is False
    assert estimate(measured(*arms, as_of=None))["final"] is False
    assert estimate(measured(*arms, as_of=date(2026, 4, 7)))["final"] is True
