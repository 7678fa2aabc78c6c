"""A batch takes each customer's score from whoever answers for them, and keeps apart what no decision may see."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import uuid4

from attune_measure.arms import ModelArm, model_arm
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.testing import RunningService, StartService, eventually
from scoring import purposes, registry
from scoring.app import SERVICE
from scoring.outputs import Output
from scoring.spec import About

from .test_service import idle
from .test_uploads import onnx_bytes

NAME, BROKEN, HALF = "propensity-arms", "value-broken", "value-half"
FEATURES = ["age", "demand_balance_minor"]
SALT_LENGTH = 32


STATES = (
    (NAME, Output(), (0.001, 0.002, 0.003), ("champion", "challenger", "shadow")),
    (BROKEN, Output("value", lowest=2.0), (0.001,), ("champion",)),
    # The challenger answers below what a value may be.
    (HALF, Output("value", lowest=0.4), (0.001, -0.5), ("champion", "challenger")),
)


async def registered(service: RunningService) -> str:
    """Versions in the states of their lives, without the events that would score them; return the purpose's salt."""
    async with service.runtime.database.transaction() as tx:
        for name, output, factors, states in STATES:
            for factor, state in zip(factors, states, strict=True):
                content = onnx_bytes(factor)
                number = await registry.register(
                    tx, About(name, "propensity", "buys", output=output), onnx=content,
                    sha256=sha256(content).hexdigest(), features=FEATURES, metrics={}, card={},
                )  # fmt: skip
                moved = "UPDATE model_version SET state = $3 WHERE model = $1 AND version = $2"
                await tx.conn.execute(moved, name, number, state)
        await purposes.put(tx, "propensity", 1_000, 3_000)
        return (await purposes.current(tx, "propensity")).shares.salt


def told(lake: Lake, dataset: str) -> dict[tuple[str, int], tuple[float, str, str | None]]:
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, dataset)
        why = "why" if dataset == "shadow_scores" else "NULL"
        rows = con.execute(
            f"SELECT customer_id, version, score, features_hash, {why} FROM {dataset} WHERE model = $1", [NAME]
        ).fetchall()
    return {(row[0], row[1]): row[2:] for row in rows}


async def ended(service: RunningService, count: int) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        found = await service.everything.pool.fetch("SELECT state, result::text FROM job WHERE kind = 'score'")
        rows = [dict(row) for row in found]
        done = [row for row in rows if row["state"] in ("done", "failed")]
        return rows if len(done) == len(rows) >= count else None

    found: list[dict[str, Any]] = await eventually(look, 90, every=0.1, what="the batch")
    return found


async def test_each_arm_is_scored_by_its_own_and_the_rest_is_kept_apart(
    start_service: StartService, bank: Lake, token: Callable[..., dict[str, str]]
) -> None:
    service = await start_service(SERVICE)
    salt = await registered(service)
    headers = token("model_admin")

    started = await service.client.post("/v1/scorings", json={}, headers=headers | {"Idempotency-Key": uuid4().hex})
    assert started.status_code == 202, started.text
    await idle(service)
    scores, shadows = told(bank, "scores"), told(bank, "shadow_scores")

    with lake_sql.connect(bank) as con:
        lake_sql.register(con, bank, "features")
        people = [row[0] for row in con.execute("SELECT customer_id FROM features").fetchall()]
    arms = {one: model_arm(one, salt=salt, no_model_bp=1_000, challenger_bp=3_000) for one in people}
    version = {ModelArm.CHAMPION: 1, ModelArm.CHALLENGER: 2}
    assert scores.keys() == {(one, version[arm]) for one, arm in arms.items() if arm in version}
    without = {one for one, arm in arms.items() if arm is ModelArm.NO_MODEL}
    assert {key for key, row in shadows.items() if row[2] == "no_model"} == {(one, 1) for one in without}
    assert {key for key, row in shadows.items() if row[2] == "shadow"} == {(one, 3) for one in people}
    assert len(salt) == SALT_LENGTH
    assert {len(row[1]) for row in scores.values()} == {16}
    # The model without an answer has none in the lake, and has stopped nobody.
    results = [row["result"] for row in await ended(service, 1)]
    assert any(f"scores.{BROKEN}.1.parquet" in result for result in results)

    assert bank.latest("scores", f"model={HALF}") is None, "of one arm alone it would take the other's away"
    values = {"age": 40, "demand_balance_minor": 1}
    unfit = await service.client.post("/v1/scores", json={"model": BROKEN, "rows": [values]}, headers=headers)
    assert (unfit.status_code, unfit.json()["code"]) == (422, "no_answer")

    retired = await service.client.post(
        f"/v1/models/{NAME}/versions/1:retire",
        json={"reason": "stopped"},
        headers=headers | {"Idempotency-Key": uuid4().hex},
    )
    assert retired.json()["champion"] is None
    await idle(service)
    assert told(bank, "scores") == {}
    assert {key[1] for key in told(bank, "shadow_scores")} == set()
    silent = await service.client.post("/v1/scores", json={"model": NAME, "rows": [{}]}, headers=headers)
    assert (silent.status_code, silent.json()["code"]) == (404, "no_champion")
