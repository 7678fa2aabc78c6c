"""Scores on request: by name, by customer, over HTTP and NATS; and models swapped while they answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import orjson
import pytest

from attune_contracts.identifiers import customer_id
from attune_contracts.pointer import Pointer
from attune_contracts.scoring import SCORE_SUBJECT, NewMoney, ScoreQuestion
from attune_service_kit.database import Database
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.messaging import Broker
from attune_service_kit.testing import RunningService, StartService, eventually, nats_seed
from scoring import feature_rows, registry
from scoring.app import SERVICE
from scoring.features import NUMERIC, fingerprints
from scoring.model import Model, load
from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trained import Trained
from scoring.training.trainer import train

Headers = Callable[..., dict[str, str]]
NAME = "propensity-test"
FEATURES = ["age", "demand_balance_minor", "postings_90d"]
KNOWN = customer_id("tests", "P1")


def spec(seed_: int) -> TrainingSpec:
    label = {"kinds": ["wealth_purchase"], "within_days": 30}
    return TrainingSpec.model_validate(
        {"model": NAME, "label": label, "params": {"rounds": 15}, "features": FEATURES, "seed": seed_}
    )


@pytest.fixture(scope="module")
def versions(examples: Examples) -> list[Trained]:
    """Two trainings that answer differently."""
    return [train(examples.only(FEATURES), spec(number)) for number in (1, 2)]


@dataclass
class Offline:
    """The registered versions, as whoever holds their bytes would score."""

    models: dict[int, Model]

    def score(self, row: dict[str, Any], version: int) -> float:
        """One row's score by one version."""
        model = self.models[version]
        values = np.array([[np.nan if row[n] is None else row[n] for n in model.features]], dtype=np.float32)
        return float(model.score(values)[0])


async def registered(service: RunningService, versions: list[Trained]) -> Offline:
    """Register both versions; the first one answers."""
    models = {}
    for trained in versions:
        async with service.runtime.database.transaction() as tx:
            number = await registry.register(
                tx,
                spec(1).about,
                onnx=trained.onnx,
                sha256=trained.sha256,
                features=trained.features,
                metrics={},
                card={},
            )
            if number == 1:
                await registry.promote(tx, NAME, number)
        models[number] = load(NAME, number, trained.features, trained.onnx, sha256=trained.sha256)
    return Offline(models)


async def with_row(service: RunningService, values: dict[str, float]) -> None:
    """Let scoring hold the feature row of one customer, as of the end of February."""
    day = date(2026, 2, 28)
    pointer = Pointer(dataset="features", partition=f"as_of={day}", as_of=day, rows=1, manifest="m1", checksum="0" * 64)
    worker = Database(service.settings.worker_database_url)
    await worker.open()
    async with worker.transaction() as tx:
        slot = await feature_rows.empty_slot(tx.conn)
        row = np.array([[values.get(name, np.nan) for name in NUMERIC]])
        await feature_rows.copy_rows(tx.conn, slot, [str(KNOWN)], row)
        await feature_rows.switch(tx.conn, slot, pointer, NUMERIC)
    await worker.close()


@pytest.fixture
async def app(start_service: StartService) -> RunningService:
    return await start_service(SERVICE, worker=False)


@pytest.fixture
async def offline(app: RunningService, versions: list[Trained]) -> Offline:
    return await registered(app, versions)


@pytest.fixture
def ask(app: RunningService, token: Headers) -> Callable[..., Any]:
    async def ask(body: dict[str, Any], role: str = "model_admin") -> httpx.Response:
        return await app.client.post("/v1/scores", json=body, headers=token(role))

    return ask


async def promote(service: RunningService, token: Headers, version: int) -> httpx.Response:
    headers = token("model_admin") | {"Idempotency-Key": uuid4().hex}
    return await service.client.post(f"/v1/models/{NAME}/versions/{version}:promote", headers=headers)


ROW: dict[str, Any] = {"age": 33, "demand_balance_minor": 4_000_000, "postings_90d": 12}


