"""Members, sizes, history, one customer's features and the quadrant's parameters, each within the caller's scope."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from attune_contracts.datasets import DATASETS
from attune_contracts.eventing import TransactionsPublished
from attune_contracts.features import CATALOGUE
from attune_contracts.pointer import Pointer
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from insight.app import SERVICE

LAST = date(2026, 3, 31)
PEOPLE = 30
MANAGER = {"role": "branch_manager", "branch": "B1"}
Headers = Callable[..., dict[str, str]]


def customer(number: int) -> str:
    return f"0190a7c0-0000-8000-8000-{number:012d}"


def fill(lake: Lake) -> Pointer:
    """Thirty customers, the last of no branch, the others in two branches under HQ; a posting each ten days."""
    who = "printf('0190a7c0-0000-8000-8000-%012d', i)"
    queries = {
        "branches": "SELECT * FROM (VALUES ('HQ', NULL, 'HQ'), ('B0', 'HQ', 'B0'), ('B1', 'HQ', 'B1'))"
        " t(branch_id, parent_id, name)",
        "parties": f"SELECT {who} AS customer_id, 'person' AS party_kind, DATE '1950-01-01' + i::INTEGER * 700 AS"
        f" birth_date, CASE WHEN i < {PEOPLE - 1} THEN 'B' || i % 2 END AS branch_id, DATE '2020-01-01' AS opened_on,"
        f" 'C' || i AS source_id, true AS has_phone, true AS has_address, true AS personalisation,"
        f" 1 AS version FROM range({PEOPLE}) t(i)",
        "accounts": f"SELECT 'a' || i AS account_id, 'A' || i AS source_id, {who} AS customer_id, 'demand' AS kind,"
        f" 'CNY' AS currency, i * 2000000 AS opening_balance_minor FROM range({PEOPLE}) t(i)",
        "transactions": f"SELECT 'p' || i || '-' || d AS posting_id, 'a' || i AS account_id,"
        f" DATE '{LAST}' - d::INTEGER * 10 AS business_date, 'credit' AS direction, i * 100 + 1 AS amount_minor,"
        f" 'CNY' AS currency, CASE WHEN i < 4 THEN 'salary' ELSE 'transfer_in' END AS kind,"
        f" CASE WHEN i % 3 = 0 THEN 'mobile' END AS channel, []::VARCHAR[] AS flags"
        f" FROM range({PEOPLE}) t(i), range(20) u(d)",
    }
    with lake_sql.connect(lake) as con:
        for name, query in queries.items():
            dataset = DATASETS[name]
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in dataset.columns)})")
            con.execute(f"INSERT INTO {name} BY NAME {query}")
            pointer = lake_sql.write_query(con, lake, dataset, "all", f"FROM {name}", as_of=LAST)
    return pointer


class Insight:
    """The running service and a snapshot of two days."""

    def __init__(self, service: RunningService, token: Headers, ledger: Pointer) -> None:
        self.service, self.token, self.ledger = service, token, ledger

    async def get(self, path: str, role: str = "head_office", branch: str | None = None, **params: Any) -> Any:
        return await self.service.client.get(path, params=params, headers=self.token(role, branch))

    async def put(self, body: Any, role: str = "head_office", key: str | None = None) -> Any:
        headers = self.token(role) | {"Idempotency-Key": key or uuid4().hex}
        return await self.service.client.put("/v1/parameters/value-quadrant", json=body, headers=headers)

    async def snapshot(self, as_of: date) -> Any:
        headers = self.token("operator") | {"Idempotency-Key": uuid4().hex}
        body = {"as_of": as_of.isoformat()}
        started = await self.service.client.post("/v1/feature-snapshots", headers=headers, json=body)
        path = f"/v1/jobs/insight/{started.json()['id']}"

        async def ended() -> Any:
            job = (await self.service.client.get(path, headers=headers)).json()
            return job if job["state"] in ("done", "failed") else None

        job = await eventually(ended, 60, every=0.05, what="the snapshot")
        assert job["state"] == "done", job
        return job["result"]


@pytest.fixture
async def insight(start_service: StartService, lake_dir: Any, tmp_path: Any, token: Headers) -> Insight:
    ledger = fill(Lake(str(lake_dir), tmp_path / "filling"))
    return Insight(await start_service(SERVICE), token, ledger)


@pytest.fixture
async def counted(insight: Insight) -> Insight:
    """Insight with a snapshot of the ledger's last day."""
    newest = await insight.snapshot(LAST)
    assert (newest["loaded"], newest["quadrant_version"]) == (True, 1)
    return insight


