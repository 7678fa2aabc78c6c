"""Tags: who may not, what is refused, what is shown to whom, and that a deleted one stays deleted."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from attune_contracts.datasets import FEATURES, SEGMENTS, Dataset
from attune_contracts.pointer import Pointer
from attune_service_kit.lake_schema import arrow_schema
from customer_360 import retention

TAG = {
    "version": 0,
    "name": {"zh": "有车", "en": "Car owner"},
    "values": ["yes", "no"],
    "owner": "retail marketing",
    "purpose": "propose car insurance",
    "personal": True,
    "customer_visible": True,
    "keep_days": 365,
}


async def define(bank: Any, tag: str = "car_owner", role: str = "marketer", **changes: Any) -> Any:
    return await bank.service.client.put(f"/v1/tag-definitions/{tag}", json=TAG | changes, headers=bank.writer(role))


async def assign(bank: Any, value: str = "yes", source_id: str = "P1", as_: Any = None, **body: Any) -> Any:
    path = f"/v1/customers/{bank.customer(source_id)}/tags/{body.pop('tag', 'car_owner')}"
    headers = as_ or bank.writer("relationship_manager", "B1")
    return await bank.service.client.put(path, json={"value": value} | body, headers=headers)


async def delete(bank: Any, as_: dict[str, str], tag: str = "car_owner", source_id: str = "P1") -> Any:
    return await bank.service.client.delete(f"/v1/customers/{bank.customer(source_id)}/tags/{tag}", headers=as_)


async def tags(bank: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
    """Tag → value, as this caller sees P1."""
    answer = await bank.get(f"/v1/customers/{bank.customer('P1')}/tags", *args, **kwargs)
    assert answer.status_code == 200, answer.text
    return {item["tag"]: item["value"] for item in answer.json()["items"]}


def own(bank: Any) -> dict[str, Any]:
    return {"role": "mobile", "customer": bank.customer("P1")}


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_who_may_not(imported: Any) -> None:
    refused = await define(imported, role="operator")
    assert (refused.status_code, refused.json()["needs"]) == (403, "tags:define")
    await define(imported)
    mobile = imported.writer("mobile", customer=imported.customer("P1"))
    refused = await assign(imported, as_=mobile)
    assert (refused.status_code, refused.json()["needs"]) == (403, "tags:write")
    assert (await assign(imported, as_=imported.writer("teller", "B2"))).status_code == 404
    assert (await imported.get(f"/v1/customers/{imported.customer('P1')}/tags", "teller", "B2")).status_code == 404
    assert (await delete(imported, imported.writer("teller", "B2"))).status_code == 404
    assert await tags(imported) == {}


async def test_what_is_refused(imported: Any) -> None:
    unknown = await assign(imported)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_tag")
    await define(imported)
    value = await assign(imported, "maybe")
    assert (value.status_code, value.json()["code"], value.json()["allowed"]) == (
        422, "tag_value_not_allowed", ["yes", "no"],
    )  # fmt: skip
    for day in (date(2020, 1, 1), date(2099, 1, 1)):
        late = await assign(imported, expires_on=day.isoformat())
        assert (late.status_code, late.json()["code"]) == (422, "tag_expiry_refused")
    gone = await delete(imported, imported.writer("teller", "B1"))
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_tag")
    stale = await define(imported)
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (409, "stale_version", 1)


# --- done ------------------------------------------------------------------------------------------------------------


async def test_a_tag_has_an_owner_a_source_a_purpose_and_an_end(imported: Any) -> None:
    await define(imported)
    given = await assign(imported)
    assert given.status_code == 200, given.text
    (listed,) = (await imported.get(f"/v1/customers/{imported.customer('P1')}/tags", "teller", "B1")).json()["items"]
    assert listed == given.json()
    assert {k: listed[k] for k in ("value", "source", "owner", "purpose", "assigned_by")} == {
        "value": "yes", "source": "staff", "owner": "retail marketing", "purpose": "propose car insurance",
        "assigned_by": "relationship_manager-1",
    }  # fmt: skip
    today = imported.service.runtime.clock.business_date()
    assert listed["expires_on"] == (today + timedelta(days=365)).isoformat()
    assert (await assign(imported, "no")).json()["value"] == "no"
    assert await tags(imported) == {"car_owner": "no"}
    audited = await imported.rows("SELECT what FROM audit WHERE what LIKE 'tag%' ORDER BY id")
    assert [r[0] for r in audited] == ["tag.defined", "tag.assigned", "tag.assigned"]


async def test_customers_see_and_delete_what_is_meant_for_them_and_it_stays_deleted(imported: Any) -> None:
    await define(imported)
    await define(imported, "churn_risk", customer_visible=False)
    await assign(imported)
    await assign(imported, tag="churn_risk")
    mine = own(imported)
    assert await tags(imported, mine["role"], customer=mine["customer"]) == {"car_owner": "yes"}
    mobile = imported.writer("mobile", customer=imported.customer("P1"))
    hidden = await delete(imported, mobile, "churn_risk")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_tag")
    gone = await delete(imported, imported.writer("mobile", customer=imported.customer("P1")))
    assert (gone.status_code, gone.json()["sources"]) == (200, ["staff"])
    assert await tags(imported) == {"churn_risk": "yes"}
    refused = await assign(imported)
    assert (refused.status_code, refused.json()["code"]) == (409, "tag_deleted")


async def test_what_has_expired_is_not_shown_and_then_purged(imported: Any) -> None:
    await define(imported)
    await assign(imported)
    await imported.rows("UPDATE tag SET expires_on = expires_on - 366")
    assert await tags(imported) == {}
    assert (await imported.get(f"/v1/customers/{imported.customer('P1')}")).json()["tags"] == []
    assert (await retention.purge(imported.service.runtime))["tags"] == 1
    assert await imported.rows("SELECT * FROM tag") == []


async def test_nobody_reads_a_profile_of_who_wants_no_personalisation(imported: Any) -> None:
    await define(imported)
    await define(imported, "vip_lounge", personal=False)
    await assign(imported)
    await assign(imported, tag="vip_lounge")
    path = f"/v1/customers/{imported.customer('P1')}"
    view = (await imported.get(path, "teller", "B1")).json()
    assert [t["tag"] for t in view["tags"]] == ["car_owner", "vip_lounge"]
    mobile = imported.writer("mobile", customer=imported.customer("P1"))
    await imported.service.client.patch(path, json={"personalisation": False}, headers=mobile)
    assert await tags(imported, "teller", "B1") == {"vip_lounge": "yes"}
    assert [t["tag"] for t in (await imported.get(path, "teller", "B1")).json()["tags"]] == ["vip_lounge"]
    # The customer still sees what is known, and may delete it.
    assert set(await tags(imported, "mobile", customer=imported.customer("P1"))) == {"car_owner", "vip_lounge"}


async def test_lists_go_on_where_they_were_for_their_caller_only(imported: Any) -> None:
    for tag in ("a_tag", "b_tag", "c_tag"):
        await define(imported, tag, values=[])
        await assign(imported, tag=tag)
    for path in (f"/v1/customers/{imported.customer('P1')}/tags", "/v1/tag-definitions?personal=true"):
        mark = "&" if "?" in path else "?"
        first = (await imported.get(f"{path}{mark}limit=2", "teller", "B1")).json()
        second = (await imported.get(f"{path}{mark}cursor={first['next_cursor']}", "teller", "B1")).json()
        names = [item["tag"] for item in (*first["items"], *second["items"])]
        assert names == sorted(names)
        assert set(names) >= {"a_tag", "b_tag", "c_tag"}
        other = await imported.get(f"{path}{mark}cursor={first['next_cursor']}", "teller", "B1", subject="another")
        assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")
    seen = (await imported.get("/v1/tag-definitions", "mobile", customer=imported.customer("P1"))).json()["items"]
    assert {d["tag"] for d in seen} == {"a_tag", "b_tag", "c_tag"}  # insight's segments are internal


# --- segments --------------------------------------------------------------------------------------------------------


def publish(bank: Any, dataset: Dataset, as_of: date, rows: list[dict[str, Any]]) -> Pointer:
    """Publish a snapshot; of what a row does not say it has nothing."""
    numbers = {c.name: 0 for c in dataset.columns if c.type in ("BIGINT", "INTEGER", "DOUBLE") and not c.nullable}
    flags = {c.name: False for c in dataset.columns if c.type == "BOOLEAN" and not c.nullable}
    texts = {c.name: "x" for c in dataset.columns if c.type == "VARCHAR" and not c.nullable}
    bare = {c.name: None for c in dataset.columns} | numbers | flags | texts | {"as_of": as_of}
    table = pa.Table.from_pylist([bare | row for row in rows], schema=arrow_schema(dataset))
    return bank.service.runtime.lake.write(dataset, f"as_of={as_of}", table, as_of=as_of)  # type: ignore[no-any-return]


def segments(bank: Any, as_of: date, members: dict[UUID, dict[str, str]]) -> Pointer:
    """Publish who belongs where: customer → segment → value."""
    rows = [
        {"customer_id": str(customer), "segment": segment, "value": value}
        for customer, held in members.items()
        for segment, value in held.items()
    ]
    return publish(bank, SEGMENTS, as_of, rows)


async def load(bank: Any, job: str, pointer: Pointer) -> dict[str, Any]:
    runtime = bank.service.runtime
    async with runtime.worker_database.transaction() as tx:
        started = await runtime.jobs.start(tx, job, {"pointer": pointer.model_dump(mode="json")})
    done = await bank.go_on(str(started))
    assert done["state"] == "done", done
    return dict(done["result"])


async def of_insight(bank: Any) -> set[tuple[UUID, str, str]]:
    rows = await bank.rows("SELECT customer_id, tag, value FROM tag WHERE source = 'insight'")
    return {(r[0], r[1], r[2]) for r in rows}


@pytest.fixture
def today(imported: Any) -> date:
    return imported.service.runtime.clock.business_date()  # type: ignore[no-any-return]


async def test_segments_become_tags_and_a_deleted_one_is_never_given_again(
    imported: Any, today: date, lake_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customer_360.segments.CHUNK", 2)
    one, two, three, stranger = (imported.customer(s) for s in ("P1", "P3", "P4", "P99"))
    members = {
        one: {"value_quadrant": "A", "payroll": "member"},
        two: {"value_quadrant": "B", "lifecycle": "mature"},
        three: {"value_quadrant": "private"},
        stranger: {"value_quadrant": "D"},
    }
    first = segments(imported, today - timedelta(days=1), members)
    assert await load(imported, "load-segments", first) == {"customers": 4, "written": 5, "left": 0}
    assert await of_insight(imported) == {
        (one, "value_quadrant", "A"), (one, "payroll", "member"), (two, "value_quadrant", "B"),
        (two, "lifecycle", "mature"), (three, "value_quadrant", "private"),
    }  # fmt: skip
    assert await tags(imported, "teller", "B1") == {"value_quadrant": "A", "payroll": "member"}
    # The bank shows the quadrant to customers; one of them deletes it.
    shown = {"version": 1, "personal": True, "values": ["A", "B", "C", "D", "private"], "keep_days": 60}
    assert (await define(imported, "value_quadrant", **shown)).status_code == 200
    mobile = imported.writer("mobile", customer=one)
    assert (await delete(imported, mobile, "value_quadrant")).json()["sources"] == ["insight"]
    # The next night: only what has changed is written, the deleted tag does not come back, and who left has left.
    later = members | {one: {"value_quadrant": "C"}, two: {"value_quadrant": "C", "lifecycle": "mature"}}
    del later[three]
    second = segments(imported, today, later)
    assert await load(imported, "load-segments", second) == {"customers": 3, "written": 1, "left": 2}
    assert await of_insight(imported) == {(two, "value_quadrant", "C"), (two, "lifecycle", "mature")}
    assert (await load(imported, "load-segments", first))["skipped"] == "older"
    assert (await load(imported, "load-segments", second))["written"] == 0


async def test_assets_become_bands_beside_the_segments(imported: Any, today: date, lake_dir: Path) -> None:
    one, two, three = (imported.customer(s) for s in ("P1", "P3", "P4"))
    await load(imported, "load-segments", segments(imported, today, {one: {"value_quadrant": "A"}}))
    assets = {one: 0, two: 30_000_000, three: 10**12}
    rows = [{"customer_id": str(customer), "aum_90d_minor": minor} for customer, minor in assets.items()]
    found = await load(imported, "load-bands", publish(imported, FEATURES, today, rows))
    assert found == {"customers": 3, "written": 3, "left": 0}
    assert await of_insight(imported) == {
        (one, "value_quadrant", "A"), (one, "aum_band", "band_1"), (two, "aum_band", "band_3"),
        (three, "aum_band", "band_5"),
    }  # fmt: skip