async def test_rows_are_scored_by_name_with_the_champion(offline: Offline, ask: Callable[..., Any]) -> None:
    unknown = ROW | {"postings_90d": None}
    answer = await ask({"model": NAME, "rows": [ROW, dict(reversed(ROW.items())), unknown]}, "marketer")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    champion = offline.models[1]
    assert told["models"] == [{"model": NAME, "version": 1, "sha256": champion.sha256}]
    assert [i["scores"][0] for i in told["items"]] == [offline.score(r, 1) for r in (ROW, ROW, unknown)]
    assert (told["unknown"], told["as_of"]) == ([], None)
    named = (await ask({"model": NAME, "version": 2, "rows": [ROW]})).json()
    assert (named["models"][0]["version"], named["items"][0]["scores"][0]) == (2, offline.score(ROW, 2))
    # Enough rows to be scored beside the loop: the same bits. And what the declared route answers is the same, too.
    rows = {"model": NAME, "rows": [ROW, unknown] * 150}
    many = (await ask(rows)).json()
    assert [i["scores"][0] for i in many["items"]] == [offline.score(r, 1) for r in (ROW, unknown)] * 150
    assert (await ask(rows | {"reasons": 0})).json() == many
    columns = {name: [row[name] for row in rows["rows"]] for name in reversed(ROW)}
    assert (await ask({"model": NAME, "columns": columns})).json() == many
    assert (await ask({"model": NAME, "columns": columns, "reasons": 0})).json() == many


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"rows": [ROW | {"age": "33"}]}, ("features_unfit", [{"row": 0, "feature": "age", "fault": "wrong_type"}])),
        ({"rows": [ROW | {"agee": 1}]}, ("features_unfit", [{"row": 0, "feature": "agee", "fault": "unknown"}])),
        (
            {"rows": [ROW, ROW | {"tenure_days": 1, "<script>": 1}]},
            (
                "features_unfit",
                [
                    {"row": 1, "feature": "tenure_days", "fault": "extra"},
                    {"row": 1, "feature": "script", "fault": "unknown"},
                ],
            ),
        ),
        (
            {"rows": [{"age": 33}]},
            (
                "features_unfit",
                [{"row": 0, "feature": name, "fault": "missing"} for name in ("demand_balance_minor", "postings_90d")],
            ),
        ),
        ({"rows": [ROW] * 501}, ("too_many_rows", None)),
        ({"columns": {name: [1] * 501 for name in ROW}}, ("too_many_rows", None)),
        ({"columns": {name: [1] * (2 + (name == "age")) for name in ROW}}, ("columns_unequal", None)),
        (
            {"columns": {name: [1, "x" if name == "age" else None] for name in ROW}},
            ("features_unfit", [{"row": 1, "feature": "age", "fault": "wrong_type"}]),
        ),
        (
            {"columns": {"age": [33]}},
            (
                "features_unfit",
                [{"row": 0, "feature": name, "fault": "missing"} for name in ("demand_balance_minor", "postings_90d")],
            ),
        ),
        ({"columns": {"age": []}}, ("invalid", None)),
        ({"columns": {}}, ("invalid", None)),
        ({"columns": {"age": [1]}, "rows": [ROW]}, ("invalid", None)),
        ({"rows": []}, ("invalid", None)),
        ({"rows": [ROW], "customer_ids": [str(KNOWN)]}, ("invalid", None)),
        ({"rows": [ROW], "model": None}, ("invalid", None)),
        ({"rows": [ROW], "champion": True}, ("invalid", None)),
    ],
)
async def test_what_does_not_fit_is_named(
    offline: Offline, ask: Callable[..., Any], body: dict[str, Any], expected: tuple[str, Any]
) -> None:
    answer = await ask({"model": NAME} | body)
    assert (answer.status_code, answer.json()["code"]) == (422, expected[0])
    if expected[1] is not None:
        assert answer.json()["errors"] == expected[1]