async def test_members_are_paged_and_seen_within_the_scope(counted: Insight) -> None:
    path = "/v1/segments/lifecycle/members"
    pages: list[str] = []
    cursor = None
    while True:
        shown = (await counted.get(path, limit=7, **({"cursor": cursor} if cursor else {}))).json()
        assert (shown["as_of"], shown["stale"]) == (LAST.isoformat(), False)
        pages += [member["customer_id"] for member in shown["items"]]
        if (cursor := shown["next_cursor"]) is None:
            break
    assert pages == [customer(n) for n in range(PEOPLE)]
    own = (await counted.get(path, limit=100, **MANAGER)).json()["items"]
    assert [m["customer_id"] for m in own] == [customer(n) for n in range(1, PEOPLE - 1, 2)]
    assert {m["branch_id"] for m in own} == {"B1"}
    region = (await counted.get(path, "branch_manager", "HQ", limit=100)).json()["items"]
    assert len(region) == PEOPLE - 1
    payroll = (await counted.get("/v1/segments/payroll/members")).json()["items"]
    assert [m["customer_id"] for m in payroll] == [customer(n) for n in range(4)]
    private = (await counted.get("/v1/segments/value-quadrant/members", value="private")).json()["items"]
    assert {m["value"] for m in private} == {"private"}
    of_branch = (await counted.get("/v1/segments/payroll/members", branch="B0")).json()["items"]
    assert [m["customer_id"] for m in of_branch] == [customer(0), customer(2)]


async def test_sizes_and_their_history_are_counted_within_the_scope(counted: Insight) -> None:
    older = await counted.snapshot(date(2026, 2, 1))
    assert older["loaded"] is False, "an older snapshot answers nobody"
    size = (await counted.get("/v1/segments/value-quadrant/size", by="branch")).json()
    assert (size["customers"], set(size["branches"])) == (PEOPLE, {"", "B0", "B1"})
    small = (await counted.get("/v1/segments/value-quadrant/size", by="branch", **MANAGER)).json()
    assert (set(small["branches"]), small["values"]) == ({"B1"}, size["branches"]["B1"])
    history = (await counted.get("/v1/segments/lifecycle/history", limit=1)).json()
    rest = (await counted.get("/v1/segments/lifecycle/history", limit=1, cursor=history["next_cursor"])).json()
    assert [day["as_of"] for page in (history, rest) for day in page["items"]] == ["2026-03-31", "2026-02-01"]
    assert history["items"][0]["customers"] == PEOPLE
    for path in ("/v1/segments/lifecycle/history", "/v1/feature-snapshots"):
        oldest = (await counted.get(path, sort="oldest", limit=1)).json()
        last = (await counted.get(path, sort="oldest", limit=1, cursor=oldest["next_cursor"])).json()
        assert [day["as_of"] for page in (oldest, last) for day in page["items"]] == ["2026-02-01", "2026-03-31"]
    found = (await counted.get("/v1/feature-snapshots", **{"from": "2026-02-02", "to": "2026-03-31"})).json()["items"]
    assert [day["as_of"] for day in found] == ["2026-03-31"]
    codes = (await counted.get("/v1/segments")).json()
    assert [s["code"] for s in codes["items"]] == ["value-quadrant", "lifecycle", "payroll", "silver-hair", "digital"]


