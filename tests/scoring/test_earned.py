"""What a model earned, from counts; and who answered since when, from the trail."""

from datetime import UTC, date, datetime
from statistics import fmean, variance

import pytest

from attune_measure.arms import ModelArm
from attune_measure.means import Moments, welch
from scoring.arms import Shares
from scoring.earned import Pair, Total, Window, compared, pairs
from scoring.money import to_text
from scoring.standing import Reign, Standing, Taken, standing

SHARES = Shares(1, "s" * 32, no_model_bp=2_000, challenger_bp=1_000)
WINDOW = Window(date(2026, 1, 31), date(2026, 3, 1), True)
PAIR = Pair("model", "no_model", datetime(2026, 1, 31, tzinfo=UTC), {"model": [1]})


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def total(n: int, responses: int, each: int = 100) -> Total:
    return Total(n, responses, responses * each, responses * each * each)


def told(model: Total, no_model: Total, wanted: str = "more") -> dict[str, object]:
    arms = {ModelArm.CHAMPION: model, ModelArm.NO_MODEL: no_model}
    found = compared(PAIR, WINDOW, arms, SHARES, wanted)  # type: ignore[arg-type]
    return {"verdict": found["response"]["verdict"], "reason": found["response"]["reason"]}


def test_moments_are_those_of_the_amounts() -> None:
    amounts = [0, 0, 500, 12_345, 0, 77, 10**13]
    exact = Total(len(amounts), 3, sum(amounts), sum(a * a for a in amounts)).moments
    assert (exact.n, exact.mean) == (7, pytest.approx(fmean(amounts)))
    assert exact.variance == pytest.approx(variance(amounts))


def test_money_a_customer_and_of_the_whole_group() -> None:
    arms = {
        ModelArm.CHAMPION: total(700, 84, 50_000),
        ModelArm.CHALLENGER: total(100, 12, 50_000),
        ModelArm.NO_MODEL: total(200, 10, 50_000),
    }
    money = compared(PAIR, WINDOW, arms, SHARES, "more")["money"]
    model = [50_000.0] * 96 + [0.0] * 704
    control = [50_000.0] * 10 + [0.0] * 190
    expected = welch(Moments(800, fmean(model), variance(model)), Moments(200, fmean(control), variance(control)))
    assert money["difference"] == pytest.approx(3_500)
    assert (money["low"], money["high"]) == pytest.approx((expected.low, expected.high))
    assert (money["earned_minor"], money["earned_low_minor"]) == (2_800_000, round(expected.low * 800))


@pytest.mark.parametrize(
    ("model", "no_model", "wanted", "verdict", "reason"),
    [
        (total(800, 160), total(200, 10), "more", "proved", "interval_above_zero"),
        (total(800, 160), total(200, 10), "fewer", "not proved", "interval_below_zero"),
        (total(800, 40), total(200, 50), "fewer", "proved", "interval_above_zero"),
        (total(800, 80), total(200, 20), "more", "not proved", "interval_covers_zero"),
        (total(396, 300), total(99, 0), "more", "not proved", "sample_too_small"),
        (total(600, 300), total(400, 10), "more", "not proved", "sample_ratio"),
        (total(800, 160), Total(), "more", "not proved", "sample_too_small"),
    ],
)
def test_the_words_are_those_of_a_campaigns_result(
    model: Total, no_model: Total, wanted: str, verdict: str, reason: str
) -> None:
    assert told(model, no_model, wanted) == {"verdict": verdict, "reason": reason}


def test_who_answers_and_since_when() -> None:
    trail = [
        Taken("promote", 1, day(1)),
        Taken("challenge", 2, day(3)),
        Taken("promote", 2, day(5)),
        Taken("challenge", 3, day(7)),
        Taken("rollback", 1, day(9)),
    ]
    assert standing(trail) == Standing((Reign(1, day(1)), Reign(2, day(5)), Reign(1, day(9))), Reign(3, day(7)))
    assert standing(trail).champions_since(day(6)) == [2, 1]
    assert standing(trail).champions_since(day(9)) == [1]
    assert standing([*trail, Taken("shadow", 3, day(10))]).challenger is None
    assert standing([*trail, Taken("retire", 1, day(10))]).champions == ()
    again = standing([*trail, Taken("retire", 1, day(10)), Taken("promote", 2, day(12))])
    assert again.champions == (Reign(2, day(12)),), "after a break the time begins anew"


def test_a_challengers_pairs_begin_when_the_later_of_the_two_did() -> None:
    stands = Standing((Reign(1, day(1)), Reign(2, day(5))), Reign(3, day(7)))
    found = [(p.group, p.against, p.since.day, dict(p.versions)) for p in pairs(stands, day(2))]
    both = {"champion": [2], "challenger": [3]}
    assert found == [
        ("model", "no_model", 2, {"model": [1, 2, 3]}),
        ("champion", "no_model", 7, both),
        ("challenger", "no_model", 7, both),
        ("challenger", "champion", 7, both),
    ]
    assert [p.since.day for p in pairs(stands, day(9))] == [9, 9, 9, 9]
    assert pairs(Standing(), day(2)) == pairs(stands, None) == []


def test_money_has_its_currencys_places() -> None:
    assert [to_text(-123_456, code) for code in ("CNY", "JPY", "KWD", None)] == [
        "-1234.56", "-123456", "-123.456", "-1234.56",
    ]  # fmt: skip
