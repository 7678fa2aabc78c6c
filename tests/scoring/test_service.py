"""Scoring as it runs: trained in a child process, scored over the lake, renewed after evidence, swapped at once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from attune_contracts.eventing import DetectionEvidence
from attune_contracts.identifiers import customer_id, new_id
from attune_contracts.insight import FeaturesPublished
from attune_service_kit import lake_sql, migrations
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.lake import Lake
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from scoring.app import SERVICE

Headers = Callable[..., dict[str, str]]
SPEC: dict[str, Any] = {
    "model": "propensity-test",
    "label": {"kinds": ["wealth_purchase"], "within_days": 28},
    "seed": 5,
    "params": {"rounds": 40},
}
AFTER = datetime(2026, 3, 16, 2, tzinfo=UTC)


@pytest.fixture
async def scoring(start_service: StartService) -> RunningService:
    return await start_service(SERVICE)


def write_headers(headers: dict[str, str]) -> dict[str, str]:
    return headers | {"Idempotency-Key": str(uuid4())}


async def job_of(scoring: RunningService, path: str, body: dict[str, Any], token: Headers) -> dict[str, Any]:
    """Start a job and return it when it has ended."""
    started = await scoring.client.post(path, headers=write_headers(token("model_admin")), json=body)
    assert started.status_code == 202, started.text

    async def look() -> dict[str, Any] | None:
        path = f"/v1/jobs/scoring/{started.json()['id']}"
        job: dict[str, Any] = (await scoring.client.get(path, headers=token("operator"))).json()
        return job if job["state"] in ("done", "failed") else None

    found: dict[str, Any] = await eventually(look, 150, every=0.3, what="the end of the job")
    return found


async def idle(scoring: RunningService) -> None:
    """Wait until no job waits or runs and everything is published."""

    async def done() -> bool:
        query = (
            "SELECT NOT EXISTS (SELECT 1 FROM job WHERE state IN ('queued', 'running'))"
            " AND NOT EXISTS (SELECT 1 FROM outbox WHERE published_at IS NULL)"
        )
        return bool(await scoring.everything.pool.fetchval(query))

    await eventually(done, 150, every=0.05, what="rest")


async def jobs(scoring: RunningService, kind: str) -> list[dict[str, Any]]:
    rows = await scoring.everything.pool.fetch(
        "SELECT result FROM job WHERE kind = $1 AND state = 'done' ORDER BY created_at", kind
    )
    return [orjson.loads(row["result"]) for row in rows]


async def scored(scoring: RunningService, rows: int) -> None:
    """Wait until so many batch scorings have ended."""

    async def done() -> bool:
        return len(await jobs(scoring, "score")) >= rows

    await eventually(done, 150, every=0.05, what=f"{rows} batch scorings")


async def merges(scoring: RunningService) -> list[dict[str, Any]]:
    rows = await scoring.everything.pool.fetch(
        "SELECT payload FROM outbox WHERE type = 'scoring.scores.published.v1' ORDER BY seq"
    )
    found = [orjson.loads(row["payload"])["data"] for row in rows]
    return [data for data in found if data["merge"]]


def evidence(number: int, amount: int, key: str) -> DetectionEvidence:
    return DetectionEvidence(
        customer_id=customer_id("test-bank", f"C{number}"),
        detection_id=new_id(),
        trigger="large-deposit",
        event_key=key,
        amount_minor=amount,
        compared_with_minor=1,
        metric="mean_closing_balance_6m",
    )


def batch_scores(lake: Lake) -> dict[UUID, tuple[int, float]]:
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, "scores")
        rows = con.execute("SELECT customer_id, version, score FROM scores").fetchall()
    return {UUID(row[0]): (row[1], row[2]) for row in rows}


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("teller", "GET", "/v1/models"),
        ("teller", "GET", "/v1/models/x"),
        ("operator", "POST", "/v1/trainings"),
        ("operator", "POST", "/v1/scorings"),
        ("operator", "POST", "/v1/models/x/versions/1:promote"),
    ],
)
async def test_who_may_not_is_refused(
    scoring: RunningService, token: Headers, role: str, method: str, path: str
) -> None:
    body = {"/v1/trainings": SPEC, "/v1/scorings": {}}.get(path)
    headers = write_headers(token(role, branch="B1"))

    answer = await scoring.client.request(method, path, headers=headers, json=body)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_specification_is_checked_before_it_is_trained(scoring: RunningService, token: Headers) -> None:
    admin = token("model_admin")
    text = "model: propensity-test\nlabel:\n  kinds: [wealth_purchase]\n  within_days: 28\n"

    good = await scoring.client.post("/v1/trainings:validate", headers=admin, json={"file": text})
    bad = await scoring.client.post("/v1/trainings:validate", headers=admin, json={"file": text + "sed: 1\nkind: x\n"})
    other = await scoring.client.post("/v1/trainings:validate", headers=token("operator"), json={"file": text})

    assert good.json()["spec"] == {
        "model": "propensity-test",
        "label": {"kinds": ["wealth_purchase"], "within_days": 28},
    }
    assert (good.json()["target"], good.json()["path"]) == ("wealth_purchase_within_28_days", None)
    assert (bad.status_code, bad.json()["code"]) == (422, "training_file_invalid")
    assert bad.json()["detail"]["zh"] == "第 5 行第 1 列：未知的键 sed；是否为 seed？"
    assert [(one["line"], one["column"], one["key"]) for one in bad.json()["errors"]] == [(5, 1, "sed"), (6, 7, "kind")]
    assert other.status_code == 403


async def test_what_does_not_exist_is_said_so(scoring: RunningService, token: Headers) -> None:
    admin = token("model_admin")

    model = await scoring.client.get("/v1/models/propensity-test", headers=admin)
    promote = await scoring.client.post("/v1/models/propensity-test/versions/1:promote", headers=write_headers(admin))
    score = await scoring.client.post("/v1/scorings", headers=write_headers(admin), json={})
    listing = await scoring.client.get("/v1/models", headers=admin)
    wrong = await scoring.client.post(
        "/v1/trainings", headers=write_headers(admin), json=SPEC | {"features": ["customer_id"]}
    )

    assert [r.json().get("code") for r in (model, promote, score)] == [
        "unknown_model",
        "unknown_model_version",
        "no_champion",
    ]
    assert listing.json() == {"items": [], "next_cursor": None}
    assert wrong.status_code == 422
    [fault] = wrong.json()["errors"]
    assert (fault["at"], fault["fault"]) == ("body.features", "feature_unusable")
    assert fault["en"] == "no numeric or boolean feature: ['customer_id']"


async def test_a_training_that_the_data_cannot_serve_fails_with_the_reason(
    scoring: RunningService, bank: Lake, token: Headers
) -> None:
    leaking = {"kinds": ["wealth_purchase"], "within_days": 10, "starts_on": "2026-01-31"}

    job = await job_of(scoring, "/v1/trainings", SPEC | {"label": leaking}, token)

    assert (job["state"], job["error"]["code"]) == ("failed", "training_refused")
    assert "the label would leak" in job["error"]["en"]
    assert "标签泄漏" in job["error"]["zh"]


async def test_from_training_to_scores_to_renewals_to_the_next_version(
    scoring: RunningService, bank: Lake, token: Headers, publish: Publish
) -> None:
    admin = token("model_admin")
    # Trained: the first version answers at once, and the whole base is scored with it.
    job = await job_of(scoring, "/v1/trainings", SPEC, token)
    first = job["result"]
    assert (job["state"], first["model"], first["version"], first["rows"]) == ("done", "propensity-test", 1, 3000)
    assert first["metrics"]["auc"] > 0.8
    assert {"feature": "tenure_days", "reason": "leak"} not in first["refused"]
    await scored(scoring, 1)
    batch = batch_scores(bank)
    assert len(batch) == 3000
    assert {version for version, _ in batch.values()} == {1}
    assert (await jobs(scoring, "score"))[0]["loaded"] is True

    # Renewed: only whom the evidence touches and we know, newer than the batch, from the champion.
    out = [evidence(9, 900_000_000, "T5"), evidence(9, 1, "T6")]
    no_money = [
        one.model_copy(update={"new_money": False, "amount_minor": amount})
        for one, amount in zip(out, (7, None), strict=True)
    ]
    await publish(*no_money, time=AFTER)
    await publish(evidence(7, 900_000_000, "T7"), evidence(999_999, 5, "T0"), evidence(8, 1, "T8"), time=AFTER)

    async def renewed() -> list[dict[str, Any]] | None:
        found = await merges(scoring)
        return found if len(found) == 2 else None

    found: list[dict[str, Any]] = await eventually(renewed, 30, what="two renewals")
    by_customer = {UUID(data["customer_id"]): data["scores"][0] for data in found}
    seven = by_customer[customer_id("test-bank", "C7")]
    assert (seven["model"], seven["version"]) == ("propensity-test", 1)
    assert datetime.fromisoformat(seven["scored_at"]) >= AFTER
    assert seven["score"] > batch[customer_id("test-bank", "C7")][1]

    # Trained again: the same bytes. Promoted: the next evidence is answered by it, the base is scored anew.
    again = (await job_of(scoring, "/v1/trainings", SPEC | {"promote": True}, token))["result"]
    assert (again["version"], again["sha256"], again["metrics"]) == (2, first["sha256"], first["metrics"])
    await publish(evidence(7, 900_000_000, "T9"), time=AFTER)
    await eventually(lambda: _version_of_newest(scoring, 3), 30, what="the third renewal")
    assert (await merges(scoring))[-1]["scores"][0]["version"] == 2
    await scored(scoring, 2)
    assert {version for version, _ in batch_scores(bank).values()} == {2}

    # Rolled back by one call.
    back = await scoring.client.post("/v1/models/propensity-test/versions/1:promote", headers=write_headers(admin))
    assert (back.status_code, back.json()["champion"]) == (200, 1)
    assert [(v["version"], v["state"]) for v in back.json()["versions"]] == [(2, "retired"), (1, "champion")]
    assert back.json()["versions"][0]["metrics"] == again["metrics"]
    assert back.json()["versions"][0]["card"]["parity"]["decision_agreement"] > 0.999
    await publish(evidence(7, 900_000_000, "T10"), time=AFTER)
    await eventually(lambda: _version_of_newest(scoring, 4), 30, what="the fourth renewal")
    last = (await merges(scoring))[-1]["scores"][0]
    assert (last["version"], last["score"]) == (1, seven["score"])
    await idle(scoring)


async def _version_of_newest(scoring: RunningService, count: int) -> bool:
    return len(await merges(scoring)) == count


async def test_snapshots_switch_the_slot_unless_they_are_older(
    scoring: RunningService, bank: Lake, publish: Publish, snapshot: Callable[[Lake, date], None]
) -> None:
    january, december, february = date(2026, 1, 31), date(2025, 12, 31), date(2026, 2, 28)
    stood = []
    for number, day in enumerate((january, december, february), start=1):
        snapshot(bank, day)
        pointer = bank.latest("features", f"as_of={day}")
        assert pointer is not None
        await publish(FeaturesPublished(pointer=pointer))
        await scored(scoring, number)
        stood.append(await scoring.everything.pool.fetchrow("SELECT slot, as_of FROM feature_set"))

    assert [tuple(row) for row in stood if row] == [(0, january), (0, january), (1, february)]
    assert [result["loaded"] for result in await jobs(scoring, "score")] == [True, False, True]
    assert (
        await scoring.everything.pool.fetchval("SELECT count(*) FROM feature_row JOIN feature_set USING (slot)") == 3000
    )


async def test_migrations_go_down_and_up_again(
    make_database: Callable[..., Awaitable[str]], postgres_server: EmbeddedPostgres
) -> None:
    owner = postgres_server.url("scoring_owner", await make_database(SERVICE))
    await migrations.run(SERVICE, owner, "base")
    await migrations.run(SERVICE, owner)

    assert migrations.folder(SERVICE).name == "migrations"
