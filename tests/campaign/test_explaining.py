"""One decision explained three times: what each reader learns, and what none of them may."""

from dataclasses import replace
from datetime import date

import orjson
import pytest

from campaign.decide import decide
from campaign.decision_facts import DecisionFacts, PartyFacts, StoredScore
from campaign.explaining import ForCustomer, for_auditor, for_customer, for_staff, why

from .test_decide import CATALOGUE, FACTS, PARTY

HELD_OUT = replace(FACTS, held_out=True, held_out_by="large-deposit")
GENERIC = replace(FACTS, personalised=False, profile=None, scores=(), opportunities=())
UNKNOWN = replace(GENERIC, party=None, consents=())
EVERY = {
    "personalised": FACTS,
    "held out": HELD_OUT,
    "generic": GENERIC,
    "unknown": UNKNOWN,
    "outbound": replace(FACTS, channel="call_centre"),
    "too young": replace(FACTS, party=replace(PARTY, birth_date=date(2015, 1, 1))),
    "nothing known": replace(FACTS, party=PartyFacts(None, None, None, ()), profile=None, scores=()),
}


def told(answer: ForCustomer) -> str:
    texts = [answer.summary, *answer.what_if, *(p.text for p in answer.proposed), *(t for _, t in answer.data_used)]
    return " ".join(text["zh"] + " " + text["en"] for text in texts)


def test_staff_learn_why_this_and_why_not_the_others() -> None:
    found = for_staff(FACTS, CATALOGUE, "CNY")
    first, second = found.proposed
    assert first.text["en"] == (
        "12-month time deposit is number 1: a recent deposit is above the six-month average balance;"
        " the model expects the customer to buy soon; the customer holds no product of this kind yet"
    )
    assert first.text["zh"].startswith("一年期定期存款排第1位:近日转入金额高于近六个月平均存款余额;")
    assert (second.offer, second.rank) == ("wealth-steady-6m", 2)
    (fund,) = found.not_proposed
    assert (fund.offer, fund.rule) == ("equity-fund-growth", "suitability")
    assert fund.lifted_by == {
        "zh": "若客户风险评级为C4(现为C3),则可推荐成长型股票基金",
        "en": "with the customer's risk rating C4 instead of C3, Growth equity fund could be proposed",
    }
    cut = for_staff(replace(FACTS, limit=1), CATALOGUE, "CNY")
    assert [(n.offer, n.rule) for n in cut.not_proposed] == [
        ("wealth-steady-6m", "rank"),
        ("equity-fund-growth", "suitability"),
    ]
    # Scores are for auditors: staff hear of the deposit, the balance, the rating.
    assert not any("score" in text["en"] for text in found.what_if)
    assert found.what_if


def test_staff_cannot_tell_a_held_out_customer_from_one_whom_nothing_suits() -> None:
    held_out = for_staff(HELD_OUT, CATALOGUE, "CNY")
    assert held_out.proposed == ()
    assert held_out.summary["en"] == "no recommendation today"
    assert {n.rule for n in held_out.not_proposed} == {"none", "suitability"}
    assert {n.text["en"] for n in held_out.not_proposed if n.rule == "none"} == {"no recommendation today"}
    assert held_out.what_if == ()
    # What the rules withhold is said to both arms alike.
    treated = for_staff(FACTS, CATALOGUE, "CNY")
    withheld = [n for n in held_out.not_proposed if n.rule != "none"]
    assert withheld == [n for n in treated.not_proposed if n.rule != "rank"]
    for facts in (FACTS, HELD_OUT):
        words = str(for_staff(facts, CATALOGUE, "CNY")).lower()
        assert not any(word in words for word in ("held_out", "control", "arm", "experiment", "对照"))


@pytest.mark.parametrize("name", EVERY)
def test_customers_read_nothing_internal(name: str) -> None:
    facts = EVERY[name]
    scores = (("propensity-time-deposit", StoredScore(7, 0.31759)), ("propensity-wealth", StoredScore(7, 0.12345)))
    facts = replace(facts, scores=scores if facts.personalised else ())
    text = told(for_customer(facts, CATALOGUE, "CNY"))
    for internal in (
        "0.317",
        "0.123",
        "31.7",
        "214.00",
        "320.00",
        "propensity",
        "model",
        "quadrant",
        "segment",
        "score",
    ):
        assert internal not in text.lower()
    for internal in (
        "模型",
        "评分",
        "象限",
        "客群",
        "对照",
        "分组",
        "control",
        "held",
        "campaign",
        "the customer",
        "客户风险",
    ):
        assert internal not in text.replace("no WS6M held", "")


