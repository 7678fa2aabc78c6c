"""Models with two persons: a version answers when somebody approves it who has neither proposed nor trained it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from attune_contracts.identifiers import new_id
from attune_service_kit.jobs import JobContext
from attune_service_kit.testing import RunningService, StartService
from scoring import registry
from scoring.app import SERVICE
from scoring.jobs.train import let_answer
from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trainer import train

NAME = "propensity-test"
FEATURES = ["age", "demand_balance_minor"]
SPEC = {"model": NAME, "label": {"kinds": ["wealth_purchase"], "within_days": 30}, "features": FEATURES}


async def registered(service: RunningService, examples: Examples) -> None:
    """Two versions, trained for a-0, of which none answers."""
    spec = TrainingSpec.model_validate(SPEC | {"params": {"rounds": 5}})
    trained = train(examples.only(FEATURES), spec)
    for _ in range(2):
        async with service.runtime.database.transaction() as tx:
            await registry.register(
                tx,
                spec.about,
                onnx=trained.onnx,
                sha256=trained.sha256,
                features=trained.features,
                metrics={},
                card={"trained_by": "a-0"},
            )


async def test_a_version_answers_when_another_person_approves_it(
    start_service: StartService, examples: Examples, token: Callable[..., dict[str, str]]
) -> None:
    """Promoted over HTTP or trained with `promote`, whoever asks: it is proposed first."""
    app = await start_service(SERVICE, worker=False, maker_checker="on")
    await registered(app, examples)

    def as_(role: str, subject: str) -> dict[str, str]:
        return token(role, subject=subject) | {"Idempotency-Key": uuid4().hex}

    async def champion() -> Any:
        found = await app.client.get(f"/v1/models/{NAME}", headers=as_("approver", "c-1"))
        return found.json()["champion"]

    job = JobContext(new_id(), "train", {}, None, app.runtime)
    async with app.runtime.database.transaction() as tx:
        tx.who = "a-1"
        proposed = await let_answer(job, tx, NAME, 1)
    assert await champion() is None
    path = f"/v1/proposals/scoring/{proposed}"
    shown = (await app.client.get(path, headers=as_("approver", "c-1"))).json()
    assert (shown["maker"], shown["kind"], shown["payload"]) == ("a-1", "model.promote", {"version": 1})
    body = {"sha256": shown["sha256"]}
    for maker in ("a-1", "A-0"):  # who proposed it, and who trained it
        own = await app.client.post(f"{path}:approve", json=body, headers=as_("approver", maker))
        assert own.json()["code"] == "own_proposal"
    # Somebody else's version is trained meanwhile: it is kept, and waits for its turn.
    async with app.runtime.database.transaction() as tx:
        tx.who = "a-2"
        assert await let_answer(job, tx, NAME, 2) is None
    url = f"/v1/models/{NAME}/versions/2:promote"
    assert (await app.client.post(url, headers=as_("model_admin", "a-2"))).json()["code"] == "proposal_pending"

    approved = await app.client.post(f"{path}:approve", json=body, headers=as_("approver", "c-1"))

    assert (approved.status_code, await champion()) == (200, 1)
    second = await app.client.post(url, headers=as_("model_admin", "a-2"))
    assert (second.status_code, second.json()["base"], await champion()) == (202, "1", 1)
    row = await app.everything.pool.fetchrow("SELECT who FROM promotion")
    assert row["who"] == "a-1"
