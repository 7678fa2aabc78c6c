"""What would have changed a decision: every claim is what the rules say of the changed facts."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_contracts.consent import ANY, Given
from campaign.catalogue import Offer, snapshot
from campaign.contact_policy import Cap, ContactPolicy, PastContact, Suppression
from campaign.counterfactuals import Change, flips, lift
from campaign.decision_facts import DecisionFacts, ProfileFacts, StoredScore
from campaign.judgement import Judgement
from campaign.offer_index import compile_catalogue, members

from .test_decide import CATALOGUE, FACTS, NO, PARTY, YES
from .test_offer_index import questions, sheets

FUND, DEPOSIT, WEALTH = (CATALOGUE.position(c) for c in ("equity-fund-growth", "time-deposit-12m", "wealth-steady-6m"))
SCORED = (("propensity-time-deposit", StoredScore(7, 0.31)), ("propensity-wealth", StoredScore(7, 0.12)))
CALL = replace(FACTS, channel="call_centre", as_of=datetime(2026, 3, 17, 8, 40, tzinfo=UTC))
CONTACTED = PastContact("call_centre", datetime(2026, 3, 16, 2, tzinfo=UTC))


def changes(facts: DecisionFacts, position: int | None) -> list[Change]:
    assert position is not None
    found = lift(facts, CATALOGUE, position)
    return list(found.changes) if found else []


@pytest.mark.parametrize(
    ("facts", "position", "expected"),
    [
        (FACTS, FUND, [Change("risk_rating", "C3", "C4")]),
        (replace(FACTS, party=replace(PARTY, birth_date=date(2010, 1, 1))), DEPOSIT, [Change("age", 16, 18)]),
        (replace(FACTS, party=replace(PARTY, birth_date=date(1940, 1, 1))), WEALTH, [Change("age", 86, 75)]),
        (
            replace(FACTS, party=replace(PARTY, held=("WS6M", "wealth"))),
            WEALTH,
            [Change("holding", "WS6M", None, "WS6M")],
        ),
        (
            replace(FACTS, profile=ProfileFacts(date(2026, 2, 28), 1_000, "B"), opportunities=()),
            WEALTH,
            [Change("balance", 1_000, 5_000_000)],
        ),
        # An expired rating is renewed first; then it is still too low: two changes, each for a rule in the way.
        (
            replace(FACTS, party=replace(PARTY, risk_rated_on=date(2024, 1, 1))),
            FUND,
            [Change("rated_on", "2024-01-01", "2026-03-17"), Change("risk_rating", "C3", "C4")],
        ),
        (replace(FACTS, party=replace(PARTY, risk_rating=None)), WEALTH, [Change("risk_rating", None, "C2")]),
        (replace(CALL, consents=(NO,)), DEPOSIT, [Change("consent", None, "granted", "time_deposit")]),
        (
            replace(CALL, contacts=(CONTACTED, CONTACTED)),
            DEPOSIT,
            [Change("moment", "2026-03-17T08:40:00+00:00", "2026-03-23T02:00:00+00:00")],
        ),
        (
            replace(
                CALL,
                suppressions=(
                    Suppression("customer", None, datetime(2026, 1, 1, tzinfo=UTC), None, None, "deceased", "staff"),
                ),
            ),
            DEPOSIT,
            [Change("do_not_contact", "deceased", None)],
        ),
        # Nothing about the customer lifts a policy that forbids every contact, nor what is not withheld.
        (replace(CALL, policy=ContactPolicy(caps=(Cap(limit=0, days=7),))), DEPOSIT, []),
        (FACTS, DEPOSIT, []),
        (replace(FACTS, party=None, personalised=False), FUND, []),
    ],
)
def test_what_lifts_a_withheld_offer(facts: DecisionFacts, position: int, expected: list[Change]) -> None:
    assert changes(facts, position) == expected


def test_the_nearest_score_that_moves_the_first_place() -> None:
    # 0.31 × 1.5 × 21,400 = 9,951 against s × 1.3 × 32,000: from 0.2393 on; or 0.1556 for the deposit.
    found = {f.changes[0].fact: f for f in flips(replace(FACTS, scores=SCORED), CATALOGUE)}
    assert found["score"].changes == (Change("score", 0.12, 0.2393, "propensity-wealth"),)
    assert found["score"].result == ("wealth-steady-6m", "time-deposit-12m")
    assert found["score"].about == "wealth-steady-6m"
    # A rival without a score cannot rise: the first would have to fall, below 1,664 of 32,100.
    (falls,) = [f for f in flips(replace(FACTS, scores=SCORED[:1]), CATALOGUE) if f.changes[0].fact == "score"]
    assert falls.changes == (Change("score", 0.31, 0.0518, "propensity-time-deposit"),)


def test_without_the_deposit_or_the_balance_another_stands_first() -> None:
    close = replace(FACTS, scores=(SCORED[0], ("propensity-wealth", StoredScore(7, 0.23))))
    found = {f.changes[0].fact: f for f in flips(close, CATALOGUE)}
    assert found["deposit"].changes == (Change("deposit", 1, 0, "large-deposit"),)
    assert found["deposit"].about == "wealth-steady-6m"
    # 60,000.00 and 86,000.00 since: below 10,000.00 nothing is open.
    assert found["balance"].changes == (Change("balance", 14_600_000, 999_999),)
    assert (found["balance"].about, found["balance"].result) == ("", ())


@settings(max_examples=120, deadline=None)
@given(sheet=sheets, facts=questions, contacted=st.integers(0, 3))
def test_every_claim_holds_when_the_rules_are_run_again(
    sheet: list[Offer], facts: DecisionFacts, contacted: int
) -> None:
    facts = replace(facts, contacts=(CONTACTED,) * contacted)
    catalogue = compile_catalogue(1, snapshot(sheet, [])[0])
    judged = Judgement(facts, catalogue)
    for position in members(judged.refused):
        found = lift(facts, catalogue, position)
        if found is not None:
            assert found.changes
            assert len({(c.fact, c.subject) for c in found.changes}) == len(found.changes)
    before = [c.offer.code for c in judged.ranked(facts.limit)]
    for found in flips(facts, catalogue):
        assert found.result[:1] == ((found.about,) if found.about else ())
        assert before[0] != found.about
        (change,) = found.changes
        assert change.was != change.would_be


def test_agreeing_lifts_exactly_the_kind_agreed_to() -> None:
    refused = replace(CALL, consents=(YES, Given(ANY, "time_deposit", False), Given("call_centre", "fund", False)))
    assert changes(refused, DEPOSIT) == [Change("consent", None, "granted", "time_deposit")]
