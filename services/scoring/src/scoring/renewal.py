"""Renew the scores of customers touched by a detection: their feature row, moved by the evidence, scored anew (X17)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from uuid import UUID

import numpy as np
import structlog

from attune_contracts.scoring import HASH_DIGITS, Score, ScoresPublished
from scoring.arms import Shares, arms_of
from scoring.features import Floats, fingerprints, with_evidence
from scoring.model import Model
from scoring.outputs import UnfitModel
from scoring.registry import Answers

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Evidence:
    """New money of a customer, as a detection reports it; `key` names the posting."""

    customer_id: UUID
    key: str
    amount_minor: int
    business_date: date
    at: datetime


@dataclass(frozen=True)
class Stored:
    """A customer's stored feature row; NaN = unknown."""

    names: tuple[str, ...]
    as_of: date
    values: Sequence[float]


def renew(
    evidence: Sequence[Evidence],
    rows: Mapping[UUID, Stored],
    answers: Sequence[Answers],
    now: datetime,
    shares: Mapping[str, Shares] = MappingProxyType({}),
) -> list[ScoresPublished]:
    """Return one merge for each customer whose row is known: the score of every model that answers them (X13).

    Evidence of a day that the row has seen moves nothing; two triggers that report one posting move the row once.
    `scored_at` is the newest evidence's moment, or `now` if that is later, so that the renewal is newer than the batch.
    """
    touched: dict[UUID, dict[str, Evidence]] = {}
    for item in evidence:
        if item.customer_id in rows:
            touched.setdefault(item.customer_id, {})[item.key] = item
    values = {
        customer: moved(rows[customer], [(item.business_date, item.amount_minor) for item in items.values()])
        for customer, items in touched.items()
    }
    asked = {customer: [m for m in answering(customer, answers, shares) if m.renewed] for customer in touched}
    scores: dict[UUID, list[Score]] = {customer: [] for customer in touched}
    for model in dict.fromkeys(m for models in asked.values() for m in models):
        mine = {customer: values[customer] for customer in touched if model in asked[customer]}
        seen = aligned(model, rows, mine)
        try:
            found = model.score(seen)
        except UnfitModel as unfit:  # the other models renew theirs, and this one's scores stay as they are
            log.error("model_unfit", model=model.name, version=model.version, reason=str(unfit))
            continue
        for customer, score, features_hash in zip(mine, found, fingerprints(seen), strict=True):
            scores[customer].append(
                Score(
                    model=model.name,
                    version=model.version,
                    score=float(score),
                    scored_at=max(now, *(item.at for item in touched[customer].values())),
                    model_hash=model.sha256[:HASH_DIGITS],
                    features_hash=features_hash,
                )
            )
    return [
        ScoresPublished(merge=True, customer_id=customer, scores=tuple(sorted(told, key=lambda one: one.model)))
        for customer, told in scores.items()
        if told
    ]


def answering(customer: UUID, answers: Sequence[Answers], shares: Mapping[str, Shares]) -> list[Model]:
    """The models that answer for a customer, by their arm of each model's purpose."""
    arms = arms_of([one.purpose for one in answers], shares, customer)
    return [model for one in answers if (model := one.by(arms[one.purpose])) is not None]


def moved(row: Stored, postings: Iterable[tuple[date, int]]) -> list[float]:
    """The row's values after new money, by business date and amount; what the row has seen moves nothing."""
    amounts = [amount for day, amount in postings if day > row.as_of]
    return with_evidence(row.names, row.values, amounts) if amounts else list(row.values)


def aligned(model: Model, rows: Mapping[UUID, Stored], values: Mapping[UUID, Sequence[float]]) -> Floats:
    """The customers' values in the order of the model's features; NaN for what the row does not have."""
    matrix = np.empty((len(values), len(model.features)), dtype=np.float32)
    for line, (customer, known_values) in enumerate(values.items()):
        known = dict(zip(rows[customer].names, known_values, strict=True))
        for column, name in enumerate(model.features):
            matrix[line, column] = known.get(name, np.nan)
    return matrix
