"""Scores of this moment, where a placement wants them: asked of scoring over NATS, or not at all (architecture 4.3).

Scoring moves the customer's stored row by the money that live opportunities know of, as it does after a detection. An
answer that does not come within the patience of a screen is none: the stored scores stand in. Where it is none too
often, scoring is not asked for a moment, and the stored scores stand in at once (P-21).
"""

from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import structlog
from pydantic import ValidationError

from attune_contracts.scoring import HASH_DIGITS, SCORE_SUBJECT, NewMoney, ScoreAnswer, ScoreQuestion
from attune_service_kit.breaker import Breaker, BreakerOpen, State
from attune_service_kit.messaging import Broker, PublishFailed
from campaign.decision_facts import LiveOpportunity, StoredScore

log = structlog.get_logger(__name__)

PATIENCE = 0.03  # seconds, from asking to the answer

Scores = tuple[tuple[str, StoredScore], ...]

_breakers = WeakKeyDictionary[Broker, Breaker]()


async def ask(broker: Broker | None, customer_id: str, opportunities: tuple[LiveOpportunity, ...]) -> Scores | None:
    """The scores by model name; None where scoring is not there, does not know the customer or is late."""
    if broker is None:
        return None
    breaker = _breaker(broker)
    try:
        ticket = breaker.admit()
    except BreakerOpen:
        return None
    evidence = tuple(
        NewMoney(key=o.event_key or o.id, amount_minor=o.amount_minor, business_date=o.business_date)
        for o in opportunities
        if o.amount_minor is not None
    )
    question = ScoreQuestion(customer_id=UUID(customer_id), evidence=evidence)
    try:
        raw = await broker.request(
            SCORE_SUBJECT, question.model_dump_json(exclude_defaults=True).encode(), timeout=PATIENCE
        )
    except PublishFailed as error:
        breaker.failed(ticket)
        log.info("scores_not_fresh", reason=str(error))
        return None
    breaker.worked(ticket)
    return read(raw)


def _breaker(broker: Broker) -> Breaker:
    """What this process knows of scoring at the other end of the connection."""
    if (existing := _breakers.get(broker)) is None:
        existing = _breakers[broker] = Breaker(_changed)
    return existing


def _changed(state: State) -> None:
    log.warning("scoring_breaker", state=state)


def read(raw: bytes) -> Scores | None:
    """Scoring's answer; None where it is a refusal or knows no such customer."""
    try:
        answer = ScoreAnswer.model_validate_json(raw)
    except ValidationError:
        refusal = orjson.loads(raw)
        log.info("scores_not_fresh", reason=str(refusal.get("code")))
        return None
    if not answer.items:
        return None
    item = answer.items[0]
    seen = item.features_hashes or (None,) * len(item.scores)
    scored = zip(answer.models, item.scores, seen, strict=True)
    return tuple(
        sorted(
            (by.model, StoredScore(by.version, score, by.sha256[:HASH_DIGITS], features))
            for by, score, features in scored
            if score is not None
        )
    )