def test_customers_learn_which_data_were_used_and_what_would_change_it() -> None:
    found = for_customer(FACTS, CATALOGUE, "CNY")
    assert [code for code, _ in found.data_used] == [
        "age",
        "products_held",
        "risk_rating",
        "balance",
        "recent_deposits",
        "interest_estimate",
    ]
    assert found.proposed[0].text["zh"] == (
        "向您推荐一年期定期存款,因为您近日有一笔较大金额入账;根据您使用本行服务的情况,我们估计您可能会感兴趣;您尚未持有此类产品"
    )
    assert {
        "zh": "若您的风险评级为C4(现为C3),则可推荐成长型股票基金",
        "en": "with your risk rating C4 instead of C3, Growth equity fund could be proposed",
    } in found.what_if
    matured = replace(FACTS.opportunities[0], amount_minor=None)
    found = for_customer(replace(FACTS, opportunities=(matured,)), CATALOGUE, "CNY")
    assert "recent_events" in dict(found.data_used)
    assert "recent_deposits" not in dict(found.data_used)
    generic = for_customer(GENERIC, CATALOGUE, "CNY")
    assert [code for code, _ in generic.data_used] == ["age", "products_held", "risk_rating"]
    assert generic.proposed[0].reasons == ("generic",)
    assert for_customer(UNKNOWN, CATALOGUE, "CNY").data_used == ()
    outbound = for_customer(EVERY["outbound"], CATALOGUE, "CNY")
    assert [code for code, _ in outbound.data_used][-2:] == ["consents", "past_contacts"]


def test_auditors_see_the_arithmetic_and_it_is_that_of_the_answer() -> None:
    found = for_auditor(replace(FACTS, limit=1), CATALOGUE, "CNY")
    first, second = found.places
    assert (first.rank, first.shown, first.model_version) == (1, True, 7)
    assert (
        first.candidate.priority == first.candidate.propensity * first.candidate.weight * 21_400 == 0.31 * 1.5 * 21_400
    )
    assert (second.candidate.offer.code, second.shown) == ("wealth-steady-6m", False)
    assert [w[:3] for w in found.withheld] == [("equity-fund-growth", "suitability", "suitability")]
    assert {c.check: c.passed for c in found.checks} == {"personalised_decision": True, "contact_policy": True}
    told_in_words = [text["en"] for _, text in found.counterfactuals]
    assert any("a score of" in text and "would be proposed first" in text for text in told_in_words)
    assert any("could be proposed" in text for text in told_in_words)
    held_out = for_auditor(HELD_OUT, CATALOGUE, "CNY")
    assert not any(place.shown for place in held_out.places)
    assert [p.candidate.priority for p in held_out.places] == [
        p.candidate.priority for p in for_auditor(FACTS, CATALOGUE, "CNY").places
    ]


@pytest.mark.parametrize(
    ("facts", "code", "expected"),
    [
        (FACTS, "time-deposit-12m", ("proposed", 1, None)),
        (replace(FACTS, limit=1), "wealth-steady-6m", ("not_proposed", None, "rank")),
        (FACTS, "equity-fund-growth", ("not_proposed", None, "suitability")),
        (HELD_OUT, "time-deposit-12m", ("not_proposed", None, "none")),
        (FACTS, "renew-risk-rating", ("not_proposed", None, "not_due")),
        (replace(FACTS, party=replace(PARTY, risk_rating=None)), "renew-risk-rating", ("proposed", None, None)),
        (GENERIC, "wealth-steady-6m", ("proposed", 2, None)),
    ],
)
def test_why_one_offer(facts: DecisionFacts, code: str, expected: tuple[str, int | None, str | None]) -> None:
    found = why(facts, CATALOGUE, code, "CNY")
    assert found is not None
    assert (found.outcome, found.rank, found.rule) == expected
    assert found.text["zh"]
    assert why(facts, CATALOGUE, "no-such-offer", "CNY") is None
    # It is what the next decision says.
    answer = orjson.loads(decide(facts, CATALOGUE))
    assert (expected[1] is not None) == (code in {a["offer"] for a in answer["actions"]})


def test_why_is_told_to_customers_in_their_own_words() -> None:
    found = why(replace(FACTS, audience="customer"), CATALOGUE, "equity-fund-growth", "CNY")
    assert found is not None
    assert found.text["en"] == "the product's risk is R4, and you have no valid risk rating that fits it"
    assert found.lifted_by is not None
    assert found.lifted_by["zh"] == "若您的风险评级为C4(现为C3),则可推荐成长型股票基金"


def test_the_answer_a_customer_reads_carries_nothing_internal() -> None:
    mine = orjson.loads(decide(replace(FACTS, audience="customer"), CATALOGUE))
    staff = orjson.loads(decide(FACTS, CATALOGUE))
    assert [a["offer"] for a in mine["actions"]] == [a["offer"] for a in staff["actions"]]
    assert (mine["customer_type"], mine["withheld"]) == (None, [])
    assert {a["value"] and a["value"]["amount"] for a in mine["actions"]} == {None}
    assert mine["actions"][0]["reasons"][0]["text"]["en"] == "you received a larger amount recently"