async def test_one_customers_features_are_the_newest_snapshots_and_say_when_they_are_stale(
    counted: Insight, publish: Publish
) -> None:
    path = f"/v1/features/{customer(3)}"
    row = (await counted.get(path, "model_admin")).json()
    assert (row["as_of"], row["stale"], row["branch_id"]) == (LAST.isoformat(), False, "B1")
    assert set(row["features"]) == set(CATALOGUE)
    assert (row["features"]["aum_minor"], row["features"]["holds_wealth"]) == (6_000_000 + 20 * 301, False)
    assert (row["features"]["salary_months_6m"], row["features"]["digital_share_90d"]) == (6, 1.0)
    assert (await counted.get(path, **MANAGER)).json() == row
    for hidden in (customer(2), customer(PEOPLE - 1), customer(PEOPLE)):
        refused = await counted.get(f"/v1/features/{hidden}", **MANAGER)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await counted.get("/v1/features/nobody", **MANAGER)).status_code == 422

    # The ledger goes on by two days: the snapshot is stale from then on.
    later = counted.ledger.model_copy(update={"as_of": date(2026, 4, 2)})
    await publish(TransactionsPublished(pointer=later))

    async def stale() -> bool:
        return bool((await counted.get("/v1/segments")).json()["stale"])

    await eventually(stale, what="the news of two days")
    assert (await counted.get("/v1/segments/lifecycle/size")).json()["stale"] is True
    assert (await counted.get(path, **MANAGER)).json() == row | {"stale": True}


async def test_parameters_are_versions_with_a_maker_and_snapshots_say_which_they_used(insight: Insight) -> None:
    first = (await insight.get("/v1/parameters/value-quadrant")).json()
    assert (first["version"], first["made_by"], first["parameters"]["private_at_minor"]) == (1, "attune", 50_000_000)
    same = await insight.put(first["parameters"])
    assert same.json() == first
    changed = first["parameters"] | {"private_at_minor": 10_000_000}
    second = await insight.put(changed | {"based_on": 1}, key="change-the-quadrant")
    assert (second.status_code, second.json()["version"], second.json()["made_by"]) == (200, 2, "head_office-1")
    repeated = await insight.put(changed | {"based_on": 1}, key="change-the-quadrant")
    assert (repeated.content, repeated.headers["Idempotent-Replayed"]) == (second.content, "true")
    late = await insight.put(first["parameters"] | {"based_on": 1})
    assert (late.status_code, late.json()["code"], late.json()["version"]) == (409, "version_mismatch", 2)
    for bad in ({"inflow_weight": 0.9}, {"current_quantile": 1.5}, {"active_days": 0}, {"colour": "red"}):
        assert (await insight.put(changed | bad)).status_code == 422, bad
    versions = (await insight.get("/v1/parameters/value-quadrant/versions", limit=1)).json()
    assert ([v["version"] for v in versions["items"]], versions["next_cursor"] is None) == ([2], False)
    for asked, numbers in (({"sort": "oldest"}, [1, 2]), ({"made_by": "attune"}, [1])):
        found = (await insight.get("/v1/parameters/value-quadrant/versions", **asked)).json()["items"]
        assert [v["version"] for v in found] == numbers
    assert (await insight.get("/v1/parameters/value-quadrant", version=1)).json() == first
    assert (await insight.get("/v1/parameters/value-quadrant", version=9)).status_code == 404
    pool = insight.service.everything.pool
    audit = await pool.fetch("SELECT who, version FROM audit WHERE what = 'parameters.changed'")
    assert [tuple(row) for row in audit] == [("head_office-1", "2")]

    result = await insight.snapshot(LAST)
    assert result["quadrant_version"] == 2
    listing = (await insight.get("/v1/feature-snapshots")).json()["items"]
    assert [snapshot["quadrant_version"] for snapshot in listing] == [2]
    private = (await insight.get("/v1/segments/value-quadrant/members", value="private", limit=100)).json()["items"]
    assert [m["customer_id"] for m in private] == [customer(n) for n in range(5, PEOPLE)]


async def test_the_catalogue_says_what_no_model_may_use(insight: Insight) -> None:
    found = (await insight.get("/v1/features")).json()
    assert [item["name"] for item in found["items"]] == list(CATALOGUE)
    assert {item["name"]: item["usable"] for item in found["never"]}["gender"] is False
    assert all(item["never"] for item in found["never"])
    assert found["items"][0]["label"] == {"zh": "年龄", "en": "Age"}
