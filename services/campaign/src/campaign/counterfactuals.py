"""What would have changed a decision: "with X instead of Y the result would be Z" (R-21). Pure.

A change is found by arithmetic and believed only when the rules, run again on the changed facts, answer differently.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from math import ceil, floor
from typing import Literal
from zoneinfo import ZoneInfo

from attune_contracts.consent import ANY, Given
from attune_expressions.flips import nearest_change
from campaign.catalogue import Offer, own_condition
from campaign.contact_policy import free_from
from campaign.decision_facts import DecisionFacts, PartyFacts, ProfileFacts, StoredScore
from campaign.judgement import Candidate, Judgement, Step
from campaign.offer_index import Catalogue
from campaign.suitability import RATINGS

Fact = Literal[
    "age", "holding", "balance", "risk_rating", "rated_on", "consent", "moment", "do_not_contact", "score", "deposit"
]
Value = str | int | float | None

_FINEST = 1e-4  # scores are told in steps of this size
_MOST_CHANGES = 8
_RIVALS = 20  # who stands further down is not the nearest to the first place


@dataclass(frozen=True)
class Change:
    """One fact, and what it would have to be. `subject` is the product, model or trigger it is about."""

    fact: Fact
    was: Value
    would_be: Value
    subject: str | None = None


@dataclass(frozen=True)
class Counterfactual:
    """Changes of the facts, and the offers that would then stand at the top, as if nobody were held out."""

    about: str
    """The offer that would be lifted, or would stand first; empty if nothing would."""
    effect: Literal["lifted", "first"]
    changes: tuple[Change, ...]
    result: tuple[str, ...]


Changed = tuple[DecisionFacts, Change] | None


def lift(facts: DecisionFacts, catalogue: Catalogue, position: int) -> Counterfactual | None:
    """The changes, one for each rule in the way, under which this withheld offer would pass; None if there are none."""
    offer, changed = catalogue.marketing[position], facts
    changes: dict[tuple[Fact, str | None], Change] = {}
    for _ in range(_MOST_CHANGES):
        judged = Judgement(changed, catalogue)
        if (refusal := judged.refusal(position)) is None:
            told = tuple(change for change in changes.values() if change.was != change.would_be)
            shown = tuple(c.offer.code for c in judged.ranked(facts.limit))
            return Counterfactual(offer.code, "lifted", told, shown) if told else None
        if (step := _FIXES[refusal.step](changed, judged, offer)) is None:
            return None
        changed, change = step
        # Two rules may ask for the same fact: it is told once, from what it is to what suits both.
        key = change.fact, change.subject
        changes[key] = replace(change, was=changes[key].was) if key in changes else change
    return None


def flips(facts: DecisionFacts, catalogue: Catalogue) -> list[Counterfactual]:
    """For each kind of fact the nearest change that puts another offer, or none, first; the nearest kind first."""
    ranked = Judgement(facts, catalogue).ranked()
    if not ranked:
        return []
    nearest: dict[Fact, tuple[float, Counterfactual]] = {}
    for distance, changed, change in _tries(facts, catalogue, ranked):
        now = Judgement(changed, catalogue).ranked(facts.limit)
        first = now[0].offer.code if now else ""
        if first != ranked[0].offer.code and (change.fact not in nearest or distance < nearest[change.fact][0]):
            found = Counterfactual(first, "first", (change,), tuple(c.offer.code for c in now))
            nearest[change.fact] = distance, found
    return [found for _, found in sorted(nearest.values(), key=lambda near: near[0])]


# Changes that lift an offer, by the step of the funnel that refuses it.


def _other_age(facts: DecisionFacts, judged: Judgement, offer: Offer) -> Changed:
    party, age = facts.party, judged.customer.age
    conditions = offer.conditions
    if party is None:
        return None
    low = conditions.age_min is not None and (age is None or age < conditions.age_min)
    wanted = conditions.age_min if low else conditions.age_max
    if wanted is None:
        return None
    born = replace(party, birth_date=_years_before(facts.today, wanted))
    return replace(facts, party=born), Change("age", age, wanted)


def _not_held(facts: DecisionFacts, judged: Judgement, offer: Offer) -> Changed:
    party, product = facts.party, judged.holding(offer)
    if party is None or not product:
        return None
    without = replace(party, held=tuple(p for p in party.held if p != product))
    return replace(facts, party=without), Change("holding", product, None, product)


def _more_balance(facts: DecisionFacts, judged: Judgement, offer: Offer) -> Changed:
    minimum = offer.conditions.minimum_balance_minor
    return None if minimum is None else _with_balance(facts, judged, minimum)


def _with_balance(facts: DecisionFacts, judged: Judgement, wanted: int) -> tuple[DecisionFacts, Change]:
    balance = judged.customer.balance_minor
    if facts.profile is None or balance is None:
        profile = ProfileFacts(facts.today, wanted, None)
    else:
        profile = replace(facts.profile, balance_minor=facts.profile.balance_minor + wanted - balance)
    return replace(facts, profile=profile), Change("balance", balance, wanted)


def _fitting(facts: DecisionFacts, judged: Judgement, offer: Offer) -> Changed:
    """The first of the nearest changes that its own condition knows, where it is one of a fact that can be changed."""
    own = own_condition(offer)
    changes = nearest_change(own.condition, judged.customer.row()) if own else None
    if not changes or facts.party is None:
        return None
    party, name, value = facts.party, changes[0].field.name, changes[0].value
    match name, value:
        case "age", int():
            born = replace(party, birth_date=_years_before(facts.today, value))
            return replace(facts, party=born), Change("age", judged.customer.age, value)
        case "balance", int():
            return _with_balance(facts, judged, value)
        case "risk_rating", str() if value in RATINGS:
            return _rated(facts, party, value)
    return None


def _suitable(facts: DecisionFacts, judged: Judgement, offer: Offer) -> Changed:
    party, rating = facts.party, judged.rating
    if party is None or offer.risk_level is None:
        return None
    if rating.rating is not None and not rating.valid_on(facts.today):
        renewed = replace(party, risk_rated_on=facts.today)
        was = rating.rated_on.isoformat() if rating.rated_on else None
        return replace(facts, party=renewed), Change("rated_on", was, facts.today.isoformat())
    return _rated(facts, party, "C" + offer.risk_level[1:])


def _rated(facts: DecisionFacts, party: PartyFacts, wanted: str) -> tuple[DecisionFacts, Change]:
    rated = replace(party, risk_rating=wanted, risk_rated_on=party.risk_rated_on or facts.today)
    return replace(facts, party=rated), Change("risk_rating", party.risk_rating, wanted)


def _agreed(facts: DecisionFacts, _judged: Judgement, offer: Offer) -> Changed:
    kind = offer.product_kind or ANY
    kept = tuple(g for g in facts.consents if (g.channel, g.product_kind) != (facts.channel, kind))
    given = replace(facts, consents=(*kept, Given(facts.channel, kind, True)))
    return given, Change("consent", None, "granted", offer.product_kind)


def _allowed(facts: DecisionFacts, _judged: Judgement, _offer: Offer) -> Changed:
    moment = free_from(facts.policy, facts.contacts, facts.channel, facts.as_of, facts.zone, facts.suppressions)
    if moment is not None:
        later = replace(facts, as_of=moment, today=moment.astimezone(ZoneInfo(facts.zone)).date())
        return later, Change("moment", facts.as_of.isoformat(), moment.isoformat())
    if facts.suppressions:
        return replace(facts, suppressions=()), Change("do_not_contact", facts.suppressions[0].reason, None)
    return None


_FIXES: dict[Step, Callable[[DecisionFacts, Judgement, Offer], Changed]] = {
    "age": _other_age,
    "held": _not_held,
    "balance": _more_balance,
    "own": _fitting,
    "suitability": _suitable,
    "consent": _agreed,
    "contact_policy": _allowed,
}


# Changes that may move the first place.


def _tries(
    facts: DecisionFacts, catalogue: Catalogue, ranked: list[Candidate]
) -> Iterator[tuple[float, DecisionFacts, Change]]:
    """Changes worth trying, each with how far it is from what is, from 0 to 1."""
    first = ranked[0]
    yield from _other_scores(facts, catalogue, ranked)
    if first.opportunity is not None:
        gone = tuple(o for o in facts.opportunities if o.trigger != first.opportunity.trigger)
        yield 1.0, replace(facts, opportunities=gone), Change("deposit", 1, 0, first.opportunity.trigger)
    judged = Judgement(facts, catalogue)
    minimum, balance = first.offer.conditions.minimum_balance_minor, judged.customer.balance_minor
    if facts.personalised and minimum and balance:
        changed, change = _with_balance(facts, judged, minimum - 1)
        yield (balance - minimum + 1) / balance, changed, change
    if facts.party is not None and (rating := facts.party.risk_rating) in RATINGS:
        here = RATINGS.index(rating)
        for place, other in enumerate(RATINGS):
            if place != here:
                yield abs(place - here) / len(RATINGS), *_rated(facts, facts.party, other)


def _other_scores(
    facts: DecisionFacts, catalogue: Catalogue, ranked: list[Candidate]
) -> Iterator[tuple[float, DecisionFacts, Change]]:
    first, rest = ranked[0], ranked[1:_RIVALS]
    worth = catalogue.rank.worth
    if first.model is not None and rest and (share := first.weight * worth[first.position]) > 0:
        enough = floor(rest[0].priority / share / _FINEST) * _FINEST
        for score in (enough, enough - _FINEST):
            yield from _scored(facts, first, score)
    for other in rest:
        if other.model is not None and (share := other.weight * worth[other.position]) > 0:
            enough = ceil(first.priority / share / _FINEST) * _FINEST
            for score in (enough, enough + _FINEST):
                yield from _scored(facts, other, score)


def _scored(facts: DecisionFacts, candidate: Candidate, score: float) -> Iterator[tuple[float, DecisionFacts, Change]]:
    score = round(score, 4)
    if candidate.model is None or not 0 <= score <= 1:
        return
    scores = tuple((m, StoredScore(s.version, score) if m == candidate.model else s) for m, s in facts.scores)
    change = Change("score", candidate.propensity, score, candidate.model)
    yield abs(score - candidate.propensity), replace(facts, scores=scores), change


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
