"""Scores of this moment over NATS: used where they come in time, else the stored ones, and the answer says which."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from attune_contracts.scoring import (
    SCORE_SUBJECT,
    AnsweringModel,
    ScoreAnswer,
    ScoredItem,
    ScoreQuestion,
    ScoreRefusal,
)
from attune_service_kit.breaker import LEAST
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.messaging import Broker
from attune_service_kit.testing import RunningService, eventually, nats_seed
from attune_service_kit.testing_lines import FAULTS, Line

from .conftest import NOW, Headers, add_customer, deposit, person, pick


class Scoring:
    """Whoever answers on the subject as the user `scoring`."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.questions: list[ScoreQuestion] = []
        self.late = 0.0
        self.reply = ScoreAnswer(models=(), items=()).model_dump_json()

    async def answer(self, payload: bytes) -> bytes:
        self.questions.append(ScoreQuestion.model_validate_json(payload))
        await asyncio.sleep(self.late)
        return self.reply.encode()

    def says(self, customer: UUID, **scores: float) -> None:
        """Answer with these scores, all of version 9."""
        models = tuple(AnsweringModel(model=f"propensity-{m}", version=9, sha256="a" * 64) for m in scores)
        item = ScoredItem(customer_id=customer, scores=tuple(scores.values()))
        self.reply = ScoreAnswer(models=models, items=(item,), as_of=date(2026, 2, 28)).model_dump_json()


@pytest.fixture
async def scoring(nats_server: EmbeddedNats) -> AsyncIterator[Scoring]:
    broker = Broker(nats_server.url, user="scoring", seed=nats_seed("scoring"), name="test as scoring")
    await broker.start()
    await broker.ready()
    yield Scoring(broker)
    await broker.stop()


@pytest.fixture
async def customer(service: RunningService) -> UUID:
    """A treated customer with a deposit and a stored score of version 7."""
    (found,) = await pick(service, "treated")
    await deposit(service, found, "T1")
    async with service.runtime.database.transaction() as tx:
        await tx.conn.execute("UPDATE opportunity SET amount_minor = 8600000 WHERE customer_id = $1", found)
        await tx.conn.execute("INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.05, $2)", found, NOW)
    return found


