"""The next best actions by tables of cases."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from attune_contracts.consent import ANY, Given
from campaign import texts
from campaign.catalogue import Conditions, snapshot
from campaign.contact_policy import Cap, ContactPolicy, PastContact
from campaign.decide import decide
from campaign.decision_facts import DecisionFacts, LiveOpportunity, PartyFacts, ProfileFacts, StoredScore
from campaign.offer_index import compile_catalogue
from campaign.seed import offers, scripts

CATALOGUE = compile_catalogue(1, snapshot(offers(), scripts())[0])
YES, NO = Given(ANY, ANY, True), Given(ANY, ANY, False)
PARTY = PartyFacts(date(1980, 5, 1), "C3", date(2025, 11, 2), ())
DEPOSIT = LiveOpportunity("0190a7c8-0000-7000-8000-000000000001", "large-deposit", date(2026, 3, 17), 8_600_000)
FACTS = DecisionFacts(
    decision_id="0190a7c8-0000-7000-8000-0000000000aa",
    customer_id="0190a7c8-0000-8000-8000-0000000000bb",
    channel="counter",
    limit=3,
    as_of=datetime(2026, 3, 17, 8, 40, 2, 123456, tzinfo=UTC),
    today=date(2026, 3, 17),
    zone="Asia/Shanghai",
    catalogue_version=1,
    policy_version=1,
    policy=ContactPolicy(caps=(Cap(limit=2, days=7),)),
    party=PARTY,
    personalised=True,
    consents=(YES,),
    held_out=False,
    profile=ProfileFacts(date(2026, 2, 28), 6_000_000, "B"),
    scores=(("propensity-time-deposit", StoredScore(7, 0.31)), ("propensity-wealth", StoredScore(7, 0.12))),
    opportunities=(DEPOSIT,),
)


def answer(facts: DecisionFacts) -> dict[str, Any]:
    result: dict[str, Any] = orjson.loads(decide(facts, CATALOGUE))
    return result


def offered(facts: DecisionFacts) -> list[str]:
    return [a["offer"] for a in answer(facts)["actions"]]


def withheld(facts: DecisionFacts) -> dict[str, str]:
    return {w["offer"]: w["rule"] for w in answer(facts)["withheld"]}


@pytest.mark.parametrize("channel", ["counter", "mobile", "call_centre"])
@pytest.mark.parametrize("personalised", [True, False])
def test_r05_nothing_is_proposed_to_who_is_under_fourteen(channel: str, personalised: bool) -> None:
    """Not even what every age may have, nor at a counter that the child comes to."""
    sheet = [o.model_copy(update={"conditions": Conditions(), "risk_level": None}) for o in offers()]
    for_everybody = compile_catalogue(1, snapshot(sheet, scripts())[0])

    def told(born: date) -> dict[str, Any]:
        facts = replace(FACTS, channel=channel, personalised=personalised, party=replace(PARTY, birth_date=born))
        found: dict[str, Any] = orjson.loads(decide(facts, for_everybody))
        return found

    child = told(date(2012, 3, 18))
    assert child["actions"] == []
    assert [(w["rule"], w["text"]) for w in child["withheld"]] == [("consent", texts.TOO_YOUNG)] * len(
        for_everybody.marketing
    )
    assert told(date(2012, 3, 17))["actions"]


def test_the_example() -> None:
    told = answer(FACTS)
    first = told["actions"][0]
    assert first["offer"] == "time-deposit-12m"
    assert first["rank"] == 1
    assert first["value"] == {"amount": "214.00", "currency": "CNY"}
    assert first["opportunity_id"] == DEPOSIT.id
    assert first["script"]["id"] == "s-td12m-counter"
    assert [r["code"] for r in first["reasons"]] == ["large_deposit", "likely_to_buy", "not_held_yet"]
    assert told["customer_type"] == {"value_quadrant": "B", "risk_rating": "C3", "lifecycle": None}
    assert told["score_source"] == "stored"
    assert {m["name"]: m["version"] for m in told["models"]}["propensity-time-deposit"] == 7
    assert told["as_of"] == "2026-03-17T08:40:02.123456Z"
    (fund,) = told["withheld"]
    assert (fund["offer"], fund["rule"]) == ("equity-fund-growth", "suitability")
    assert fund["text"]["en"] == "product R4 is above the customer's C3 (rated 2025-11-02)"


@pytest.mark.parametrize(
    ("party", "expected"),
    [
        (replace(PARTY, birth_date=date(2010, 1, 1)), {"time-deposit-12m": "eligibility"}),
        (replace(PARTY, birth_date=None), {"wealth-steady-6m": "eligibility"}),
        (replace(PARTY, birth_date=date(1940, 1, 1)), {"wealth-steady-6m": "eligibility"}),
        (replace(PARTY, held=("WS6M", "wealth")), {"wealth-steady-6m": "eligibility"}),
        (replace(PARTY, risk_rated_on=date(2025, 3, 16)), {"wealth-steady-6m": "suitability"}),
        (replace(PARTY, risk_rating=None, risk_rated_on=None), {"equity-fund-growth": "suitability"}),
    ],
)
def test_rules_withhold(party: PartyFacts, expected: dict[str, str]) -> None:
    facts = replace(FACTS, party=party)
    assert expected.items() <= withheld(facts).items()
    assert not expected.keys() & set(offered(facts))


def test_a_deposit_since_the_snapshot_counts_as_balance() -> None:
    poor = replace(FACTS, profile=ProfileFacts(date(2026, 2, 28), 0, "B"))
    assert "time-deposit-12m" in offered(poor)
    assert withheld(replace(poor, opportunities=()))["time-deposit-12m"] == "eligibility"
    known_already = replace(poor, profile=ProfileFacts(date(2026, 3, 17), 0, "B"))
    assert withheld(known_already)["time-deposit-12m"] == "eligibility"


def test_arbitration_multiplies_propensity_context_value_and_lever() -> None:
    # 0.31 × 1.5 × 21,400 = 9,951 against 0.12 × 1.3 × 32,000 = 4,992; without the deposit 6,634 against 3,840.
    assert offered(FACTS) == ["time-deposit-12m", "wealth-steady-6m"]
    likely_wealth = replace(FACTS, scores=(("propensity-wealth", StoredScore(7, 0.5)),))
    assert offered(likely_wealth) == ["wealth-steady-6m", "time-deposit-12m"]
    assert offered(replace(FACTS, limit=1)) == ["time-deposit-12m"]


def test_without_a_score_the_offers_stand_in_the_order_of_their_base_rates() -> None:
    """Whom no model answers for (X13) is offered something all the same, and nothing claims to be a score."""
    told = answer(replace(FACTS, scores=()))

    # 0.06 × 1.5 × 21,400 = 1,926 against 0.04 × 1.3 × 32,000 = 1,664.
    assert [a["offer"] for a in told["actions"]] == ["time-deposit-12m", "wealth-steady-6m"]
    assert (told["models"], told["score_source"], told["personalised"]) == ([], "none", True)
    assert "likely_to_buy" not in {r["code"] for a in told["actions"] for r in a["reasons"]}


def test_a_held_out_customer_gets_service_only_and_no_hint() -> None:
    party = replace(PARTY, risk_rated_on=date(2024, 1, 1))
    told = answer(replace(FACTS, held_out=True, party=party))
    assert told["actions"] == []
    assert told["message"]["code"] == "no_recommendation"
    assert [s["offer"] for s in told["service_actions"]] == ["renew-risk-rating"]
    assert told["withheld"] == answer(replace(FACTS, party=party))["withheld"]
    for word in (b"held_out", b"holdout", b"control", b'arm"'):
        assert word not in decide(replace(FACTS, held_out=True, party=party), CATALOGUE)


def test_the_generic_list_is_the_same_for_everybody_and_reads_no_profile() -> None:
    generic = replace(FACTS, personalised=False, profile=None, scores=(), opportunities=())
    told = answer(generic)
    assert told["personalised"] is False
    assert told["customer_type"] is None
    assert told["score_source"] == "none"
    assert told["models"] == []
    assert {r["code"] for a in told["actions"] for r in a["reasons"]} == {"generic"}
    other = replace(generic, party=replace(PARTY, birth_date=date(1990, 1, 1)), customer_id="another")
    assert answer(other)["actions"] == told["actions"]
    # Even if somebody passed them: scores and opportunities change nothing.
    leaked = replace(FACTS, personalised=False)
    assert [a["offer"] for a in answer(leaked)["actions"]] == [a["offer"] for a in told["actions"]]


def test_somebody_unknown_is_offered_what_needs_no_rating() -> None:
    unknown = replace(FACTS, party=None, personalised=False, consents=(), profile=None, scores=(), opportunities=())
    assert offered(unknown) == ["time-deposit-12m"]
    assert set(withheld(unknown).values()) == {"suitability"}


@pytest.mark.parametrize(
    ("channel", "consents", "contacts", "rule"),
    [
        ("counter", [], 5, None),
        ("mobile", [NO], 5, None),
        ("call_centre", [], 0, "consent"),
        ("relationship_manager", [NO], 0, "consent"),
        ("call_centre", [YES], 2, "contact_policy"),
        ("call_centre", [YES], 1, None),
        # The channel is agreed to, this product kind is not: unknown, or refused.
        ("call_centre", [Given("call_centre", "fund", True)], 0, "consent"),
        ("call_centre", [Given("call_centre", ANY, True), Given(ANY, "time_deposit", False)], 0, "consent"),
        ("call_centre", [NO, Given("call_centre", "time_deposit", True)], 0, None),
    ],
)
def test_consent_and_policy_bind_outbound_only(channel: str, consents: list[Given], contacts: int, rule: str) -> None:
    past = tuple(PastContact("counter", datetime(2026, 3, 16, i, tzinfo=UTC)) for i in range(contacts))
    facts = replace(FACTS, channel=channel, consents=tuple(consents), contacts=past)
    assert withheld(facts).get("time-deposit-12m") == rule
    assert ("time-deposit-12m" in offered(facts)) == (rule is None)


def test_stored_inputs_give_the_same_bytes() -> None:
    past = (PastContact("counter", datetime(2026, 3, 16, 1, 2, 3, 4, tzinfo=UTC), outbound=False),)
    for facts in (
        replace(FACTS, contacts=past, scores=(("propensity-purchase", StoredScore(1, 0.1 + 0.2)),)),
        replace(FACTS, party=None, personalised=False, profile=None, scores=(), opportunities=()),
        replace(FACTS, party=PartyFacts(None, None, None, ("TD12M",)), held_out=True),
    ):
        again = DecisionFacts.from_json(facts.to_json())
        assert again == facts
        assert decide(again, CATALOGUE) == decide(facts, CATALOGUE)
        assert again.to_json() == facts.to_json()


def test_inputs_from_before_consents_were_divided_give_the_same_bytes() -> None:
    for general, consents in ((True, (YES,)), (False, (NO,)), (None, ())):
        facts = replace(FACTS, channel="call_centre", consents=consents)
        stored = orjson.loads(facts.to_json())
        del stored["consents"]
        again = DecisionFacts.from_json(orjson.dumps(stored | {"marketing_consent": general}))
        assert again == facts
        assert decide(again, CATALOGUE) == decide(facts, CATALOGUE)


def test_every_offer_has_a_script_for_every_channel() -> None:
    for offer in (*CATALOGUE.marketing, *CATALOGUE.service):
        for channel in ("counter", "mobile", "call_centre", "relationship_manager"):
            script = CATALOGUE.script(offer.code, channel)
            assert script is not None
            assert script.channel == channel
            assert script.zh
            assert script.en
    assert [o.code for o in CATALOGUE.marketing] == ["equity-fund-growth", "time-deposit-12m", "wealth-steady-6m"]
