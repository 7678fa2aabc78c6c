"""Scores of a matrix of float32 under a line of names."""

from typing import Any

import httpx
import numpy as np
import pytest

from attune_service_kit.testing import StartService
from scoring import matrices, registry
from scoring.app import SERVICE
from scoring.feature_specs import FeatureSpec
from scoring.feature_values import Fault
from scoring.model import load
from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trainer import train

NAME = "propensity-test"
FEATURES = ["age", "demand_balance_minor", "postings_90d"]
SPEC = TrainingSpec.model_validate(
    {
        "model": NAME,
        "label": {"kinds": ["wealth_purchase"], "within_days": 30},
        "params": {"rounds": 15},
        "features": FEATURES,
    }
)


@pytest.mark.parametrize(
    ("row", "faults"),
    [
        ([1.0, 5.0], []),
        ([float("nan"), 5.0], []),
        ([0.5, 5.0], [Fault(1, "flag", "wrong_type")]),
        ([float("inf"), 5.0], [Fault(1, "flag", "not_finite")]),
        ([0.0, float("nan")], [Fault(1, "needed", "missing")]),
    ],
)
def test_values_are_checked_as_rows_by_name_are(row: list[float], faults: list[Fault]) -> None:
    features = (FeatureSpec(name="flag", type="BOOLEAN"), FeatureSpec(name="needed", nullable=False))
    values = np.array([[0.0, 1.0], row], dtype="<f4")

    found = matrices.read(features, b"flag,needed\n" + values.tobytes())

    if faults:
        assert found == faults
    else:
        assert np.array_equal(np.asarray(found), values, equal_nan=True)


async def test_a_matrix_is_scored_by_the_names_above_it(
    start_service: StartService, examples: Examples, token: Any
) -> None:
    app = await start_service(SERVICE, worker=False)
    trained = train(examples.only(FEATURES), SPEC)
    async with app.runtime.database.transaction() as tx:
        await registry.register(
            tx, SPEC.about, onnx=trained.onnx, sha256=trained.sha256, features=trained.features, metrics={}, card={}
        )
        await registry.promote(tx, NAME, 1)
    offline = load(NAME, 1, trained.features, trained.onnx)

    async def send(
        names: str, values: Any, model: str = NAME, tail: bytes = b"", kind: str = "application/octet-stream"
    ) -> httpx.Response:
        body = names.encode() + b"\n" + np.asarray(values, dtype="<f4").tobytes() + tail
        headers = token("marketer") | {"Content-Type": kind}
        return await app.client.post("/v1/scores:matrix", params={"model": model}, content=body, headers=headers)

    turned = "postings_90d,age,demand_balance_minor"
    answer = await send(turned, [[12, 33, 4_000_000], [np.nan, 33, 4_000_000]] * 50)
    assert answer.status_code == 200, answer.text
    seen = np.array([[33, 4_000_000, 12], [33, 4_000_000, np.nan]] * 50, dtype=np.float32)
    assert np.frombuffer(answer.content, "<f8").tolist() == offline.score(seen).tolist()
    told = (answer.headers["Attune-Model-Version"], answer.headers["Attune-Model-Sha256"])
    assert told == ("1", trained.sha256)
    for bad, expected in (
        (await send(turned, [[1, 2, 3], [1, np.inf, 3]]), [{"row": 1, "feature": "age", "fault": "not_finite"}]),
        (
            await send("age,aum_minor,nonsense", [[1, 2, 3]]),
            [
                {"row": 0, "feature": "demand_balance_minor", "fault": "missing"},
                {"row": 0, "feature": "postings_90d", "fault": "missing"},
                {"row": 0, "feature": "aum_minor", "fault": "extra"},
                {"row": 0, "feature": "nonsense", "fault": "unknown"},
            ],
        ),
    ):
        assert (bad.status_code, bad.json()["code"], bad.json()["errors"]) == (422, "features_unfit", expected)
    for refused, status, code in (
        (await send(turned, [[1, 2, 3]], tail=b"x"), 422, "no_matrix"),
        (await send(turned, []), 422, "no_matrix"),
        (await send("age,age", [[1, 2]]), 422, "no_matrix"),
        (await send("", [1]), 422, "no_matrix"),
        (await send(turned, [[1, 2, 3]] * 50_001), 422, "too_many_rows"),
        (await send(turned, np.zeros((700_000, 3))), 413, "too_large"),
        (await send(turned, [[1, 2, 3]], model="propensity-nobody"), 404, "no_champion"),
        (await send(turned, [[1, 2, 3]], kind="application/json"), 415, "unsupported_media_type"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (status, code)
