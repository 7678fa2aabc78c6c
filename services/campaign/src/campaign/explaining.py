"""A decision explained to staff, to the customer and to an auditor (R-03, R-21). Pure.

Each text is made from the facts and the catalogue that the decision was made from, by asking the same judgement again.
Staff learn why this and why not the others; the customer learns it in plain words, with the data used and how to
object; the auditor sees every input, version and product of the arbitration, the arm and what would have changed it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal, get_args

from campaign import explanation_texts as words
from campaign import texts
from campaign.contact_policy import direction, refusal
from campaign.counterfactuals import Counterfactual, Fact, flips, lift
from campaign.decide import due, reasons, service_reason
from campaign.decision_facts import DecisionFacts
from campaign.judgement import Candidate, Judgement
from campaign.offer_index import Catalogue, members
from campaign.texts import Text

Audience = Literal["staff", "customer", "auditor"]

# Of what would change the answer, customers are told facts about themselves, staff also the moment; scores are for
# auditors.
_TELLABLE: dict[Audience, frozenset[Fact]] = {
    "customer": frozenset({"holding", "balance", "risk_rating", "rated_on", "consent", "deposit"}),
    "staff": frozenset(get_args(Fact)) - {"score"},
    "auditor": frozenset(get_args(Fact)),
}
_MOST_TOLD = 5


@dataclass(frozen=True)
class Proposed:
    """An offer that was shown."""

    offer: str
    rank: int
    text: Text
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class NotProposed:
    """An offer that was not; `rule` is that of the answer, `rank` or `none`. `lifted_by`: what would have to be."""

    offer: str
    rule: str
    text: Text
    lifted_by: Text | None


@dataclass(frozen=True)
class ForStaff:
    """Why this, and why not the others. Alike for both arms (X11)."""

    summary: Text
    proposed: tuple[Proposed, ...]
    not_proposed: tuple[NotProposed, ...]
    what_if: tuple[Text, ...]


@dataclass(frozen=True)
class ForCustomer:
    """The same in plain words about oneself, with the data that were used and the ways to object."""

    summary: Text
    proposed: tuple[Proposed, ...]
    data_used: tuple[tuple[str, Text], ...]
    what_if: tuple[Text, ...]


@dataclass(frozen=True)
class Place:
    """One offer in the arbitration; `shown` is false below the cut and for whoever is held out."""

    rank: int
    candidate: Candidate
    model_version: int | None
    shown: bool


@dataclass(frozen=True)
class Check:
    """One rule of the policies that was asked for the whole customer."""

    check: str
    passed: bool
    text: Text | None
    level: str | None = None
    until: str | None = None


@dataclass(frozen=True)
class ForAuditor:
    """Everything that led to the answer."""

    places: tuple[Place, ...]
    withheld: tuple[tuple[str, str, str, Text], ...]
    checks: tuple[Check, ...]
    counterfactuals: tuple[tuple[Counterfactual, Text], ...]


def for_staff(facts: DecisionFacts, catalogue: Catalogue, currency: str) -> ForStaff:
    """The explanation for whoever serves the customer."""
    facts = replace(facts, audience="staff")
    judged = Judgement(facts, catalogue)
    shown = judged.shown()
    rule, text = _passed_over(shown)
    passed = (NotProposed(c.offer.code, rule, text, None) for c in judged.ranked()[len(shown) :])
    return ForStaff(
        summary=words.SUMMARY[_summary(facts, shown)],
        proposed=_proposed(shown, facts),
        not_proposed=(*passed, *_withheld(judged, currency)),
        what_if=tuple(_told(flips(facts, catalogue), catalogue, currency, "staff")) if shown else (),
    )


def for_customer(facts: DecisionFacts, catalogue: Catalogue, currency: str) -> ForCustomer:
    """The explanation for the customer."""
    facts = replace(facts, audience="customer")
    judged = Judgement(facts, catalogue)
    shown = judged.shown()
    lifts = (lift(facts, catalogue, i) for i in members(judged.refused))
    found = chain(flips(facts, catalogue) if shown else (), (f for f in lifts if f))
    return ForCustomer(
        summary=words.CUSTOMER_SUMMARY[_summary(facts, shown)],
        proposed=_proposed(shown, facts),
        data_used=tuple((code, words.DATA[code]) for code in _data_used(judged)),
        what_if=tuple(islice(_told(found, catalogue, currency, "customer"), _MOST_TOLD)),
    )


def for_auditor(facts: DecisionFacts, catalogue: Catalogue, currency: str) -> ForAuditor:
    """The explanation for an auditor."""
    judged = Judgement(facts, catalogue)
    versions = {model: score.version for model, score in facts.scores}
    shown = {c.position for c in judged.shown()}
    places = tuple(
        Place(rank, c, versions.get(c.model) if c.model else None, c.position in shown)
        for rank, c in enumerate(judged.ranked(), 1)
    )
    refused = [
        (catalogue.marketing[i].code, judged.refusal(i), lift(facts, catalogue, i)) for i in members(judged.refused)
    ]
    found = [*flips(facts, catalogue), *(lifted for _, _, lifted in refused if lifted)]
    return ForAuditor(
        places=places,
        withheld=tuple((code, r.rule, r.step, r.text) for code, r, _ in refused if r),
        checks=_checks(facts),
        counterfactuals=tuple((f, t) for f in found for t in _told([f], catalogue, currency, "auditor")),
    )


@dataclass(frozen=True)
class Why:
    """Why one offer is proposed now, or why not. `rule`: that of the answer, else rank, none, switched_off, not_due."""

    outcome: Literal["proposed", "not_proposed"]
    rank: int | None
    rule: str | None
    text: Text
    lifted_by: Text | None


def why(facts: DecisionFacts, catalogue: Catalogue, code: str, currency: str) -> Why | None:
    """Why (not) this offer; None if there is no such offer."""
    judged = Judgement(facts, catalogue)
    if (service := next((o for o in catalogue.service if o.code == code), None)) is not None:
        called_for = due(service, judged)
        text = words.reason(service_reason(judged), facts) if called_for else words.NOT_DUE
        return Why("proposed" if called_for else "not_proposed", None, None if called_for else "not_due", text, None)
    if any(o.code == code for o in catalogue.switched_off):
        return Why("not_proposed", None, "switched_off", words.SWITCHED_OFF, None)
    position = catalogue.position(code)
    return None if position is None else _why_marketing(judged, position, currency)


def _why_marketing(judged: Judgement, position: int, currency: str) -> Why:
    facts, offer = judged.facts, judged.catalogue.marketing[position]
    audience: Audience = "customer" if facts.for_customer else "staff"
    if (refused := judged.refusal(position)) is not None:
        found = lift(facts, judged.catalogue, position)
        told = _told([found] if found else [], judged.catalogue, currency, audience)
        text = words.refused_to_you(refused, offer, judged.holding(offer)) if facts.for_customer else refused.text
        return Why("not_proposed", None, refused.rule, text, next(iter(told), None))
    shown = judged.shown()
    proposed = next((p for p in _proposed(shown, facts) if p.offer == offer.code), None)
    if proposed is not None:
        return Why("proposed", proposed.rank, None, proposed.text, None)
    rule, text = _passed_over(shown)
    return Why("not_proposed", None, rule, text, None)


def _proposed(shown: Sequence[Candidate], facts: DecisionFacts) -> tuple[Proposed, ...]:
    found = []
    for rank, c in enumerate(shown, 1):
        codes = tuple(reasons(c, facts))
        told = [words.reason(code, facts) for code in codes]
        text = words.because_you(c.offer.name, told) if facts.for_customer else words.because(c.offer.name, rank, told)
        found.append(Proposed(c.offer.code, rank, text, codes))
    return tuple(found)


def _passed_over(shown: Sequence[Candidate]) -> tuple[str, Text]:
    """What is said of an offer that passed every rule: whom the arm keeps from it must look like whom nothing suits."""
    return ("rank", words.RANKED_BELOW) if shown else ("none", texts.NO_RECOMMENDATION)


def _summary(facts: DecisionFacts, shown: Sequence[Candidate]) -> str:
    return "nothing" if not shown else "offered" if facts.personalised else "generic"


def _withheld(judged: Judgement, currency: str) -> Iterable[NotProposed]:
    for i in members(judged.refused):
        refused, found = judged.refusal(i), lift(judged.facts, judged.catalogue, i)
        if refused is not None:
            told = _told([found] if found else [], judged.catalogue, currency, "staff")
            yield NotProposed(judged.catalogue.marketing[i].code, refused.rule, refused.text, next(iter(told), None))


def _told(found: Iterable[Counterfactual], catalogue: Catalogue, currency: str, audience: Audience) -> Iterable[Text]:
    names, tellable = {offer.code: offer.name for offer in catalogue.marketing}, _TELLABLE[audience]
    for counterfactual in found:
        if all(change.fact in tellable for change in counterfactual.changes):
            name = names.get(counterfactual.about)
            yield words.what_if(counterfactual, name, currency, to_customer=audience == "customer")


def _data_used(judged: Judgement) -> Iterable[str]:
    """Codes of the data that the answer was made from, in plain words of `words.DATA`."""
    facts, index = judged.facts, judged.catalogue.index
    if facts.party is not None:
        yield from ("age",) if index.by_age.bounds else ()
        yield "products_held"
        yield from ("risk_rating",) if index.by_risk else ()
    if facts.profile is not None:
        yield "balance"
    if any(o.amount_minor is not None for o in facts.opportunities):
        yield "recent_deposits"
    if any(o.amount_minor is None for o in facts.opportunities):
        yield "recent_events"
    if any(c.model for c in judged.ranked()):
        yield "interest_estimate"
    if direction(facts.channel) == "outbound":
        yield from ("consents", "past_contacts")


def _checks(facts: DecisionFacts) -> tuple[Check, ...]:
    generic = None if facts.personalised else words.SUMMARY["generic"]
    checks = [Check("personalised_decision", facts.personalised, generic)]
    if direction(facts.channel) == "inbound":
        return (*checks, Check("contact_policy", True, None))
    found = refusal(facts.policy, facts.contacts, facts.channel, facts.as_of, facts.zone, facts.suppressions)
    if found is None:
        return (*checks, Check("contact_policy", True, None))
    until = found.until.isoformat() if found.until else None
    return (*checks, Check("contact_policy", False, texts.POLICY[found.reason], found.level, until))