async def ask(service: RunningService, headers: dict[str, str], customer: UUID, **params: Any) -> dict[str, Any]:
    asked = {"channel": "counter"} | params
    path = f"/v1/customers/{customer}/next-best-actions"
    answer = await service.client.get(path, params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_fresh_scores_decide_and_are_on_record(
    service: RunningService, token: Headers, customer: UUID, scoring: Scoring
) -> None:
    await scoring.broker.answer(SCORE_SUBJECT, scoring.answer)
    scoring.says(customer, wealth=0.001, purchase=0.9)
    teller = token("teller", "B1")
    stored = await ask(service, teller, customer)
    assert (stored["score_source"], stored["models"]) == ("stored", [{"name": "propensity-purchase", "version": 7}])
    assert scoring.questions == []

    # By the hot route, and by the declared one for a query in another order.
    for params in ({"fresh": "true"}, {"limit": 3, "fresh": True}):
        told = await ask(service, teller, customer, **params)
        assert told["score_source"] == "fresh"
        assert told["models"] == [
            {"name": "propensity-purchase", "version": 9},
            {"name": "propensity-wealth", "version": 9},
        ]
        assert [a["offer"] for a in told["actions"]] == ["time-deposit-12m", "wealth-steady-6m"]
    question = scoring.questions[0]
    assert question.customer_id == customer
    assert [(e.key, e.amount_minor, e.business_date) for e in question.evidence] == [
        ("T1", 8_600_000, date(2026, 3, 17))
    ]
    # The record holds the scores that were used: it replays without scoring.
    audited = await service.client.get(f"/v1/decisions/{told['decision_id']}", headers=token("auditor"))
    assert audited.json()["replayed"] is True
    assert dict(audited.json()["inputs"]["scores"])["propensity-purchase"] == {
        "version": 9, "score": 0.9, "model_hash": "a" * 16, "features_hash": None,
    }  # fmt: skip


async def test_without_scoring_the_stored_scores_stand_in(
    service: RunningService, token: Headers, customer: UUID, scoring: Scoring
) -> None:
    teller = token("teller", "B1")
    # Nobody listens.
    down = await ask(service, teller, customer, fresh="true")
    # Somebody listens and is late; refuses; does not know the customer.
    await scoring.broker.answer(SCORE_SUBJECT, scoring.answer)
    scoring.says(customer, purchase=0.9)
    scoring.late = 0.5
    late = await ask(service, teller, customer, fresh="true")
    scoring.late = 0.0
    scoring.reply = ScoreRefusal(code="unavailable", en="the database cannot take this now", zh="x").model_dump_json()
    refused = await ask(service, teller, customer, fresh="true")
    scoring.reply = ScoreAnswer(models=(), items=(), unknown=(customer,)).model_dump_json()
    unknown = await ask(service, teller, customer, fresh="true")
    for told in (down, late, refused, unknown):
        assert (told["score_source"], told["models"]) == ("stored", [{"name": "propensity-purchase", "version": 7}])
        assert told["actions"]


async def test_p21_a_scoring_that_does_not_answer_is_not_asked_again_and_again(
    service: RunningService, token: Headers, customer: UUID, scoring: Scoring
) -> None:
    await scoring.broker.answer(SCORE_SUBJECT, scoring.answer)
    scoring.says(customer, purchase=0.9)
    scoring.late = 60.0
    teller = token("teller", "B1")
    for told in await asyncio.gather(*(ask(service, teller, customer, fresh="true") for _ in range(LEAST))):
        assert told["score_source"] == "stored"
    asked = len(scoring.questions)
    told = await ask(service, teller, customer, fresh="true")
    assert (told["score_source"], told["models"]) == ("stored", [{"name": "propensity-purchase", "version": 7}])
    assert len(scoring.questions) == asked <= LEAST


async def test_p21_no_fault_of_the_line_to_scoring_holds_a_decision_up(
    service: RunningService, token: Headers, customer: UUID, scoring: Scoring, nats_server: EmbeddedNats
) -> None:
    await scoring.broker.answer(SCORE_SUBJECT, scoring.answer)
    scoring.says(customer, purchase=0.9)
    line = Line(nats_server.port)
    await line.up()
    behind = Broker(f"nats://127.0.0.1:{line.port}", user="campaign", seed=nats_seed("campaign"), name="behind a line")
    await behind.start()
    await behind.ready()
    own, service.runtime.asker = service.runtime.asker, behind
    teller = token("teller", "B1") | {"X-Request-Timeout-Ms": "2000"}
    slow = ("latency", "bandwidth", "slicer", "slow_close")
    try:
        for fault in (*slow, *(other for other in FAULTS if other not in slow)):
            await line.spoil(fault)
            told = await ask(service, teller, customer, fresh="true")
            assert (told["score_source"] in ("fresh", "stored"), len(told["actions"])) == (True, 2), fault
            if fault not in slow:
                await line.mend()
                await behind.ready()

        async def fresh() -> bool:
            return bool((await ask(service, teller, customer, fresh="true"))["score_source"] == "fresh")

        await eventually(fresh, what="fresh scores when the line is good again")
    finally:
        service.runtime.asker = own
        await behind.stop()
        await line.down()


async def test_of_who_has_not_agreed_scoring_is_not_asked(
    service: RunningService, token: Headers, scoring: Scoring
) -> None:
    await scoring.broker.answer(SCORE_SUBJECT, scoring.answer)
    async with service.runtime.database.transaction() as tx:
        await add_customer(tx.conn, person(1), personalisation=False)
    for customer in (person(1), person(2)):
        told = await ask(service, token("teller", "B1"), customer, fresh="true")
        assert (told["personalised"], told["score_source"]) == (False, "none")
    assert scoring.questions == []


async def test_when_the_broker_is_gone_the_answer_comes_all_the_same(
    service: RunningService, token: Headers, customer: UUID
) -> None:
    assert service.runtime.asker is not None
    await service.runtime.asker.stop()
    told = await ask(service, token("teller", "B1"), customer, fresh="true")
    assert (told["score_source"], len(told["actions"])) == ("stored", 2)
