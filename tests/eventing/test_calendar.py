"""`calendar`: days before or after a date, with business time."""

from datetime import date
from typing import Any

import pytest

from eventing.compiled import Compiled
from eventing.customers import Customer
from eventing.definition import Definition
from eventing.shapes.dated import DatedFact
from eventing.verdicts import Raised

TEXTS = {"zh": "一", "en": "one"}


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def trigger(
    of: str = "holding_matures_on", offsets: tuple[int, ...] = (-7,), yearly: bool = False, **more: Any
) -> Compiled:
    raw = {"trigger": "due", "title": TEXTS, "meaning": TEXTS, "on": "dates", "cooldown": "0 days"}
    calendar = {"of": of, "offsets": list(offsets), "yearly": yearly}
    return Compiled.of(Definition.model_validate(raw | {"calendar": calendar} | more))


def known(source: str, on: str, since: str | None = None, of: str = "holding_matures_on", amount: int = 5) -> DatedFact:
    row = {"product": "td", "product_kind": "time_deposit", "amount_minor": amount, "due_date": date.fromisoformat(on)}
    return DatedFact(source, of, day(on), day(since) if since else 0, row, amount)


def reached(customer: Customer, one: Compiled, today: str, *dates: DatedFact) -> list[tuple[str, int, bool]]:
    found, _ = customer.reach(one, day(today), dates)
    customer.states.update(customer.packed([(one.name, b"")]))
    return [(f.verdict.key, f.verdict.day, f.verdict.late) for f in found if isinstance(f.verdict, Raised)]


def test_it_fires_when_its_day_is_reached_and_once() -> None:
    customer, one, due = Customer(), trigger(), known("H1", "2024-03-10")
    assert reached(customer, one, "2024-03-02", due) == []
    assert customer.reach(one, day("2024-03-02"), [due])[1] == day("2024-03-03")
    assert reached(customer, one, "2024-03-04", due) == [("H1:2024-03-10:-7", day("2024-03-03"), False)]
    assert reached(customer, one, "2024-03-05", due) == []
    assert customer.reach(one, day("2024-03-05"), [due]) == ([], None)


def test_a_date_that_has_changed_fires_anew_with_its_new_value() -> None:
    customer, one = Customer(), trigger()
    assert len(reached(customer, one, "2024-03-03", known("H1", "2024-03-10"))) == 1
    rolled = known("H1", "2024-06-10", since="2024-03-20")
    assert reached(customer, one, "2024-03-20", rolled) == []
    assert reached(customer, one, "2024-06-03", rolled) == [("H1:2024-06-10:-7", day("2024-06-03"), False)]


@pytest.mark.parametrize(("since", "expected"), [("2024-03-05", True), ("2024-03-06", True), ("2024-03-07", None)])
def test_a_date_that_becomes_known_late_is_raised_within_the_lateness(since: str, expected: bool | None) -> None:
    found = reached(Customer(), trigger(), since, known("H1", "2024-03-10", since))
    assert found == ([] if expected is None else [("H1:2024-03-10:-7", day("2024-03-03"), True)])


def test_a_birthday_comes_every_year_and_of_29_february_on_the_28th() -> None:
    customer, one, born = Customer(), trigger("birthday", (0,), yearly=True), known("P1", "1980-02-29", of="birthday")
    found = [reached(customer, one, f"{year}-03-01", born) for year in (2023, 2024)]
    assert found[0][-1] == ("P1:2023-02-28:0", day("2023-02-28"), False)
    assert found[1] == [("P1:2024-02-29:0", day("2024-02-29"), False)]
    assert customer.reach(one, day("2024-03-01"), [born])[1] == day("2025-02-28")


def test_conditions_kinds_and_the_rest_after_one_hold_here_too() -> None:
    one = trigger(offsets=(-7, 0), where="amount >= 0.05", cooldown="30 days")
    dates = (
        known("H1", "2024-03-10"),
        known("H2", "2024-03-05", amount=4),
        known("L1", "2024-03-05", of="loan_matures_on"),
    )
    assert reached(Customer(), one, "2024-03-31", *dates) == [("H1:2024-03-10:-7", day("2024-03-03"), False)]


def test_a_late_date_takes_the_rest_from_a_later_one() -> None:
    customer, one = Customer(), trigger(cooldown="30 days")
    assert len(reached(customer, one, "2024-03-05", known("H1", "2024-03-12"))) == 1
    both = known("H1", "2024-03-12"), known("H0", "2024-03-11", since="2024-03-06")
    found, _ = customer.reach(one, day("2024-03-06"), both)
    assert [(type(f.verdict).__name__, f.verdict.key) for f in found] == [
        ("Raised", "H0:2024-03-11:-7"),
        ("Withdrawn", "H1:2024-03-12:-7"),
    ]
