"""Reasons over HTTP: what the model would say without each value."""

from typing import Any

import numpy as np

from attune_service_kit.testing import StartService
from scoring import registry
from scoring.app import SERVICE
from scoring.model import load
from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trainer import train

FEATURES = ["age", "demand_balance_minor", "postings_90d"]
SPEC = TrainingSpec.model_validate(
    {
        "model": "propensity-test",
        "label": {"kinds": ["wealth_purchase"], "within_days": 30},
        "params": {"rounds": 15},
        "features": FEATURES,
    }
)
ROW: dict[str, Any] = {"age": 33, "demand_balance_minor": 4_000_000, "postings_90d": 12}
USUAL = {"age": 50.0, "demand_balance_minor": 1_000_000.0}


async def test_reasons_compare_with_the_training_and_are_what_the_model_would_say(
    start_service: StartService, examples: Examples, token: Any
) -> None:
    app = await start_service(SERVICE, worker=False)
    trained = train(examples.only(FEATURES), SPEC)
    distributions = {name: {"edges": [middle], "counts": [60, 40], "missing": 3} for name, middle in USUAL.items()}
    async with app.runtime.database.transaction() as tx:
        number = await registry.register(
            tx, SPEC.about, onnx=trained.onnx, sha256=trained.sha256, features=trained.features, metrics={},
            card={}, snapshot={"features": distributions},
        )  # fmt: skip
    offline = load(SPEC.model, number, trained.features, trained.onnx)

    def score(row: dict[str, Any]) -> float:
        values = [[np.nan if row[n] is None else row[n] for n in FEATURES]]
        return float(offline.score(np.array(values, dtype=np.float32))[0])

    async def ask(**changes: Any) -> Any:
        return await app.client.post("/v1/scores", json=body | changes, headers=token("model_admin"))

    body: dict[str, Any] = {"model": SPEC.model, "version": number, "rows": [ROW, ROW | {"age": 79}], "reasons": 20}
    items = (await ask()).json()["items"]
    for row, item in zip(body["rows"], items, strict=True):
        expected = {n: score(row) - score(row | {n: USUAL.get(n)}) for n in FEATURES}
        (told,) = item["reasons"]
        assert {one["feature"]: one["effect"] for one in told} == {n: e for n, e in expected.items() if e}
        assert {one["feature"]: one["baseline"] for one in told}.items() <= (USUAL | {"postings_90d": None}).items()
        strongest = sorted((n for n in FEATURES if expected[n]), key=lambda name: -abs(expected[name]))
        assert [one["feature"] for one in told] == strongest
    assert (await ask(reasons=1)).json()["items"][0]["reasons"] == [items[0]["reasons"][0][:1]]
    refused = await ask(rows=[ROW] * 101)
    assert (refused.status_code, refused.json()["code"], refused.json()["most"]) == (422, "too_many_rows", 100)
