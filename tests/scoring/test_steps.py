"""The life of a version over HTTP: looking on, challenging, answering, and the way back; and who is without model."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest

from attune_contracts.pointer import Pointer
from attune_measure.arms import ModelArm, model_arm
from attune_service_kit.database import Database
from attune_service_kit.testing import RunningService, StartService
from scoring import feature_rows, model, registry
from scoring.app import SERVICE
from scoring.features import NUMERIC
from scoring.life_cycle import LEADS_TO, possible
from scoring.spec import About

from .test_uploads import onnx_bytes

Headers = Callable[..., dict[str, str]]
Post = Callable[..., Any]
NAME = "propensity-steps"
FEATURES = ["age", "demand_balance_minor"]
VERSIONS = 4


@pytest.fixture
async def app(start_service: StartService) -> RunningService:
    """Four versions that answer differently; none of them does yet."""
    service = await start_service(SERVICE, worker=False)
    about = About(NAME, "propensity", "buys")
    for number in range(VERSIONS):
        content = onnx_bytes(0.001 * (number + 1))
        async with service.runtime.database.transaction() as tx:
            await registry.register(
                tx,
                about,
                onnx=content,
                sha256=sha256(content).hexdigest(),
                features=FEATURES,
                metrics={},
                card={"trained_by": "a-0"},
            )
    return service


@pytest.fixture
def post(app: RunningService, token: Headers) -> Post:
    async def post(step: str, body: dict[str, Any] | None = None, role: str = "model_admin") -> httpx.Response:
        path = f"/v1/models/{NAME}:{step}" if step == "rollback" else f"/v1/models/{NAME}/versions/{step}"
        return await app.client.post(path, json=body, headers=token(role) | {"Idempotency-Key": uuid4().hex})

    return post


async def with_rows(service: RunningService, people: Sequence[UUID]) -> None:
    """Let scoring hold a feature row of each."""
    day = date(2026, 2, 28)
    pointer = Pointer(
        dataset="features", partition=f"as_of={day}", as_of=day, rows=len(people), manifest="m", checksum="0" * 64
    )
    worker = Database(service.settings.worker_database_url)
    await worker.open()
    async with worker.transaction() as tx:
        slot = await feature_rows.empty_slot(tx.conn)
        await feature_rows.copy_rows(tx.conn, slot, [str(p) for p in people], np.ones((len(people), len(NUMERIC))))
        await feature_rows.switch(tx.conn, slot, pointer, NUMERIC)
    await worker.close()


def states(answer: httpx.Response) -> dict[int, str]:
    assert answer.status_code == 200, answer.text
    return {version["version"]: version["state"] for version in answer.json()["versions"]}


WHY = {"reason": "scores doubled overnight"}


async def test_a_version_looks_on_challenges_answers_and_is_retired(app: RunningService, post: Post) -> None:
    await post("1:promote")
    await post("2:shadow")
    challenging = states(await post("2:challenge", {"share": 0.2}))
    other = states(await post("3:challenge", {}))
    answering = states(await post("3:promote"))
    retired = states(await post("2:retire", WHY))

    assert challenging == {1: "champion", 2: "challenger", 3: "vetted", 4: "vetted"}
    assert other == {1: "champion", 2: "shadow", 3: "challenger", 4: "vetted"}
    assert answering == {1: "retired", 2: "shadow", 3: "champion", 4: "vetted"}
    assert retired[2] == "retired"
    recorded = await app.everything.pool.fetch("SELECT step, version FROM promotion ORDER BY id")
    assert [(row["step"], row["version"]) for row in recorded] == [
        ("promote", 1), ("shadow", 2), ("challenge", 2), ("shadow", 2), ("challenge", 3), ("promote", 3), ("retire", 2),
    ]  # fmt: skip


async def test_a_step_that_the_state_does_not_admit_is_409_with_those_that_it_does(post: Post) -> None:
    await post("1:promote")
    refused = [
        await post("1:shadow"),
        await post("1:challenge", {}),
        await post("9:shadow"),
        await post("rollback", WHY),
        await post("2:retire", {}),
    ]

    assert [(a.status_code, a.json()["code"]) for a in refused] == [
        (409, "illegal_step"),
        (409, "illegal_step"),
        (404, "unknown_model_version"),
        (409, "nothing_before"),
        (422, "invalid"),
    ]
    assert (refused[0].json()["state"], refused[0].json()["possible"]) == ("champion", ["retire"])
    assert refused[0].json()["detail"]["en"] == "a version that is champion cannot take this step; it can: retire"
    assert states(await post("1:promote"))[1] == "champion"


def test_what_is_refused_or_not_yet_vetted_may_take_no_step_and_every_other_state_has_one() -> None:
    assert possible("uploaded") == possible("refused") == []
    assert all(possible(state) for state in ("vetted", *LEADS_TO.values()))


async def test_a_rollback_goes_back_step_by_step_and_never_forth(app: RunningService, post: Post) -> None:
    for number in (1, 2, 3):
        await post(f"{number}:promote")

    first = await post("rollback", WHY)
    second = await post("rollback", WHY)
    third = await post("rollback", WHY)

    assert [states(a)[n] for a, n in ((first, 2), (second, 1))] == ["champion", "champion"]
    assert states(second) == {1: "champion", 2: "retired", 3: "retired", 4: "vetted"}
    assert (third.status_code, third.json()["code"]) == (409, "nothing_before")
    trail = await app.everything.pool.fetch(
        "SELECT version, detail::text FROM audit WHERE what = 'rollback' ORDER BY id"
    )
    assert [row["version"] for row in trail] == ["2", "1"]
    assert "scores doubled overnight" in trail[0]["detail"]


async def test_j81_a_rollback_to_bytes_that_are_gone_or_changed_leaves_the_champion(
    app: RunningService, post: Post
) -> None:
    for number in (1, 2, 3):
        await post(f"{number}:promote")
    admin = app.everything.pool
    # A session that is held would answer on; the bytes of a version that nobody holds are looked at.
    model.forget()
    await admin.execute("UPDATE model_version SET onnx = onnx || '\\x00'::bytea WHERE version = 2")
    changed = await post("rollback", WHY)
    await admin.execute("UPDATE model_version SET state = 'refused', onnx = '' WHERE version = 2")
    gone = await post("rollback", WHY)
    swapped = await post("4:promote")

    assert [(a.status_code, a.json()["code"]) for a in (changed, gone)] == [
        (409, "version_unfit"),
        (409, "illegal_step"),
    ]
    assert states(swapped)[4] == "champion"


async def test_j81_whoever_promotes_at_once_takes_turns_and_one_answers(app: RunningService, post: Post) -> None:
    answers = await asyncio.gather(*(post(f"{1 + number % VERSIONS}:promote") for number in range(8)))

    assert {a.status_code for a in answers} == {200}
    found = await app.everything.pool.fetch("SELECT version FROM model_version WHERE state = 'champion'")
    last = await app.everything.pool.fetchval("SELECT version FROM promotion ORDER BY id DESC LIMIT 1")
    assert [row["version"] for row in found] == [last]


async def test_one_person_rolls_back_and_two_let_a_version_challenge(
    start_service: StartService, token: Headers
) -> None:
    app = await start_service(SERVICE, worker=False, maker_checker="on")
    content = onnx_bytes()
    for _ in range(2):
        async with app.runtime.database.transaction() as tx:
            tx.who = "a-0"
            number = await registry.register(
                tx, About(NAME, "propensity", "buys"), onnx=content, sha256=sha256(content).hexdigest(),
                features=FEATURES, metrics={}, card={"trained_by": "a-0"},
            )  # fmt: skip
            await registry.promote(tx, NAME, number)

    async def ask(path: str, body: dict[str, Any], method: str = "POST") -> httpx.Response:
        headers = token("model_admin", subject="a-1") | {"Idempotency-Key": uuid4().hex}
        return await app.client.request(method, path, json=body, headers=headers)

    shares = {"no_model_share": 0.1, "challenger_share": 0.1}
    proposed = await ask("/v1/purposes/propensity", shares, "PUT")
    back = await ask(f"/v1/models/{NAME}:rollback", WHY)
    challenge = await ask(f"/v1/models/{NAME}/versions/2:challenge", {})

    assert (back.status_code, back.json()["champion"]) == (200, 1)
    assert [(a.status_code, a.json()["kind"]) for a in (challenge, proposed)] == [
        (202, "model.challenge"),
        (202, "purpose.shares"),
    ]
    before = await app.client.get("/v1/purposes/propensity", headers=token("model_admin"))
    assert (before.json()["version"], before.json()["no_model_share"], before.json()["salt"]) == (0, 0, None)


async def test_customers_are_answered_by_their_arm_of_the_purpose(
    app: RunningService, post: Post, token: Headers
) -> None:
    people = [UUID(int=n) for n in range(1, 120)]
    await with_rows(app, people)
    await post("1:promote")
    await post("2:challenge", {"share": 0.3})
    headers = token("model_admin")
    put = await app.client.put(
        "/v1/purposes/propensity",
        json={"no_model_share": 0.2, "challenger_share": 0.3},
        headers=headers | {"Idempotency-Key": uuid4().hex},
    )
    assert put.status_code == 200, put.text
    shown = put.json()
    assert (shown["version"], shown["models"]) == (2, [{"model": NAME, "champion": 1, "challenger": 2}])

    body = {"customer_ids": [str(one) for one in people]}
    told = (await app.client.post("/v1/scores", json=body, headers=headers)).json()

    versions = [model["version"] for model in told["models"]]
    assert versions == [1, 2]
    found = {
        item["customer_id"]: [v for v, s in zip(versions, item["scores"], strict=True) if s] for item in told["items"]
    }
    arms = {str(one): model_arm(one, salt=shown["salt"], no_model_bp=2_000, challenger_bp=3_000) for one in people}
    by_arm = {ModelArm.CHAMPION: [1], ModelArm.CHALLENGER: [2], ModelArm.NO_MODEL: []}
    assert found == {one: by_arm[arm] for one, arm in arms.items()}
    assert set(arms.values()) == set(ModelArm)
    unknown = await app.client.get("/v1/purposes/churn", headers=headers)
    too_many = await app.client.put(
        "/v1/purposes/propensity",
        json={"no_model_share": 0.6, "challenger_share": 0.6},
        headers=headers | {"Idempotency-Key": uuid4().hex},
    )
    assert [(a.status_code, a.json()["code"]) for a in (unknown, too_many)] == [
        (404, "unknown_purpose"),
        (422, "shares_unfit"),
    ]