async def test_numbers_that_are_not_finite_are_refused(app: RunningService, offline: Offline, token: Headers) -> None:
    headers = token("model_admin") | {"Content-Type": "application/json"}
    for value in (b"NaN", b"Infinity", b"-Infinity", b"1e400"):
        body = b'{"model":"propensity-test","rows":[{"age":33,"demand_balance_minor":1,"postings_90d":%b}]}' % value
        answer = await app.client.post("/v1/scores", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert answer.json()["errors"] == [{"at": "body", "fault": "not_finite"}]


async def test_who_may_ask_for_what(app: RunningService, offline: Offline, ask: Callable[..., Any]) -> None:
    rows = {"model": NAME, "rows": [ROW]}
    for body, role, expected in (
        (rows, "call_centre", (403, "forbidden")),
        (rows, "partner", (403, "forbidden")),
        (rows | {"version": 1}, "marketer", (403, "forbidden")),
        ({"customer_ids": [str(KNOWN)]}, "marketer", (403, "forbidden")),
        (rows | {"version": 3}, "model_admin", (404, "unknown_model_version")),
        (rows | {"model": "propensity-nobody"}, "model_admin", (404, "no_champion")),
    ):
        answer = await ask(body, role)
        assert (answer.status_code, answer.json()["code"]) == expected
    assert (await app.client.post("/v1/scores", json=rows)).status_code == 401


async def test_customers_are_scored_by_every_champion_from_their_stored_row(
    app: RunningService, offline: Offline, ask: Callable[..., Any]
) -> None:
    await with_row(app, {k: float(v) for k, v in ROW.items()})
    stranger = str(customer_id("tests", "P2"))
    told = (await ask({"customer_ids": [stranger, str(KNOWN)]})).json()
    item = {"customer_id": str(KNOWN), "scores": [offline.score(ROW, 1)], "classes": []}
    assert told["items"] == [item | {"reasons": []}]
    assert (told["unknown"], told["as_of"]) == ([stranger], "2026-02-28")
    why = (await ask({"customer_ids": [str(KNOWN)], "reasons": 2})).json()["items"][0].pop("reasons")
    rows = (await ask({"model": NAME, "rows": [ROW], "reasons": 2})).json()["items"][0].pop("reasons")
    assert why == rows != [[]]


async def test_a_hundred_swaps_under_load_fail_nobody(app: RunningService, offline: Offline, token: Headers) -> None:
    rows = [ROW | {"age": age} for age in range(20, 60)]
    exact = {(v, r["age"]): offline.score(r, v) for r in rows for v in (1, 2)}
    hashes = {v: m.sha256 for v, m in offline.models.items()}
    seen: list[int] = []
    ended = asyncio.Event()

    async def load(first: int) -> None:
        headers, number = token("model_admin"), first
        while not ended.is_set():
            row = rows[number % len(rows)]
            number += 1
            answer = await app.client.post("/v1/scores", json={"model": NAME, "rows": [row]}, headers=headers)
            assert answer.status_code == 200, answer.text
            (by,), (item,) = answer.json()["models"], answer.json()["items"]
            assert by["sha256"] == hashes[by["version"]]
            assert item["scores"] == [exact[by["version"], row["age"]]]
            seen.append(by["version"])
            await asyncio.sleep(0.004)  # in one process with the service, clients that never wait starve the swaps

    async with asyncio.TaskGroup() as tasks:
        for first in range(3):
            tasks.create_task(load(first))
        for swap in range(100):
            version = 2 - swap % 2
            promoted = await promote(app, token, version)
            assert (promoted.status_code, promoted.json()["champion"]) == (200, version)
            # Whoever asks this process after the promotion is answered by the promoted one.
            answer = await app.client.post(
                "/v1/scores", json={"model": NAME, "rows": [ROW]}, headers=token("model_admin")
            )
            assert answer.json()["models"][0]["version"] == version
        ended.set()
    assert {1, 2} == set(seen)
    assert await app.runtime.database.pool.fetchval("SELECT count(*) FROM promotion") == 101


async def test_every_other_process_hears_of_a_promotion(
    app: RunningService, offline: Offline, token: Headers, start_service: StartService
) -> None:
    database = app.runtime.database.url.rpartition("/")[2]
    other = await start_service(SERVICE, worker=False, database=database)

    async def version() -> int:
        body = {"model": NAME, "rows": [ROW]}
        answer = await other.client.post("/v1/scores", json=body, headers=token("model_admin"))
        found: int = answer.json()["models"][0]["version"]
        return found

    assert await version() == 1
    await promote(app, token, 2)

    async def heard() -> bool:
        return await version() == 2

    await eventually(heard, what="the other process's swap")


@pytest.fixture
async def campaign(nats_server: EmbeddedNats) -> AsyncIterator[Broker]:
    """Campaign's connection: the only one that may ask."""
    broker = Broker(nats_server.url, user="campaign", seed=nats_seed("campaign"), name="test as campaign")
    await broker.start()
    await broker.ready()
    yield broker
    await broker.stop()


async def test_campaign_asks_over_nats(start_service: StartService, versions: list[Trained], campaign: Broker) -> None:
    service = await start_service(SERVICE)
    offline = await registered(service, versions)
    await with_row(service, {k: float(v) for k, v in ROW.items()})

    async def ask(customer: UUID, *new: NewMoney) -> dict[str, Any]:
        question = ScoreQuestion(customer_id=customer, evidence=new).model_dump_json().encode()
        answer: dict[str, Any] = orjson.loads(await campaign.request(SCORE_SUBJECT, question))
        return answer

    await eventually(lambda: _answers(campaign), what="the answering worker")
    told = await ask(KNOWN)
    assert told["models"] == [{"model": NAME, "version": 1, "sha256": offline.models[1].sha256}]
    seen = np.array([[ROW[name] for name in offline.models[1].features]], dtype=np.float32)
    one = {"customer_id": str(KNOWN), "scores": [offline.score(ROW, 1)], "features_hashes": fingerprints(seen)}
    assert told["items"] == [one | {"classes": [], "reasons": []}]
    # A credit that the snapshot has not seen moves the row, once, whoever reports it.
    new = NewMoney(key="T1", amount_minor=86_000_000, business_date=date(2026, 3, 17))
    moved = ROW | {"demand_balance_minor": 90_000_000, "postings_90d": 13}
    assert (await ask(KNOWN, new, new))["items"][0]["scores"] == [offline.score(moved, 1)]
    seen = new.model_copy(update={"business_date": date(2026, 2, 28)})
    assert (await ask(KNOWN, seen))["items"] == told["items"]
    assert (await ask(customer_id("tests", "P2")))["unknown"] == [str(customer_id("tests", "P2"))]
    for question in (
        b'{"customer_id": "x"}', b"{}", b'{"customer_id": "%s", "rows": [{}]}' % str(KNOWN).encode(),
        b'{"rows": [{"age": 33}]}', b'{"model": "propensity-test", "rows": []}',
    ):  # fmt: skip
        refused = orjson.loads(await campaign.request(SCORE_SUBJECT, question))
        assert (refused["status"], refused["code"]) == (422, "invalid"), question


async def test_rows_are_scored_by_name_over_nats_as_over_http(
    start_service: StartService, versions: list[Trained], campaign: Broker
) -> None:
    offline = await registered(await start_service(SERVICE), versions)

    async def ask(*rows: str, model: str = NAME) -> dict[str, Any]:
        question = f'{{"model": "{model}", "rows": [{", ".join(rows)}]}}'
        answer: dict[str, Any] = orjson.loads(await campaign.request(SCORE_SUBJECT, question.encode()))
        return answer

    def row(**changed: Any) -> str:
        return orjson.dumps({**ROW, **changed}).decode()

    await eventually(lambda: _answers(campaign), what="the answering worker")
    told = await ask(row(), row(postings_90d=None))
    assert told["models"] == [{"model": NAME, "version": 1, "sha256": offline.models[1].sha256}]
    expected = [offline.score(r, 1) for r in (ROW, ROW | {"postings_90d": None})]
    assert [item["scores"][0] for item in told["items"]] == expected
    for wrong, feature, fault in (
        (row(agee=1), "agee", "unknown"),
        (row(tenure_days=1), "tenure_days", "extra"),
        (row().replace('"age":33,', ""), "age", "missing"),
        (row(age="33"), "age", "wrong_type"),
        (row().replace("4000000", "99999999999999999999"), "demand_balance_minor", "out_of_range"),
    ):
        refused = await ask(row(), wrong)
        assert (refused["status"], refused["code"]) == (422, "features_unfit")
        assert refused["errors"] == [{"row": 1, "feature": feature, "fault": fault}]
        assert refused["zh"]
    for number in ("NaN", "Infinity", "-Infinity", "1e400"):
        refused = await ask(row().replace(":12", f":{number}"))
        assert (refused["status"], refused["code"]) in ((422, "features_unfit"), (422, "invalid")), number
    assert (await ask(*[row()] * 501))["code"] == "too_many_rows"
    nobody = await ask(row(), model="propensity-nobody")
    assert (nobody["status"], nobody["code"]) == (404, "no_champion")


async def test_models_are_listed_in_pages(
    app: RunningService, offline: Offline, versions: list[Trained], token: Headers
) -> None:
    other = spec(2).model_copy(update={"model": "churn-test"})
    async with app.runtime.database.transaction() as tx:
        await registry.register(
            tx, other.about, onnx=versions[1].onnx, sha256=versions[1].sha256, features=versions[1].features,
            metrics={}, card={},
        )  # fmt: skip
    names, cursor = [], None
    while not names or cursor:
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await app.client.get("/v1/models", params=params, headers=token("model_admin"))).json()
        names += [model["name"] for model in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["churn-test", NAME]
    nothing = await app.client.get("/v1/models", params={"purpose": "none"}, headers=token("model_admin"))
    assert nothing.json() == {"items": [], "next_cursor": None}


async def _answers(broker: Broker) -> bool:
    try:
        return bool(await broker.request(SCORE_SUBJECT, b"{}", timeout=0.5))
    except Exception:
        return False
