"""A compiled catalogue refuses and ranks exactly what its conditions say one by one."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from attune_contracts.consent import ANY, Given, permitted, too_young
from campaign.catalogue import Conditions, Customer, Names, Offer, ineligible, snapshot
from campaign.contact_policy import Cap, ContactPolicy
from campaign.decision_facts import DecisionFacts, LiveOpportunity, PartyFacts, ProfileFacts, StoredScore
from campaign.judgement import Judgement
from campaign.offer_index import compile_catalogue, members, priority, worth
from campaign.suitability import RiskRating, unsuitable

from .conftest import NOW

TODAY = date(2026, 3, 17)
PRODUCTS = ("TD", "WS", "EF", "wealth", "fund", "time_deposit")
MODELS = ("m1", "m2", "m3")

# Two over the profile, which are asked of profiled customers only.
WHERE = (
    "age between 20 and 60",
    "not has_tag('TD') and risk_rating in ('C2', 'C3')",
    "balance > 1000.50 or has_tag('wealth')",
    "value_quadrant = 'A' and age is not null",
)

ages = st.none() | st.integers(0, 150)
balances = st.none() | st.integers(0, 2_000_00)
kinds = st.sampled_from((None, "wealth", "fund", "time_deposit", "demand_deposit"))
consents = st.lists(
    st.builds(Given, st.sampled_from((ANY, "call_centre")), st.sampled_from((ANY, "wealth", "fund")), st.booleans()),
    max_size=4,
).map(tuple)
offer_conditions = st.builds(
    Conditions,
    age_min=ages,
    age_max=ages,
    product_not_held=st.lists(st.sampled_from(PRODUCTS), max_size=3).map(tuple),
    minimum_balance_minor=balances,
    where=st.none() | st.sampled_from(WHERE),
)
offers = st.builds(
    Offer,
    code=st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True),
    version=st.just(1),
    product_id=st.none() | st.sampled_from(PRODUCTS),
    product_kind=kinds,
    risk_level=st.sampled_from((None, "R1", "R2", "R3", "R4", "R5")),
    expected_margin_minor=st.integers(0, 10**7),
    lever=st.floats(0, 10),
    models=st.lists(st.sampled_from(MODELS), max_size=2).map(tuple),
    base_propensity=st.floats(0, 1),
    context=st.dictionaries(st.sampled_from(("large-deposit", "maturity")), st.floats(0, 3), max_size=2),
    conditions=offer_conditions,
    enabled=st.booleans(),
    name=st.just(Names(zh="产品", en="product")),
)
sheets = st.lists(offers, max_size=12, unique_by=lambda o: o.code)
parties = st.none() | st.builds(
    PartyFacts,
    birth_date=st.none() | st.dates(date(1870, 1, 1), date(2027, 1, 1)),
    risk_rating=st.sampled_from((None, "C1", "C2", "C3", "C4", "C5")),
    risk_rated_on=st.none() | st.dates(date(2024, 1, 1), TODAY),
    held=st.lists(st.sampled_from(PRODUCTS), max_size=3).map(tuple),
)
profiles = st.none() | st.builds(
    ProfileFacts,
    as_of=st.just(date(2026, 2, 28)),
    balance_minor=st.integers(-100, 3_000_00),
    value_quadrant=st.sampled_from((None, "A", "D")),
)
scores = st.dictionaries(st.sampled_from(MODELS), st.floats(0, 1), max_size=3).map(
    lambda found: tuple((m, StoredScore(1, s)) for m, s in sorted(found.items()))
)
opportunities = st.lists(
    st.builds(
        LiveOpportunity,
        id=st.uuids().map(str),
        trigger=st.sampled_from(("large-deposit", "maturity", "other")),
        business_date=st.just(TODAY),
        amount_minor=st.none() | st.integers(1, 10**6),
    ),
    max_size=3,
).map(tuple)
questions = st.builds(
    DecisionFacts,
    decision_id=st.just("0190a7c8-0000-7000-8000-0000000000aa"),
    customer_id=st.just("0190a7c8-0000-8000-8000-0000000000bb"),
    channel=st.sampled_from(("counter", "mobile", "call_centre", "relationship_manager")),
    limit=st.integers(1, 20),
    as_of=st.just(NOW),
    today=st.just(TODAY),
    zone=st.just("Asia/Shanghai"),
    catalogue_version=st.just(1),
    policy_version=st.just(1),
    policy=st.just(ContactPolicy(caps=(Cap(limit=2, days=7),))),
    party=parties,
    personalised=st.booleans(),
    consents=consents,
    held_out=st.booleans(),
    profile=profiles,
    scores=scores,
    opportunities=opportunities,
)


def plain_refusal(offer: Offer, facts: DecisionFacts, customer: Customer) -> tuple[str, object] | None:
    """The funnel for one offer, condition by condition."""
    rating = RiskRating(facts.party.risk_rating, facts.party.risk_rated_on) if facts.party else RiskRating(None, None)
    if facts.party is not None and (text := ineligible(offer, customer)) is not None:
        return "eligibility", text
    if (text := unsuitable(offer.risk_level, offer.product_kind, rating, facts.today)) is not None:
        return "suitability", text
    if facts.party is not None and too_young(facts.party.birth_date, facts.today):
        return "consent", None
    outbound = facts.channel in ("call_centre", "relationship_manager")
    if outbound and permitted(facts.consents, facts.channel, offer.product_kind) is not True:
        return "consent", None
    return None


def plain_priority(offer: Offer, facts: DecisionFacts) -> float:
    """Propensity × context × value × lever, looked up for one offer."""
    known = dict(facts.scores) if facts.personalised else {}
    propensity = next((known[m].score for m in offer.models if m in known), offer.base_propensity)
    live = facts.opportunities if facts.personalised else ()
    weight = max([1.0, *(offer.context.get(o.trigger, 0.0) for o in live)])
    return priority(propensity, weight, worth(offer))


@settings(max_examples=150, deadline=None)
@given(sheet=sheets, facts=questions)
def test_the_compiled_catalogue_is_its_conditions(sheet: list[Offer], facts: DecisionFacts) -> None:
    catalogue = compile_catalogue(1, snapshot(sheet, [])[0])
    judged = Judgement(facts, catalogue)
    assert [o.code for o in catalogue.marketing] == sorted(o.code for o in sheet if o.enabled)

    expected = [plain_refusal(o, facts, judged.customer) for o in catalogue.marketing]
    found = [judged.refusal(i) for i in range(len(catalogue.marketing))]
    assert [(r.rule, r.text if e and e[1] else None) if r else None for r, e in zip(found, expected, strict=True)] == [
        e if e else None for e in expected
    ]
    assert list(members(judged.refused)) == [i for i, e in enumerate(expected) if e]

    passed = [o for o, e in zip(catalogue.marketing, expected, strict=True) if e is None]
    order = sorted((-plain_priority(o, facts), o.code) for o in passed)
    assert [(-c.priority, c.offer.code) for c in judged.ranked()] == order
    assert [c.offer.code for c in judged.ranked(3)] == [code for _, code in order[:3]]
