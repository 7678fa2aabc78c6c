"""The index offers a fact every condition it meets, and few others."""

from typing import Any

import pytest
from hypothesis import given, settings
from tests.eventing.test_shapes import TEXTS, histories, trigger

from eventing import fact_fields
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.fact_index import FactIndex
from eventing.trigger_conditions import Needs, needs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount >= 50000", Needs(5_000_000)),
        ("50000 <= amount AND direction = 'credit'", Needs(5_000_000, "direction", ("credit",))),
        ("amount > 3.07", Needs(308)),
        ("amount BETWEEN 2 AND 9 AND kind IN ('a', 'b')", Needs(200, "kind", ("a", "b"))),
        ("kind = 'a' AND (amount >= 5 AND channel = 'web')", Needs(500, "kind", ("a",))),
        ("amount >= 5 OR kind = 'a'", Needs()),
        ("NOT amount >= 5", Needs()),
        ("amount <= 5", Needs()),
        ("kind <> 'a' AND new_money", Needs()),
        ("business_date >= '2024-01-01'", Needs()),
        ("2 * amount >= 5", Needs()),
    ],
)
def test_what_a_condition_needs_is_read_from_its_tree(text: str, expected: Needs) -> None:
    assert needs(fact_fields.read(text, ("postings",))) == expected


CONDITIONS = (
    None, "amount >= 0.03", "kind = 'a'", "kind IN ('a', 'x') AND amount > 0.02",
    "direction = 'debit' OR amount >= 0.05", "channel = 'web'", "channel IS NULL", "new_money AND kind = 'b'",
)  # fmt: skip


def _triggers() -> list[Compiled]:
    bodies: list[dict[str, Any]] = [
        {"where": where, "count": {"at_least": 2, "within": "3 days"}} for where in CONDITIONS
    ]
    for first in CONDITIONS[1:]:
        bodies.append({"sequence": {"first": first, "then": "amount >= 0.04", "within": "3 days"}})
    bodies.append({"own_history": {"over": "1 months"}, "where": "amount >= 0.04"})
    for unless in ("kind = 'a'", "behaviour = 'bought'"):
        again = {"at_least": 2, "within": "3 days", "unless": unless}
        bodies.append({"on": ["postings", "behaviours"], "where": "behaviour = 'viewed'", "behaviour": again})
    raw = {"title": TEXTS, "meaning": TEXTS, "on": "postings"}
    definitions = [Definition.model_validate(raw | body | {"trigger": f"t{n:02d}"}) for n, body in enumerate(bodies)]
    return [Compiled.of(definition, enabled=n % 5 != 0) for n, definition in enumerate(definitions)]


TRIGGERS = _triggers()
INDEX = FactIndex(TRIGGERS)


@settings(max_examples=60, deadline=None)
@given(histories(behaviours=True))
def test_the_index_and_every_trigger_asked_say_the_same(facts: Any) -> None:
    for fact in facts:
        asked = [(t, t.marks(fact)) for t in TRIGGERS if fact.source in t.definition.on]
        expected = [(t, marks) for t, marks in asked if marks or (t.takes_every_deposit and fact.deposit)]
        assert INDEX.concerned(fact) == expected


def test_the_fields_are_those_of_the_page() -> None:
    postings = {"amount", "direction", "kind", "channel", "account_kind", "business_date", "booked_at", "new_money"}
    behaviours = {"behaviour", "product", "step", "channel", "business_date", "seconds"}
    assert set(fact_fields.catalogue(("postings",)).fields) == postings
    assert set(fact_fields.catalogue(("behaviours",)).fields) == behaviours
    assert set(fact_fields.catalogue(("postings", "behaviours")).fields) == postings | behaviours
    assert set(fact_fields.catalogue(("dates",)).fields) == {"product", "product_kind", "amount", "due_date"}
    assert all(field.nullable for field in fact_fields.catalogue(("postings", "behaviours")).fields.values())


def test_only_the_amount_of_a_condition_that_asks_for_new_money_is_new_money() -> None:
    body = {"over": "20 days", "compare": "amount", "with": "max"}
    asked = {
        "new_money AND amount > 5": True, "direction = 'credit' AND (new_money AND amount > 1)": True,
        "direction = 'credit'": False, "new_money OR amount > 5": False, "NOT new_money": False,
    }  # fmt: skip
    told = {text: trigger("own_history", body, where=text).of_new_money for text in asked}
    assert told == asked
    assert not trigger("count", {"at_least": 2, "within": "3 days"}, where="new_money").of_new_money
