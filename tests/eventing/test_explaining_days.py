"""Why of a day: shapes that find something when a day is over, and dates of the calendar; no fact lies on the day."""

from datetime import date, timedelta
from typing import Any

import pytest
from tests.eventing.test_explaining_shapes import ABSENT, A, B, posted
from tests.eventing.test_shapes import DAY0, trigger

from attune_contracts.ledger import TransactionPosted
from eventing.explaining import Explanation
from eventing.explaining_days import DayQuestion, explain_day
from eventing.facts import of_posting
from eventing.shapes.dated import DatedFact

SALARY = [posted(f"S{month}", day, 500) for month, day in ((1, 10), (2, 41), (3, 70))]  # 11 January, February, March
BEGUN = posted("0", 0, 1, kind="x")
STOPS = {"of": "count", "stops": True, "baseline": 2}
FALLS = {"of": "sum", "falls_below": "0.5", "baseline": 2}
GONE = {"for": "2 months", "had": "4.00", "has": "1.00"}


def why(shape: str, body: dict[str, Any], day: str, *known: TransactionPosted, newest: int = 200,
        dates: tuple[DatedFact, ...] = (), today: str = "2024-12-31", **more: Any) -> Explanation:  # fmt: skip
    one = trigger(shape, body, **more)
    found = explain_day(
        DayQuestion(
            trigger=one,
            currency="CNY",
            newest=DAY0.toordinal() + newest,
            known=[of_posting(p) for p in known],
            openings={},
            day=date.fromisoformat(day).toordinal(),
            today=date.fromisoformat(today).toordinal(),
            dates=dates,
        )
    )
    assert found.text["en"].startswith(f"{one.name} v1 ")
    assert found.text["zh"].startswith(f"{one.name} v1 ")
    return found


CASES: list[tuple[str, dict[str, Any], str, list[TransactionPosted], str | None, str]] = [
    # A month without a salary has no posting to ask about.
    ("change", STOPS, "2024-04-30", [BEGUN, *SALARY], None, "found on 2024-04-30: 0 beside 1"),
    ("change", STOPS, "2024-03-31", [BEGUN, *SALARY], "change", "not found on 2024-03-31: 1 beside 1"),
    ("change", STOPS, "2024-04-15", [BEGUN, *SALARY], "due", "at the end of each month, next on 2024-04-30"),
    ("change", FALLS, "2024-03-31", [BEGUN, *SALARY], "change", "not found on 2024-03-31: 5.00 beside 5.00"),
    ("change", FALLS | {"every": "week"}, "2024-04-15", [BEGUN], "due", "at the end of each week, next on 2024-04-21"),
    ("silence", {"for": "10 days"}, "2024-01-21", [A], None, "found on 2024-01-21"),
    ("silence", {"for": "10 days"}, "2024-01-20", [A], "due", "last one is of 2024-01-11: the silence has lasted on"),
    ("silence", {"for": "10 days"}, "2024-01-05", [A], "due", "has begun"),
    ("silence", GONE, "2024-03-31", [A, posted("out", 40, 500, direction="debit")], None, "5.00 beside 0.00"),
    ("silence", GONE, "2024-03-31", [A], "lost", "not found on 2024-03-31: 5.00 beside 5.00"),
    ("absence", ABSENT, "2024-01-16", [A], None, "found on 2024-01-16: 5.00"),
    ("absence", ABSENT, "2024-01-16", [A, B], "absence", "not found on 2024-01-16"),
    ("absence", ABSENT, "2024-01-17", [A], "due", "nothing of 2024-01-12 waits for this day"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "body", "day", "known", "failed", "said"), CASES)
def test_a_day_that_is_over(
    shape: str, body: dict[str, Any], day: str, known: list[TransactionPosted], failed: str | None, said: str
) -> None:
    where = {"where": "kind = 'a'"} if shape != "absence" and "had" not in body else {}
    found = why(shape, body, day, *known, **where)
    assert found.failed == failed, found.text
    assert said in found.text["en"]


def test_a_day_that_is_not_settled_and_one_on_which_the_customer_rests() -> None:
    quiet = {"for": "10 days"}
    assert why("silence", quiet, "2024-01-21", A, newest=21).failed == "settled"
    again = posted("C", 15)
    rested = why("silence", {"for": "2 days"}, "2024-01-18", A, again, cooldown="30 days")
    assert (rested.failed, rested.parts[-1].values["rests_until"]) == ("cool_down", "2024-02-12")


MATURES = {"of": "holding_matures_on", "offsets": [-7]}


def holding(day: str, known: str | None = None, product: str = "td") -> DatedFact:
    on = date.fromisoformat(day).toordinal()
    since = date.fromisoformat(known).toordinal() if known else 0
    fields = {"product": product, "product_kind": "time_deposit", "amount_minor": 900, "due_date": day}
    return DatedFact(f"H{day}", "holding_matures_on", on, since, fields, 900)


@pytest.mark.parametrize(
    ("day", "known", "more", "failed", "said"),
    [
        ("2024-05-13", None, {}, None, "found on 2024-05-13: 9.00"),
        ("2024-05-14", None, {}, "due", "nearest is 2024-05-20 (H2024-05-20), on 2024-05-13"),
        ("2026-05-14", None, {}, "due", "no holding_matures_on is known that would be looked at within a year"),
        ("2024-05-13", "2024-05-18", {}, "lateness", "became known on 2024-05-18, too late"),
        ("2024-05-13", "2024-05-15", {}, None, "found on 2024-05-13"),
        ("2024-05-13", None, {"where": "product = 'wealth'"}, "condition", "not so of the date"),
        ("2024-05-13", None, {"today": "2024-05-12"}, "settled", "business time has come to 2024-05-12"),
    ],
)
def test_a_date_of_the_calendar(
    day: str, known: str | None, more: dict[str, Any], failed: str | None, said: str
) -> None:
    found = why("calendar", MATURES, day, dates=(holding("2024-05-20", known),), on="dates", **more)
    assert found.failed == failed, found.text
    assert said in found.text["en"]


def test_two_dates_close_together_and_a_birthday_of_every_year() -> None:
    both = (holding("2024-05-20"), holding("2024-05-25"))
    rested = why("calendar", MATURES, "2024-05-18", dates=both, on="dates", cooldown="30 days")
    assert (rested.failed, rested.parts[-1].values["last_raised"]) == ("cool_down", "2024-05-13")
    born = DatedFact("P", "birthday", date(1992, 2, 29).toordinal(), 0, {"due_date": date(1992, 2, 29)})
    body = {"of": "birthday", "offsets": [-3], "yearly": True}
    assert why("calendar", body, "2023-02-25", dates=(born,), on="dates").failed is None
    near = why("calendar", body, (date(2023, 2, 25) + timedelta(9)).isoformat(), dates=(born,), on="dates")
    assert near.parts[-1].values["due"] == "2023-02-25"
