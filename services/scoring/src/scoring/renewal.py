"""Renew the scores of customers touched by a detection: their feature row, moved by the evidence, scored anew (X17)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import numpy as np
import structlog

from attune_contracts.scoring import Score, ScoresPublished
from scoring.features import Floats, with_evidence
from scoring.model import Model
from scoring.outputs import UnfitModel

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
    evidence: Sequence[Evidence], rows: Mapping[UUID, Stored], models: Sequence[Model], now: datetime
) -> list[ScoresPublished]:
    """Return one merge for each customer whose row is known: every model's score, from one run a model.

    Evidence of a day that the row has seen moves nothing; two triggers that report one posting move the row once.
    `scored_at` is the newest evidence's moment, or `now` if that is later, so that the renewal is newer than the batch.
    """
    touched: dict[UUID, dict[str, Evidence]] = {}
    for item in evidence:
        if item.customer_id in rows:
            touched.setdefault(item.customer_id, {})[item.key] = item
    if not touched or not models:
        return []
    values = {
        customer: moved(rows[customer], [(item.business_date, item.amount_minor) for item in items.values()])
        for customer, items in touched.items()
    }
    scores = {}
    for model in models:
        try:
            scores[model] = model.score(aligned(model, rows, values))
        except UnfitModel as unfit:  # the other models renew theirs, and this one's scores stay as they are
            log.error("model_unfit", model=model.name, version=model.version, reason=str(unfit))
    if not scores:
        return []
    return [
        ScoresPublished(
            merge=True,
            customer_id=customer,
            scores=tuple(
                Score(
                    model=model.name,
                    version=model.version,
                    score=float(scores[model][index]),
                    scored_at=max(now, *(item.at for item in items.values())),
                )
                for model in scores
            ),
        )
        for index, (customer, items) in enumerate(touched.items())
    ]


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
