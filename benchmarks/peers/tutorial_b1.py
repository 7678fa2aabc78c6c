"""The tutorial build of B1: FastAPI and SQLModel as their tutorials show them, row by row.

The same tables, rules and answer; a session a request, one query a table, one object an offer, a record committed
before the answer. `python -m benchmarks.peers.tutorial_b1` with PORT and DATABASE in the environment.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import uvicorn
from benchmarks.bank_b1 import TODAY
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from attune_measure.arms import arm_number
from campaign import tables
from campaign.catalogue import age_on
from campaign.projection_tables import Consent, Features, Party, Score
from campaign.suitability import RiskRating, unsuitable

UNIVERSAL_BP = 200


async def _connect() -> asyncpg.Connection:
    return await asyncpg.connect(os.environ["DATABASE"], server_settings={"application_name": "b1-tutorial"})


engine = create_async_engine("postgresql+asyncpg://", async_creator=_connect, pool_size=5)


class Action(BaseModel):
    """One offer of the answer."""

    offer: str
    rank: int
    name: dict[str, str]
    script: dict[str, Any] | None
    value: float


class Withheld(BaseModel):
    """One offer that a rule forbids."""

    offer: str
    rule: str


class Answer(BaseModel):
    """What to propose."""

    decision_id: UUID
    as_of: datetime
    actions: list[Action]
    withheld: list[Withheld]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Dispose the engine at the end."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for each request."""
    async with AsyncSession(engine) as session:
        yield session


def _refusal(offer: tables.Offer, party: Party, balance: int | None) -> str | None:
    conditions = offer.conditions
    age = age_on(party.birth_date, TODAY)
    low, high = conditions.get("age_min"), conditions.get("age_max")
    if low is not None and (age is None or age < low):
        return "eligibility"
    if high is not None and (age is None or age > high):
        return "eligibility"
    for product in conditions.get("product_not_held", []):
        if product in party.products or product in party.product_kinds:
            return "eligibility"
    minimum = conditions.get("minimum_balance_minor")
    if minimum is not None and balance is not None and balance < minimum:
        return "eligibility"
    rating = RiskRating(party.risk_rating, party.risk_rated_on, party.risk_valid_until)
    return "suitability" if unsuitable(offer.risk_level, offer.product_kind, rating, TODAY) else None


@app.get("/v1/customers/{customer_id}/next-best-actions")
async def next_best_actions(
    customer_id: UUID, channel: str, session: Annotated[AsyncSession, Depends(get_session)], limit: int = 3
) -> Answer:
    """Decide for one customer."""
    party = await session.get(Party, customer_id)
    if party is None:
        raise HTTPException(404)
    consents = (await session.exec(select(Consent).where(Consent.customer_id == customer_id))).all()
    agreed = any(c.granted for c in consents if c.purpose == "personalised_decision")
    features = await session.get(Features, customer_id)
    scores = {s.model: s for s in (await session.exec(select(Score).where(Score.customer_id == customer_id))).all()}
    mine = select(tables.Opportunity).where(tables.Opportunity.customer_id == customer_id)
    opportunities = (await session.exec(mine)).all()
    await session.exec(select(tables.Contact).where(tables.Contact.customer_id == customer_id))
    salt = (await session.exec(select(tables.Salt).where(tables.Salt.name == "universal"))).one()
    held_out = arm_number(salt.value, customer_id) < UNIVERSAL_BP or any(
        o.arm == "control" and o.window_ends_on >= TODAY for o in opportunities
    )
    live = [o for o in opportunities if o.state in ("open", "escalated")]
    personalised = party.personalisation and agreed
    balance = None
    if personalised and features is not None:
        balance = features.demand_balance_minor + sum(o.amount_minor or 0 for o in live)
    scripts = {s.offer: s for s in (await session.exec(select(tables.Script))).all()}
    ranked: list[tuple[float, tables.Offer]] = []
    withheld: list[Withheld] = []
    for offer in (await session.exec(select(tables.Offer).where(col(tables.Offer.enabled)))).all():
        if (rule := _refusal(offer, party, balance)) is not None:
            withheld.append(Withheld(offer=offer.code, rule=rule))
            continue
        score = next((scores[m] for m in offer.models if personalised and m in scores), None)
        propensity = score.score if score else offer.base_propensity
        weight = max([1.0, *(offer.context.get(o.trigger, 0.0) for o in live if personalised)])
        ranked.append((propensity * weight * ((offer.expected_margin_minor or 0) * offer.lever), offer))
    ranked.sort(key=lambda pair: (-pair[0], pair[1].code))
    actions = [
        Action(
            offer=offer.code,
            rank=rank,
            name={"zh": offer.name_zh, "en": offer.name_en},
            script=scripts[offer.code].model_dump(include={"id", "version", "zh", "en"}),
            value=(offer.expected_margin_minor or 0) / 100,
        )
        for rank, (_, offer) in enumerate([] if held_out else ranked[:limit], 1)
    ]
    answer = Answer(decision_id=uuid4(), as_of=datetime.now().astimezone(), actions=actions, withheld=withheld)
    session.add(_record(answer, party, channel, personalised))
    await session.commit()
    return answer


def _record(answer: Answer, party: Party, channel: str, personalised: bool) -> tables.Decision:
    result = answer.model_dump_json().encode()
    return tables.Decision(
        id=answer.decision_id,
        customer_id=party.customer_id,
        branch_id=party.branch_id,
        channel=channel,
        caller="tutorial",
        as_of=answer.as_of,
        catalogue_version=1,
        policy_version=1,
        personalised=personalised,
        inputs=party.model_dump_json().encode(),
        result=result,
        sha256="",
        created_at=answer.as_of,
    )


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="error")
