"""Insight as it runs: two halves of an import make a snapshot, jobs run in their own processes, sizes come by HTTP."""

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from attune_contracts.customer_360 import ImportCompleted
from attune_contracts.datasets import DATASETS
from attune_contracts.eventing import TransactionsPublished
from attune_contracts.identifiers import new_id
from attune_contracts.pointer import Pointer
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from insight.app import SERVICE

LAST_DAY = date(2026, 3, 31)
PEOPLE = 40
# Customer number i of the invented lake; even ones belong to B0, odd ones to B1.
CUSTOMER = "printf('0190a7c0-0000-8000-8000-%012d', i)"

Headers = Callable[..., dict[str, str]]


def fill_lake(lake: Lake) -> Pointer:
    """Write 40 customers in two branches, each with an account and a posting a day; return the ledger's pointer."""
    queries = {
        "branches": "SELECT * FROM (VALUES ('HQ', NULL, 'HQ'), ('B0', 'HQ', 'B0'), ('B1', 'HQ', 'B1')) t(branch_id,"
        " parent_id, name)",
        "parties": f"SELECT {CUSTOMER} AS customer_id, 'person' AS party_kind, DATE '1980-01-01' + i::INTEGER * 300 AS"
        f" birth_date, 'B' || i % 2 AS branch_id, DATE '2020-01-01' AS opened_on, 'C' || i AS source_id,"
        f" true AS has_phone, true AS has_address, true AS personalisation, 1 AS version FROM range({PEOPLE}) t(i)",
        "accounts": f"SELECT 'a' || i AS account_id, 'A' || i AS source_id, {CUSTOMER} AS customer_id, 'demand' kind,"
        f" 'CNY' AS currency, i * 2000000 AS opening_balance_minor FROM range({PEOPLE}) t(i)",
        "transactions": f"SELECT 'p' || i || '-' || d AS posting_id, 'a' || i AS account_id,"
        f" DATE '{LAST_DAY}' - d::INTEGER AS business_date, 'credit' AS direction, i * 100 + 1 AS amount_minor,"
        f" 'CNY' AS currency, 'transfer_in' AS kind, CASE WHEN (i + d) % 3 = 0 THEN 'mobile' END AS channel,"
        f" []::VARCHAR[] AS flags FROM range({PEOPLE}) t(i), range(60) u(d)",
    }
    with lake_sql.connect(lake) as con:
        for name, query in queries.items():
            dataset = DATASETS[name]
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in dataset.columns)})")
            con.execute(f"INSERT INTO {name} BY NAME {query}")
            pointer = lake_sql.write_query(con, lake, dataset, "all", f"FROM {name}", as_of=LAST_DAY)
    return pointer


@pytest.fixture
def ledger(lake_dir: Path, tmp_path: Path) -> Pointer:
    return fill_lake(Lake(str(lake_dir), tmp_path / "filling"))


@pytest.fixture
async def insight(start_service: StartService) -> RunningService:
    return await start_service(SERVICE)


async def counted(service: RunningService, query: str) -> Any:
    return await service.everything.pool.fetchval(query)


def write_headers(headers: dict[str, str]) -> dict[str, str]:
    return headers | {"Idempotency-Key": str(uuid4())}


