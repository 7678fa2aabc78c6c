"""Offers' conditions in the condition language: the typed ones say what they said, an offer may bring its own."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_expressions.own_fields import OwnField
from attune_expressions.refusals import Refused
from campaign.catalogue import Conditions, Customer, Names, Offer, balance_short, ineligible, snapshot, wrong_age
from campaign.counterfactuals import Change, lift
from campaign.decide import decide
from campaign.decision_facts import DecisionFacts, ProfileFacts
from campaign.explanation_texts import refused_to_you
from campaign.judgement import Judgement
from campaign.offer_conditions import named, where
from campaign.offer_index import compile_catalogue

from .test_decide import FACTS, PARTY

ages = st.none() | st.integers(0, 150)
amounts = st.none() | st.integers(0, 10**14)


def offer(text: str | None, code: str = "own", **more: int) -> Offer:
    """An offer that asks nothing else."""
    names = Names(zh="产品", en="product")
    conditions = Conditions(where=text, **more)
    return Offer(code=code, version=1, expected_margin_minor=100, conditions=conditions, name=names)


def refused_by(text: str, facts: DecisionFacts) -> str | None:
    """Which step withholds an offer with this condition."""
    refusal = Judgement(facts, compile_catalogue(1, snapshot([offer(text)], [])[0])).refusal(0)
    return refusal.step if refusal else None


@settings(max_examples=200, deadline=None)
@given(low=ages, high=ages, age=ages, minimum=amounts, balance=st.none() | st.integers(-(10**9), 10**14))
def test_typed_conditions_say_in_the_language_what_they_said(
    low: int | None, high: int | None, age: int | None, minimum: int | None, balance: int | None
) -> None:
    conditions = Conditions(age_min=low, age_max=high, minimum_balance_minor=minimum)
    too_young = low is not None and (age is None or age < low)
    too_old = high is not None and (age is None or age > high)
    assert wrong_age(conditions, age) is (too_young or too_old)
    assert balance_short(conditions, balance) is (minimum is not None and (balance is None or balance < minimum))


@pytest.mark.parametrize(
    ("text", "changed", "step"),
    [
        ("age < 60", {}, None),
        ("age > 60", {}, "own"),
        ("risk_rating IN ('C3', 'C4')", {}, None),
        ("has_tag('nothing')", {}, "own"),
        ("balance >= 0.01", {"profile": ProfileFacts(date(2026, 2, 28), 0, "B"), "opportunities": ()}, "own"),
        ("value_quadrant = 'B'", {"profile": ProfileFacts(date(2026, 2, 28), 0, None)}, "own"),
        ("value_quadrant = 'B'", {"personalised": False, "profile": None}, None),  # not asked
        ("age > 60", {"personalised": False, "profile": None}, "own"),
        ("age > 60", {"party": None}, None),  # nobody is known: the generic list
        ("age is null", {"party": replace(PARTY, birth_date=None)}, None),
    ],
)
def test_an_offers_own_condition(text: str, changed: dict[str, object], step: str | None) -> None:
    assert refused_by(text, replace(FACTS, **changed)) == step  # type: ignore[arg-type]


def test_it_is_told_to_staff_in_words_and_to_customers_without_segments() -> None:
    catalogue = compile_catalogue(1, snapshot([offer("value_quadrant = 'Z' and age < 60")], [])[0])
    refusal = Judgement(FACTS, catalogue).refusal(0)
    assert refusal is not None
    assert refusal.text["en"] == "the offer asks that Value quadrant is “Z”, and Age is less than 60"
    assert refusal.text["zh"].startswith("产品要求:价值象限")
    assert refusal.text["en"].encode() in decide(FACTS, catalogue)
    told = refused_to_you(refusal, catalogue.marketing[0], "")
    assert "quadrant" not in told["en"]
    assert "象限" not in told["zh"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age > 60", [Change("age", 45, 61)]),
        ("risk_rating = 'C5'", [Change("risk_rating", "C3", "C5")]),
        ("balance >= 90000000", None),
        ("value_quadrant = 'Z'", []),
    ],
)
def test_what_would_lift_it(text: str, expected: list[Change] | None) -> None:
    found = lift(FACTS, compile_catalogue(1, snapshot([offer(text)], [])[0]), 0)
    changes = list(found.changes) if found else []
    if expected is None:
        assert [(change.fact, change.would_be) for change in changes] == [("balance", 9_000_000_000)]
    else:
        assert changes == expected


def test_a_catalogue_without_own_conditions_keeps_its_bytes() -> None:
    assert b"where" not in snapshot([offer(None)], [])[0]
    assert Conditions().model_dump_json() == (
        '{"age_min":null,"age_max":null,"product_not_held":[],"minimum_balance_minor":null,"rating_invalid":false}'
    )
    body = snapshot([offer("age > 3")], [])[0]
    assert compile_catalogue(1, body).marketing[0].conditions.where == "age > 3"


SPARE = OwnField.model_validate(
    {"name": "spare", "type": "money", "grain": "customer", "zh": "可投资余额", "en": "Spare", "is": "balance - 20000"}
)


def test_a_banks_own_field_is_kept_with_the_offer_and_read_as_what_it_stands_for() -> None:
    assert named("spare > 100 AND age > 3", "CNY", (SPARE,)) == (SPARE,)
    assert named("age > 3", "CNY", (SPARE,)) == ()
    assert where("spare > 100", "CNY", (SPARE,)).profiled, "it reads the balance (R-02)"
    kept = offer(None).model_copy(update={"conditions": Conditions(where="spare > 100", fields=(SPARE,))})
    body = snapshot([kept], [])[0]
    catalogue = compile_catalogue(1, body)
    assert catalogue.marketing[0].conditions.fields == (SPARE,)
    asked = ineligible(catalogue.marketing[0], Customer(30, frozenset(), 2_010_000, profiled=True))
    assert asked is not None
    assert "Balance" in asked["en"]
    assert ineligible(catalogue.marketing[0], Customer(30, frozenset(), 2_010_001, profiled=True)) is None


def test_one_text_is_asked_once_for_all_offers() -> None:
    offers = [offer("age > 60", f"o{i}") for i in range(5)] + [offer("age < 60", "young"), offer(None, "any")]
    index = compile_catalogue(1, snapshot(offers, [])[0]).index
    assert len(index.by_own) == 2
    old = Customer(age=70, held=frozenset(), balance_minor=None, profiled=True)
    assert bin(index.elsewhere(old)).count("1") == 1
    assert ineligible(offers[-2], old) is not None
    assert ineligible(offers[0], old) is None


def test_only_what_is_known_at_a_decision_can_be_asked() -> None:
    with pytest.raises(Refused, match="unknown field aum"):
        where("aum > 3", "CNY")
    assert where("balance > 3", "JPY").condition.digits == 0


def test_two_rules_about_one_fact_are_one_change() -> None:
    """A typed limit of 61 and an own one of 60: 60 suits both, whatever was tried on the way."""
    catalogue = compile_catalogue(1, snapshot([offer("age <= 60", age_max=61)], [])[0])
    unknown = replace(FACTS, party=replace(PARTY, birth_date=None))
    found = lift(unknown, catalogue, 0)
    assert found is not None
    assert found.changes == (Change("age", None, 60),)
