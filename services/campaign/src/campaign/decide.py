"""The next best actions: pure. The same facts and the same catalogue give the same bytes.

What is offered and in which order is `judgement`'s; here it becomes an answer. A held-out customer gets no marketing
action and nothing that says why (X11). Without the customer's agreement the list is the generic one: no score, tag or
segment is read (R-02). What customers themselves read carries no internal figure and no segment.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from campaign import texts
from campaign.catalogue import Offer
from campaign.decision_facts import DecisionFacts
from campaign.judgement import Candidate, Judgement
from campaign.offer_index import Catalogue, members

LIKELY = 1.5
"""A propensity this many times the offer's base rate is worth a reason."""


def decide(facts: DecisionFacts, catalogue: Catalogue) -> bytes:
    """The answer as JSON bytes."""
    judged = Judgement(facts, catalogue)
    shown = judged.shown()
    used = {c.model for c in shown if c.model is not None}
    answer = {
        "decision_id": facts.decision_id,
        "as_of": facts.as_of,
        "channel": facts.channel,
        "personalised": facts.personalised,
        "customer_type": _customer_type(facts),
        "actions": [_action(rank, c, judged) for rank, c in enumerate(shown, 1)],
        "service_actions": [_service(o, judged) for o in catalogue.service if due(o, judged)],
        # Customers ask why; staff see at once what not to offer.
        "withheld": [] if facts.for_customer else orjson.Fragment(_withheld(judged)),
        "message": None if shown else {"code": "no_recommendation", "text": texts.NO_RECOMMENDATION},
        "score_source": facts.score_source if used else "none",
        "models": [{"name": m, "version": s.version} for m, s in facts.scores if m in used],
    }
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


def _action(rank: int, candidate: Candidate, judged: Judgement) -> dict[str, Any]:
    offer, rendered, words = candidate.offer, judged.catalogue.rendered, texts.reasons_for(judged.facts.audience)
    return {
        "offer": offer.code,
        "rank": rank,
        "name": orjson.Fragment(rendered.names[candidate.position]),
        "product_id": offer.product_id,
        "risk_level": offer.risk_level,
        # The bank's margin is no business of whoever reads the answer as a customer.
        "value": None if judged.facts.for_customer else orjson.Fragment(rendered.values[candidate.position]),
        "opportunity_id": candidate.opportunity.id if candidate.opportunity else None,
        "script": _script(offer, judged),
        "reasons": [{"code": code, "text": words[code]} for code in reasons(candidate, judged.facts)],
    }


def reasons(candidate: Candidate, facts: DecisionFacts) -> list[str]:
    """Why the offer is proposed, as codes of `texts.REASONS`."""
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


def _withheld(judged: Judgement) -> bytes:
    """`[{"offer":…,"rule":…,"text":…}, …]` by code; what is the same for everybody was rendered with the catalogue.

    The first step that refuses an offer speaks, as in `Judgement.refusal`.
    """
    rendered = judged.catalogue.rendered
    found = {i: rendered.by_age[i] for i in members(judged.wrong_age)}
    spoken = judged.wrong_age
    for i in members(judged.held & ~spoken):
        text = texts.held_already(judged.holding(judged.catalogue.marketing[i]))
        found[i] = rendered.heads[i] + b'"eligibility","text":%b}' % orjson.dumps(text)
    spoken |= judged.held
    found |= {i: rendered.by_balance[i] for i in members(judged.balance_short & ~spoken)}
    spoken |= judged.balance_short
    found |= {i: rendered.by_own[i] for i in members(judged.elsewhere & ~spoken)}
    spoken |= judged.elsewhere
    for offers, rule, text in _rest(judged):
        tail = b'"%b","text":%b}' % (rule, orjson.dumps(text))
        found |= {i: rendered.heads[i] + tail for i in members(offers & ~spoken)}
        spoken |= offers
    return b"[%b]" % b",".join([found[i] for i in sorted(found)])


def _rest(judged: Judgement) -> Iterator[tuple[int, bytes, texts.Text]]:
    """The steps whose text is the same for every offer that they refuse."""
    for offers, text in judged.unsuitable:
        yield offers, b"suitability", text
    if judged.not_agreed:
        yield judged.not_agreed, b"consent", judged.disagreement
    if judged.blocked:
        yield judged.refused, b"contact_policy", texts.POLICY[judged.blocked]


def _script(offer: Offer, judged: Judgement) -> orjson.Fragment | None:
    scripts = judged.catalogue.rendered.scripts
    script = scripts.get((offer.code, judged.facts.channel)) or scripts.get((offer.code, "counter"))
    return None if script is None else orjson.Fragment(script)


def due(offer: Offer, judged: Judgement) -> bool:
    """Whether a service action is called for."""
    if judged.facts.party is None:
        return False
    return not offer.conditions.rating_invalid or not judged.rating.valid_on(judged.facts.today)


def service_reason(judged: Judgement) -> str:
    """Why a service action is called for, as a code of `texts.REASONS`."""
    return "rating_missing" if judged.rating.rating is None else "rating_expired"


def _service(offer: Offer, judged: Judgement) -> dict[str, Any]:
    code = service_reason(judged)
    return {
        "offer": offer.code,
        "name": {"zh": offer.name.zh, "en": offer.name.en},
        "script": _script(offer, judged),
        "reasons": [{"code": code, "text": texts.reasons_for(judged.facts.audience)[code]}],
    }


def _customer_type(facts: DecisionFacts) -> dict[str, Any] | None:
    if not facts.personalised or facts.party is None or facts.for_customer:
        return None
    return {
        "value_quadrant": facts.profile.value_quadrant if facts.profile else None,
        "risk_rating": facts.party.risk_rating,
        "lifecycle": facts.profile.lifecycle if facts.profile else None,
    }