async def ended(insight: RunningService, job_id: str, headers: dict[str, str]) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        job: dict[str, Any] = (await insight.client.get(f"/v1/jobs/insight/{job_id}", headers=headers)).json()
        return job if job["state"] in ("done", "failed") else None

    found: dict[str, Any] = await eventually(look, 60, every=0.1, what="the end of the job")
    return found


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("teller", "POST", "/v1/feature-snapshots"),
        ("teller", "GET", "/v1/feature-snapshots"),
        ("teller", "GET", "/v1/segments/value-quadrant"),
        ("teller", "GET", "/v1/segments/lifecycle/members"),
        ("marketer", "GET", "/v1/features"),
        ("teller", "GET", "/v1/features/0190a7c0-0000-8000-8000-000000000001"),
        ("teller", "GET", "/v1/parameters/value-quadrant"),
        ("marketer", "PUT", "/v1/parameters/value-quadrant"),
    ],
)
async def test_who_may_not_is_refused(
    insight: RunningService, token: Headers, role: str, method: str, path: str
) -> None:
    answer = await insight.client.request(
        method, path, headers=write_headers(token(role, branch="B0")), json=None if method == "GET" else {}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_before_the_first_snapshot_there_is_nothing_to_count(insight: RunningService, token: Headers) -> None:
    sizes = await insight.client.get("/v1/segments/value-quadrant", headers=token("head_office"))
    listing = await insight.client.get("/v1/feature-snapshots", headers=token("model_admin"))

    assert (sizes.status_code, sizes.json()["code"]) == (404, "no_snapshot")
    for path in ("lifecycle/members", "lifecycle/size"):
        answer = await insight.client.get(f"/v1/segments/{path}", headers=token("head_office"))
        assert (answer.status_code, answer.json()["code"]) == (404, "no_snapshot")
    unknown = await insight.client.get("/v1/segments/none/size", headers=token("head_office"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_segment")
    assert listing.json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("first", ["profiles", "transactions"])
async def test_both_halves_of_one_import_in_either_order_make_one_snapshot(
    insight: RunningService, ledger: Pointer, publish: Publish, token: Headers, first: str
) -> None:
    import_id, other = new_id(), new_id()
    halves = {
        "profiles": ImportCompleted(import_id=import_id, pointers=()),
        "transactions": TransactionsPublished(pointer=ledger, import_id=import_id),
    }
    # Half of another import, and a day's postings without one, start nothing.
    await publish(ImportCompleted(import_id=other, pointers=()), TransactionsPublished(pointer=ledger))
    await publish(halves.pop(first), *halves.values())

    async def published() -> Any:
        return await counted(
            insight, "SELECT count(*) FROM outbox WHERE type LIKE 'insight.features%' AND published_at IS NOT NULL"
        )

    assert await eventually(published, 60, what="the publication of the features") == 1
    assert await counted(insight, "SELECT count(*) FROM job") == 1
    assert await counted(insight, "SELECT count(*) FROM import_arrival") == 2
    listing = (await insight.client.get("/v1/feature-snapshots", headers=token("model_admin"))).json()["items"]
    assert [(s["as_of"], s["rows"], s["quadrant_version"]) for s in listing] == [("2026-03-31", PEOPLE, 1)]
    said = await counted(insight, "SELECT count(*) FROM outbox WHERE type = 'insight.segments.published.v1'")
    members = insight.runtime.lake.latest("segments", "as_of=2026-03-31")
    assert (said, members is not None and members.rows >= 2 * PEOPLE) == (1, True)
    pointer = insight.runtime.lake.latest("features", "as_of=2026-03-31")
    assert pointer is not None
    assert (pointer.rows, pointer.manifest) == (PEOPLE, listing[0]["manifest"])


async def test_a_snapshot_asked_for_by_day_is_counted_and_repeats_to_the_byte(
    insight: RunningService, ledger: Pointer, token: Headers
) -> None:
    operator, office = token("operator"), token("head_office")
    found: list[Pointer | None] = []
    for _ in range(2):
        started = await insight.client.post(
            "/v1/feature-snapshots", headers=write_headers(operator), json={"as_of": "2026-03-01"}
        )
        assert started.status_code == 202
        job = await ended(insight, started.json()["id"], operator)
        assert (job["state"], job["result"]["as_of"], job["result"]["rows"]) == ("done", "2026-03-01", PEOPLE)
        found.append(insight.runtime.lake.latest("features", "as_of=2026-03-01"))
    once, again = found
    assert once is not None
    assert again is not None
    assert (once.manifest < again.manifest, once.checksum) == (True, again.checksum)

    whole = (await insight.client.get("/v1/segments/value-quadrant", headers=office)).json()
    one = (await insight.client.get("/v1/segments/value-quadrant?as_of=2026-03-01&branch=B1", headers=office)).json()
    unknown = await insight.client.get("/v1/segments/value-quadrant?as_of=2026-03-02", headers=office)

    assert (whole["as_of"], whole["customers"], whole["stale"]) == ("2026-03-01", PEOPLE, True)
    assert set(whole["branches"]) == {"B0", "B1"}
    assert whole["quadrants"]["private"] > 0
    assert sum(whole["quadrants"].values()) == PEOPLE
    assert one["quadrants"] == whole["branches"]["B1"]
    assert unknown.status_code == 404
    assert await counted(insight, "SELECT count(*) FROM feature_row") == 2 * PEOPLE, "one slot answers, one waits"


async def test_a_snapshot_of_tomorrow_fails_with_a_reason(
    insight: RunningService, ledger: Pointer, token: Headers
) -> None:
    operator = token("operator")
    started = await insight.client.post(
        "/v1/feature-snapshots", headers=write_headers(operator), json={"as_of": "2026-04-01"}
    )
    job = await ended(insight, started.json()["id"], operator)

    assert (job["state"], job["error"]["code"]) == ("failed", "invalid")
    assert "the ledger ends on 2026-03-31" in job["error"]["en"]
    assert job["error"]["zh"]


async def test_migrations_go_down_and_up_again(
    make_database: Callable[..., Awaitable[str]], postgres_server: Any
) -> None:
    from attune_service_kit import migrations

    owner = postgres_server.url("insight_owner", await make_database(SERVICE))
    await migrations.run(SERVICE, owner, "base")
    await migrations.run(SERVICE, owner)

    assert migrations.folder(SERVICE).name == "migrations"
