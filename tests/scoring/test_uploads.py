"""Models that a bank brings: bytes and manifest in, looked at by a job, vetted or refused with reasons."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import orjson
import pytest
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from attune_service_kit.testing import RunningService, StartService, eventually
from scoring import registry
from scoring.app import SERVICE
from scoring.manifest import Manifest
from scoring.outputs import Output
from scoring.spec import About
from scoring.uploads import MOST_BYTES

Headers = Callable[..., dict[str, str]]
Upload = Callable[..., Awaitable[httpx.Response]]
NAME = "bring-your-own"
FEATURES: list[dict[str, Any]] = [
    {"name": "age", "unit": "years", "min": 18, "max": 100},
    {"name": "branch_visits_90d", "type": "INTEGER", "unit": "count", "min": 0, "max": 60, "nullable": False},
]
NO_AGE = [{"name": "tenure_days"}, *FEATURES[1:]]
MANIFEST: dict[str, Any] = {
    "purpose": "propensity",
    "owner": "Retail analytics",
    "risk_class": "limited",
    "target": "buys within 30 days",
    "population": "retail customers",
    "features": FEATURES,
}


def onnx_bytes(factor: float = 0.01, width: int = 2, classes: int = 1) -> bytes:
    """Sigmoid of a weighted sum, unknown values as 0; `factor` -1 answers with what is no probability.

    Several classes: the more the later, by softmax.
    """
    nodes = [
        helper.make_node(
            "Imputer",
            ["x"],
            ["full"],
            domain="ai.onnx.ml",
            imputed_value_floats=[0.0],
            replaced_value_float=float("nan"),
        ),
        helper.make_node("MatMul", ["full", "w"], ["sum"]),
        helper.make_node("Identity" if factor == -1 else "Softmax" if classes > 1 else "Sigmoid", ["sum"], ["y"]),
    ]
    weights = [
        numpy_helper.from_array(
            np.full((width, 1), factor, dtype=np.float32) * np.arange(1, classes + 1, dtype=np.float32), "w"
        )
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", w]) for n, w in (("x", width), ("y", classes))]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.fixture
async def scoring(start_service: StartService) -> RunningService:
    return await start_service(SERVICE)


@pytest.fixture
async def app(start_service: StartService) -> RunningService:
    return await start_service(SERVICE, worker=False)


def _headers(token: Headers, role: str = "model_admin") -> dict[str, str]:
    return token(role) | {"Idempotency-Key": uuid4().hex}


async def send(service: RunningService, token: Headers, content: bytes, **changes: Any) -> httpx.Response:
    """Send the bytes in two parts, then the manifest."""
    file_id, half = str(uuid4()), len(content) // 2
    kind = {"Content-Type": "application/octet-stream"}
    for offset, part in ((0, content[:half]), (half, content[half:])):
        put = await service.client.put(
            f"/v1/model-uploads/files/{file_id}",
            params={"offset": offset},
            content=part,
            headers=_headers(token) | kind,
        )
        assert put.status_code == 200, put.text
    body = MANIFEST | {"file_id": file_id, "sha256": hashlib.sha256(content).hexdigest()} | changes
    return await service.client.post(f"/v1/models/{NAME}/versions", json=body, headers=_headers(token))


async def settled(service: RunningService, token: Headers, version: int) -> dict[str, Any]:
    """The version, once its job has come to a verdict."""

    async def look() -> dict[str, Any] | None:
        shown = (await service.client.get(f"/v1/models/{NAME}", headers=token("model_admin"))).json()
        found: dict[str, Any] = next(v for v in shown["versions"] if v["version"] == version)
        return found if found["state"] != "uploaded" else None

    verdict: dict[str, Any] = await eventually(look, 60, every=0.1, what="a verdict")
    return verdict


async def test_what_is_uploaded_is_vetted_or_refused_and_answers_nobody_by_itself(
    scoring: RunningService, token: Headers
) -> None:
    good, bad = onnx_bytes(), onnx_bytes(-1)
    first = await send(scoring, token, good)
    second = await send(scoring, token, bad)
    assert (first.status_code, first.json()["version"], second.json()["version"]) == (202, 1, 2)

    vetted, refused = await settled(scoring, token, 1), await settled(scoring, token, 2)

    assert (vetted["state"], vetted["origin"], vetted["reasons"]) == ("vetted", "uploaded", [])
    assert vetted["card"]["onnx"]["operators"] == {"Imputer": 1, "MatMul": 1, "Sigmoid": 1}
    assert [f["name"] for f in vetted["feature_specs"]] == vetted["features"] == ["age", "branch_visits_90d"]
    assert vetted["feature_specs"][0]["type"] == "INTEGER"
    assert (refused["state"], [r["code"] for r in refused["reasons"]]) == ("refused", ["answer"])
    kept = await scoring.everything.pool.fetch("SELECT length(onnx) AS size FROM model_version ORDER BY version")
    assert [row["size"] for row in kept] == [len(good), 0]
    shown = (await scoring.client.get(f"/v1/models/{NAME}", headers=token("model_admin"))).json()
    assert (shown["champion"], shown["owner"], shown["output"]) == (None, "Retail analytics", "probability")
    promoted = [
        await scoring.client.post(f"/v1/models/{NAME}/versions/{number}:promote", headers=_headers(token))
        for number in (2, 1)
    ]
    assert [p.status_code for p in promoted] == [409, 200]
    assert (promoted[0].json()["code"], promoted[0].json()["possible"]) == ("illegal_step", [])
    row = {"age": 40, "branch_visits_90d": 3}
    rows = [row, {"age": 40, "branch_visits_90d": None}]
    one, two = [
        await scoring.client.post("/v1/scores", json={"model": NAME, "rows": rows[:n]}, headers=token("model_admin"))
        for n in (1, 2)
    ]
    assert one.json()["items"][0]["scores"][0] == pytest.approx(1 / (1 + np.exp(-0.43)), abs=1e-6)
    assert two.json()["errors"] == [{"row": 1, "feature": "branch_visits_90d", "fault": "missing"}]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"features": [{"name": "gender"}]}, (("features",), "feature_unusable")),
        ({"features": [{"name": "value_quadrant"}]}, (("features",), "feature_unusable")),
        ({"features": [FEATURES[0], FEATURES[0]]}, (("features",), "feature_repeated")),
        ({"features": [{"name": "demand_balance_minor", "unit": "yuan"}]}, (("features",), "unit_differs")),
        ({"features": [{"name": "own", "min": 5, "max": 1}]}, (("features", 0), "range_reversed")),
        ({"features": []}, (("features",), "too_short")),
        ({"output": "class_probabilities"}, ((), "classes_unfit")),
        ({"lowest": 0.0}, ((), "range_unfit")),
        ({"output": "value", "lowest": 2.0, "highest": 1.0}, ((), "range_reversed")),
        ({"risk_class": "high_risk"}, ((), "feature_unusable")),
        ({"risk_class": "high_risk", "features": FEATURES[1:]}, ((), "data_sheet_missing")),
        ({"purpose": "credit"}, ((), "risk_class_unfit")),
        ({"features": [{"name": "ethnicity"}]}, (("features",), "feature_unusable")),
        ({"state": "vetted"}, (("state",), "extra_forbidden")),
    ],
)
def test_a_manifest_that_says_too_little_or_what_cannot_be_is_refused(
    changes: dict[str, Any], fault: tuple[tuple[str | int, ...], str]
) -> None:
    with pytest.raises(ValidationError) as refused:
        Manifest.model_validate_json(orjson.dumps(MANIFEST | {"file_id": str(uuid4()), "sha256": "0" * 64} | changes))

    assert (refused.value.errors()[0]["loc"], refused.value.errors()[0]["type"]) == fault


async def test_bytes_that_are_none_others_archives_or_too_many_are_refused_at_once(
    app: RunningService, token: Headers
) -> None:
    kind = {"Content-Type": "application/octet-stream"}
    nothing = await app.client.post(
        f"/v1/models/{NAME}/versions",
        json=MANIFEST | {"file_id": str(uuid4()), "sha256": "0" * 64},
        headers=_headers(token),
    )
    other = await send(app, token, onnx_bytes(), sha256="0" * 64)
    archive = await send(app, token, b"PK\x03\x04 not unpacked")
    file_id = uuid4()
    beyond = await app.client.put(
        f"/v1/model-uploads/files/{file_id}", content=b"x" * (MOST_BYTES + 1), headers=_headers(token) | kind
    )
    later = await app.client.put(
        f"/v1/model-uploads/files/{file_id}",
        params={"offset": MOST_BYTES},
        content=b"xx",
        headers=_headers(token) | kind,
    )
    text = await app.client.put(f"/v1/model-uploads/files/{file_id}", content=b"x", headers=_headers(token))
    unusable = await app.client.post(
        f"/v1/models/{NAME}/versions",
        json=MANIFEST | {"file_id": str(file_id), "sha256": "0" * 64, "features": [{"name": "gender"}]},
        headers=_headers(token),
    )
    named = [
        await app.client.put(f"/v1/model-uploads/files/{name}", content=b"x", headers=_headers(token) | kind)
        for name in ("..%2F..%2Fx", "CON", "x" * 300, "%00", "model.onnx")
    ]

    assert [(a.status_code, a.json()["code"]) for a in (nothing, other, archive, beyond, later, text)] == [
        (422, "nothing_uploaded"),
        (422, "checksum_mismatch"),
        (422, "not_a_model"),
        (413, "too_large"),
        (409, "wrong_offset"),
        (415, "unsupported_media_type"),
    ]
    assert unusable.json()["errors"] == [
        {"at": "body.features", "fault": "feature_unusable", "zh": "任何模型不得使用 gender，请去除后重新训练",
         "en": "no model may use gender: leave it out and train anew"}
    ]  # fmt: skip
    assert {a.status_code for a in named} <= {404, 422}, "a file has an id, and no name"
    assert (await app.client.get("/v1/models", headers=token("model_admin"))).json()["items"] == []


async def test_j81_uploads_at_once_get_their_numbers_one_after_the_other(app: RunningService, token: Headers) -> None:
    answers = await asyncio.gather(*(send(app, token, onnx_bytes(0.01 * n)) for n in range(1, 5)))

    assert [a.status_code for a in answers] == [202] * 4
    assert sorted(a.json()["version"] for a in answers) == [1, 2, 3, 4]


async def test_a_version_changes_nothing_that_decisions_rely_on(app: RunningService, token: Headers) -> None:
    """Purpose and output stay those of the versions that answer; a high risk is not talked away."""
    sheet = {"metrics": {"auc": 0.8}, "training": {"dataset": "crm"}, "card": {"limits": "none"}}
    await send(app, token, onnx_bytes(), risk_class="high_risk", **sheet, features=NO_AGE)
    churn = await send(app, token, onnx_bytes(), purpose="churn")
    value = await send(app, token, onnx_bytes(), output="value", lowest=0.0)
    again = await send(app, token, onnx_bytes(), risk_class="minimal", owner="Somebody else")

    shown = (await app.client.get(f"/v1/models/{NAME}", headers=token("model_admin"))).json()
    assert [(a.status_code, a.json().get("code")) for a in (churn, value, again)] == [
        (409, "other_output"),
        (409, "other_output"),
        (202, None),
    ]
    assert (shown["purpose"], shown["output"], shown["risk_class"]) == ("propensity", "probability", "high_risk")


def test_the_guides_manifest_is_one() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "bring-your-own-model.md").read_text("utf-8")
    manifest = Manifest.model_validate_json(guide.partition("```json\n")[2].partition("```")[0])

    assert [(f.name, f.type, f.nullable) for f in manifest.features] == [
        ("age", "INTEGER", True),
        ("demand_balance_minor", "BIGINT", True),
        ("branch_visits_90d", "INTEGER", False),
    ]


async def test_a_model_of_classes_tells_the_probability_of_each(app: RunningService, token: Headers) -> None:
    content, names = onnx_bytes(classes=3), ("mail", "phone", "app")
    about = About(NAME, "channel", "answers by", output=Output("class_probabilities", names))
    async with app.runtime.database.transaction() as tx:
        await registry.register(
            tx, about, onnx=content, sha256=hashlib.sha256(content).hexdigest(), features=["age", "products_held"],
            metrics={}, card={},
        )  # fmt: skip
        await registry.promote(tx, NAME, 1)

    body = {"model": NAME, "rows": [{"age": 40, "products_held": 2}]}
    item = (await app.client.post("/v1/scores", json=body, headers=token("model_admin"))).json()["items"][0]

    (classes,) = item["classes"]
    assert tuple(classes) == names
    assert sum(classes.values()) == pytest.approx(1, abs=1e-6)
    assert item["scores"] == [classes["app"]] == [max(classes.values())]


async def test_only_a_model_administrator_brings_models(app: RunningService, token: Headers) -> None:
    body = MANIFEST | {"file_id": str(uuid4()), "sha256": "0" * 64}
    kind = {"Content-Type": "application/octet-stream"}
    answers = [
        await app.client.post(f"/v1/models/{NAME}/versions", json=body, headers=_headers(token, "operator")),
        await app.client.put(
            f"/v1/model-uploads/files/{uuid4()}", content=b"x", headers=_headers(token, "operator") | kind
        ),
    ]

    assert [a.status_code for a in answers] == [403, 403]
