"""The next best actions: pure. The same facts and the same catalogue give the same bytes.

The funnel (X12): eligibility → suitability → consent → contact policy → arbitration (propensity × context × value ×
lever) → arm → top N with script and reasons. A held-out customer gets no marketing action and nothing that says why
(X11). Without the customer's agreement the list is the generic one: no score, tag or segment is read (R-02).
"""

from dataclasses import dataclass
from typing import Any

import orjson

from campaign import texts
from campaign.catalogue import Catalogue, Customer, Offer, age_on, ineligible
from campaign.contact_policy import direction, look
from campaign.decision_facts import DecisionFacts, LiveOpportunity
from campaign.money import decimal_text
from campaign.suitability import RiskRating, unsuitable
from campaign.texts import Text

LIKELY = 1.5
"""A propensity this many times the offer's base rate is worth a reason."""


@dataclass(frozen=True)
class Candidate:
    """An offer that has passed every rule, with its place in the arbitration."""

    offer: Offer
    priority: float
    propensity: float
    model: str | None
    opportunity: LiveOpportunity | None


@dataclass(frozen=True)
class _View:
    """What the facts say in the terms of the rules: computed once, shared by all offers."""

    customer: Customer
    rating: RiskRating
    blocked: tuple[str, Text] | None


def decide(facts: DecisionFacts, catalogue: Catalogue) -> bytes:
    """The answer as JSON bytes."""
    view = _view(facts)
    candidates: list[Candidate] = []
    withheld: list[dict[str, Any]] = []
    for offer in catalogue.marketing:
        if (refusal := _refusal(offer, view, facts)) is not None:
            withheld.append({"offer": offer.code, "rule": refusal[0], "text": refusal[1]})
        else:
            candidates.append(_candidate(offer, facts))
    # The arm comes last: what the rules withhold is said to both arms alike.
    shown = [] if facts.held_out else sorted(candidates, key=lambda c: (-c.priority, c.offer.code))[: facts.limit]
    actions = [_action(rank, c, facts, catalogue) for rank, c in enumerate(shown, 1)]
    used = {c.model for c in shown if c.model is not None}
    answer = {
        "decision_id": facts.decision_id,
        "as_of": facts.as_of,
        "channel": facts.channel,
        "personalised": facts.personalised,
        "customer_type": _customer_type(facts),
        "actions": actions,
        "service_actions": [_service(o, facts, catalogue, view) for o in catalogue.service if _due(o, view, facts)],
        "withheld": withheld,
        "message": None if actions else {"code": "no_recommendation", "text": texts.NO_RECOMMENDATION},
        "score_source": "stored" if used else "none",
        "models": [{"name": m, "version": s.version} for m, s in facts.scores if m in used],
    }
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


def _view(facts: DecisionFacts) -> _View:
    party, profile = facts.party, facts.profile
    balance = None
    if profile is not None:
        # A deposit since the snapshot is not yet in its balance.
        fresh = sum(o.amount_minor or 0 for o in facts.opportunities if o.business_date > profile.as_of)
        balance = profile.balance_minor + fresh
    return _View(
        customer=Customer(
            age=age_on(party.birth_date, facts.today) if party else None,
            held=frozenset(party.held) if party else frozenset(),
            balance_minor=balance,
            profiled=facts.personalised,
        ),
        rating=RiskRating(party.risk_rating, party.risk_rated_on) if party else RiskRating(None, None),
        blocked=_blocked(facts),
    )


def _blocked(facts: DecisionFacts) -> tuple[str, Text] | None:
    """Why the customer may not be approached at all on this channel. Inbound, they have come themselves (X21)."""
    if direction(facts.channel) == "inbound":
        return None
    if facts.marketing_consent is not True:
        return "consent", texts.NO_CONSENT
    reason = look(facts.policy, facts.contacts, facts.channel, facts.as_of, facts.zone)
    return None if reason is None else ("contact_policy", texts.POLICY[reason])


def _refusal(offer: Offer, view: _View, facts: DecisionFacts) -> tuple[str, Text] | None:
    # Of somebody unknown nothing can be asked: the list says what the bank offers, within suitability.
    if facts.party is not None and (text := ineligible(offer, view.customer)) is not None:
        return "eligibility", text
    if (text := unsuitable(offer.risk_level, offer.product_kind, view.rating, facts.today)) is not None:
        return "suitability", text
    return view.blocked


def _candidate(offer: Offer, facts: DecisionFacts) -> Candidate:
    propensity, model, opportunity = offer.base_propensity, None, None
    weight = 1.0
    if facts.personalised:
        scores = dict(facts.scores)
        model = next((name for name in offer.models if name in scores), None)
        if model is not None:
            propensity = scores[model].score
        for live in facts.opportunities:
            if offer.context.get(live.trigger, 0.0) > weight:
                weight, opportunity = offer.context[live.trigger], live
    value = offer.expected_margin_minor or 0
    return Candidate(offer, propensity * weight * value * offer.lever, propensity, model, opportunity)


def _action(rank: int, candidate: Candidate, facts: DecisionFacts, catalogue: Catalogue) -> dict[str, Any]:
    offer, margin = candidate.offer, candidate.offer.expected_margin_minor
    return {
        "offer": offer.code,
        "rank": rank,
        "name": {"zh": offer.name.zh, "en": offer.name.en},
        "product_id": offer.product_id,
        "risk_level": offer.risk_level,
        "value": None
        if margin is None
        else {"amount": decimal_text(margin, offer.currency), "currency": offer.currency},
        "opportunity_id": candidate.opportunity.id if candidate.opportunity else None,
        "script": _script(offer, facts, catalogue),
        "reasons": [{"code": code, "text": texts.REASONS[code]} for code in _reasons(candidate, facts)],
    }


def _reasons(candidate: Candidate, facts: DecisionFacts) -> list[str]:
    if not facts.personalised:
        return ["generic"]
    codes: list[str] = []
    if candidate.opportunity is not None and (code := candidate.opportunity.trigger.replace("-", "_")) in texts.REASONS:
        codes.append(code)
    if candidate.model is not None and candidate.propensity >= LIKELY * candidate.offer.base_propensity:
        codes.append("likely_to_buy")
    held = facts.party.held if facts.party else ()
    if not {candidate.offer.product_id, candidate.offer.product_kind} & set(held):
        codes.append("not_held_yet")
    return codes or ["generic"]


def _script(offer: Offer, facts: DecisionFacts, catalogue: Catalogue) -> dict[str, Any] | None:
    script = catalogue.script(offer.code, facts.channel)
    if script is None:
        return None
    return {"id": script.id, "version": script.version, "text": {"zh": script.zh, "en": script.en}}


def _due(offer: Offer, view: _View, facts: DecisionFacts) -> bool:
    """Whether a service action is called for."""
    if facts.party is None:
        return False
    return not offer.conditions.rating_invalid or not view.rating.valid_on(facts.today)


def _service(offer: Offer, facts: DecisionFacts, catalogue: Catalogue, view: _View) -> dict[str, Any]:
    code = "rating_missing" if view.rating.rating is None else "rating_expired"
    return {
        "offer": offer.code,
        "name": {"zh": offer.name.zh, "en": offer.name.en},
        "script": _script(offer, facts, catalogue),
        "reasons": [{"code": code, "text": texts.REASONS[code]}],
    }


def _customer_type(facts: DecisionFacts) -> dict[str, Any] | None:
    if not facts.personalised or facts.party is None:
        return None
    return {
        "value_quadrant": facts.profile.value_quadrant if facts.profile else None,
        "risk_rating": facts.party.risk_rating,
        "lifecycle": None,
    }
