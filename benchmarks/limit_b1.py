"""The raw limit of B1: one ASGI function, one prepared statement of asyncpg, numpy over all offers at once.

It knows one channel, trusts whoever asks, records nothing and measures nothing. `python -m benchmarks.limit_b1` with
PORT and DATABASE in the environment.
"""

import os
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import orjson
import uvicorn
from benchmarks.bank_b1 import CAMPAIGN_CONTROL, TODAY

from attune_measure.arms import arm_number
from campaign.catalogue import Offer, age_on, read_snapshot
from campaign.suitability import DEPOSITS, RiskRating

UNIVERSAL_BP = 200
NO_MODEL = "none"

READ = f"""
SELECT p.birth_date, p.risk_rating, p.risk_rated_on, p.risk_valid_until, p.products || p.product_kinds AS held,
    p.personalisation AND c.agreed IS TRUE AS personalised, f.demand_balance_minor, s.models, s.scores, o.new, o.control
FROM proj_party p
LEFT JOIN LATERAL (SELECT bool_or(granted) AS agreed FROM proj_consent
    WHERE customer_id = $1 AND purpose = 'personalised_decision') c ON true
LEFT JOIN proj_features f ON f.customer_id = $1
LEFT JOIN LATERAL (SELECT array_agg(model) AS models, array_agg(score) AS scores FROM proj_scores
    WHERE customer_id = $1) s ON true
LEFT JOIN LATERAL (SELECT sum(amount_minor) FILTER (WHERE state IN ('open', 'escalated')) AS new,
    bool_or({CAMPAIGN_CONTROL}) AS control FROM opportunity WHERE customer_id = $1) o ON true
WHERE p.customer_id = $1"""


class Sheet:
    """The offers as columns."""

    def __init__(self, offers: list[Offer]) -> None:
        self.codes = [o.code for o in offers]
        self.age_min = np.array([o.conditions.age_min or 0 for o in offers])
        self.age_max = np.array([999 if o.conditions.age_max is None else o.conditions.age_max for o in offers])
        self.asks_age = np.array([o.conditions.age_min is not None or o.conditions.age_max is not None for o in offers])
        self.minimum = np.array([o.conditions.minimum_balance_minor or -(1 << 62) for o in offers])
        self.risk = np.array([_risk(o) for o in offers])
        self.excluded: dict[str, list[int]] = {}
        for i, offer in enumerate(offers):
            for product in offer.conditions.product_not_held:
                self.excluded.setdefault(product, []).append(i)
        self.models = sorted({m for o in offers for m in o.models})
        self.model = np.array([self.models.index(o.models[0]) for o in offers])
        self.base = np.array([o.base_propensity for o in offers])
        self.worth = np.array([(o.expected_margin_minor or 0) * o.lever for o in offers])
        self.weight = np.array([max(1.0, o.context.get("large-deposit", 0.0)) for o in offers])

    def best(self, row: Any, count: int) -> list[str]:
        """The codes of the best offers for this customer."""
        age, rating = age_on(row["birth_date"], TODAY), _rating(row)
        passed = self.risk <= rating
        passed &= ~self.asks_age if age is None else (self.age_min <= age) & (age <= self.age_max)
        for product in row["held"]:
            for i in self.excluded.get(product, ()):
                passed[i] = False
        propensity, weight = self.base, 1.0
        if row["personalised"]:
            new = row["new"]
            balance = row["demand_balance_minor"]
            passed &= self.minimum <= (-(1 << 62) + 1 if balance is None else balance + (new or 0))
            scores = dict(zip(row["models"] or (), row["scores"] or (), strict=True))
            known = np.array([scores.get(m, np.nan) for m in self.models])[self.model]
            propensity = np.where(np.isnan(known), self.base, known)
            weight = self.weight if new is not None else 1.0
        ranked = np.where(passed, propensity * weight * self.worth, -1.0)
        order = np.argsort(-ranked, kind="stable")[:count]
        return [self.codes[i] for i in order if ranked[i] >= 0]


def _risk(offer: Offer) -> int:
    return 0 if offer.risk_level is None or offer.product_kind in DEPOSITS else int(offer.risk_level[1:])


def _rating(row: Any) -> int:
    rating = RiskRating(row["risk_rating"], row["risk_rated_on"], row["risk_valid_until"])
    return int(rating.rating[1:]) if rating.rating and rating.valid_on(TODAY) else 0


class App:
    """The ASGI application."""

    def __init__(self) -> None:
        self.pool: asyncpg.Pool
        self.sheet: Sheet
        self.salt = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer `/v1/customers/{id}/…` with the codes of the best three offers."""
        if scope["type"] == "lifespan":
            await self._open()
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        customer = UUID(scope["path"].split("/")[3])
        row = await self.pool.fetchrow(READ, customer)
        held_out = row["control"] or arm_number(self.salt, customer) < UNIVERSAL_BP
        body = orjson.dumps({"offers": [] if held_out else self.sheet.best(row, 3)})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _open(self) -> None:
        settings = {"application_name": "b1-limit"}
        self.pool = await asyncpg.create_pool(
            os.environ["DATABASE"], min_size=5, max_size=5, reset=_nothing, server_settings=settings
        )
        content = await self.pool.fetchval("SELECT content FROM catalogue ORDER BY version DESC LIMIT 1")
        offers, _ = read_snapshot(content)
        self.sheet = Sheet([o for o in offers if o.enabled and o.kind == "marketing"])
        self.salt = await self.pool.fetchval("SELECT value FROM salt WHERE name = 'universal'")


async def _nothing(_conn: asyncpg.Connection) -> None:
    """The statement leaves nothing behind."""


if __name__ == "__main__":
    assert isinstance(TODAY, date)
    port = int(os.environ["PORT"])
    uvicorn.run(App(), port=port, loop="uvloop", http="httptools", access_log=False, log_level="error")
