"""Every customer has a manager: who has none, and giving many at once, all or none."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from attune_contracts.customer_360 import ProfileChanged


async def assign(bank: Any, *pairs: tuple[str, str], branch: str = "HO", as_: Any = None) -> Any:
    body = {"assignments": [{"customer_id": str(bank.customer(c)), "manager_id": m} for c, m in pairs]}
    headers = as_ or bank.writer("branch_manager", "HO")
    return await bank.service.client.post(f"/v1/branches/{branch}/assignments", json=body, headers=headers)


async def managers(bank: Any) -> dict[str, str | None]:
    return {r[0]: r[1] for r in await bank.rows("SELECT source_id, manager_id FROM party")}


async def unassigned(bank: Any, branch: str = "HO", role: str = "branch_manager", of: str | None = "HO") -> list[str]:
    answer = await bank.get(f"/v1/branches/{branch}/unassigned-customers", role, of)
    assert answer.status_code == 200, answer.text
    return [line["source_id"] for line in answer.json()["items"]]


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_who_may_not(imported: Any) -> None:
    refused = await assign(imported, ("P1", "M2"), as_=imported.writer("relationship_manager", "B1"))
    assert (refused.status_code, refused.json()["needs"]) == (403, "books:write")
    foreign = await assign(imported, ("P3", "M2"), branch="B2", as_=imported.writer("branch_manager", "B1"))
    assert (foreign.status_code, foreign.json()["code"]) == (404, "unknown_branch")
    answer = await imported.get("/v1/branches/B2/unassigned-customers", "branch_manager", "B1")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_branch")
    assert (await imported.get("/v1/branches/NOWHERE/unassigned-customers")).status_code == 404


@pytest.mark.parametrize(
    ("pairs", "branch", "code", "at"),
    [
        ([("P1", "M1"), ("P1", "M2")], "HO", "assigned_twice", None),
        ([("P1", "M1"), ("P3", "M9")], "HO", "unknown_employees", [1]),
        ([("P1", "M1"), ("P99", "M1")], "HO", "unknown_customers", [1]),
        ([("P3", "M1"), ("P1", "M1")], "B1", "unknown_customers", [0]),  # of another branch
    ],
)
async def test_all_or_none(imported: Any, pairs: list[tuple[str, str]], branch: str, code: str, at: Any) -> None:
    before = await managers(imported)
    answer = await assign(imported, *pairs, branch=branch)
    assert (answer.status_code, answer.json()["code"], answer.json().get("at")) == (422, code, at)
    assert await managers(imported) == before
    assert await imported.rows("SELECT * FROM outbox WHERE type = $1", ProfileChanged.TYPE) == []


# --- done ------------------------------------------------------------------------------------------------------------


async def test_who_has_nobody_is_listed_counted_and_given_a_manager(imported: Any) -> None:
    await imported.rows("UPDATE party SET manager_id = NULL WHERE source_id = 'P1'")
    await imported.rows("UPDATE party SET manager_id = 'M7' WHERE source_id = 'P3'")  # has left the bank
    assert sorted(await unassigned(imported)) == ["P1", "P3"]
    assert await unassigned(imported, "B2") == ["P3"]
    # A manager who works elsewhere is a manager, though a branch's token does not see the staff of other branches.
    await imported.rows("UPDATE party SET manager_id = 'M2' WHERE source_id = 'P4'")
    assert await unassigned(imported, "B1", "branch_manager", "B1") == ["P1"]
    report = (await imported.get("/v1/unassigned-customers", "branch_manager", "HO")).json()["items"]
    counts = {r["branch_id"]: (r["customers"], r["without_manager"], r["manager_left"]) for r in report}
    assert counts == {"B1": (1, 1, 0), "B11": (1, 0, 0), "B2": (1, 0, 1), "HO": (0, 0, 0)}
    page = (await imported.get("/v1/unassigned-customers?limit=3", "branch_manager", "HO")).json()
    rest = (await imported.get(f"/v1/unassigned-customers?cursor={page['next_cursor']}", "branch_manager", "HO")).json()
    assert [r["branch_id"] for r in (*page["items"], *rest["items"])] == ["B1", "B11", "B2", "HO"]
    below = (await imported.get("/v1/unassigned-customers?branch=B1", "branch_manager", "HO")).json()["items"]
    assert [r["branch_id"] for r in below] == ["B1", "B11"]
    outside = (await imported.get("/v1/unassigned-customers?branch=B2", "branch_manager", "B1")).json()["items"]
    assert outside == [], "a filter shows no more than the scope"
    done = await assign(imported, ("P1", "M1"), ("P3", "M2"), ("P4", "M2"))
    assert (done.status_code, done.json()) == (200, {"branch_id": "HO", "assigned": 2, "unchanged": 1})
    assert await unassigned(imported) == []
    rows = await imported.rows("SELECT payload FROM outbox WHERE type = $1", ProfileChanged.TYPE)
    told = [ProfileChanged.model_validate(orjson.loads(r[0])["data"]) for r in rows]
    assert {(e.customer_id, e.manager_id, e.version) for e in told} == {
        (imported.customer("P1"), "M1", 2), (imported.customer("P3"), "M2", 2),
    }  # fmt: skip
    assert next(e for e in told if e.manager_id == "M1").products == ("FUND", "TD12")
    audited = await imported.rows("SELECT what, entity FROM audit WHERE what LIKE '%assigned' OR what LIKE 'profile%'")
    assert sorted(tuple(r) for r in audited) == [
        ("customers.assigned", "branch"), ("profile.changed", "party"), ("profile.changed", "party"),
    ]  # fmt: skip
    entries = await imported.rows("SELECT kind, what FROM timeline_entry")
    assert [tuple(r) for r in entries] == [("profile", "changed")] * 2


async def test_the_list_of_who_has_nobody_goes_on_where_it_was(imported: Any) -> None:
    await imported.rows("UPDATE party SET manager_id = NULL")
    path = "/v1/branches/HO/unassigned-customers"
    first = (await imported.get(f"{path}?limit=2", "branch_manager", "HO")).json()
    second = (await imported.get(f"{path}?limit=2&cursor={first['next_cursor']}", "branch_manager", "HO")).json()
    assert {c["source_id"] for c in (*first["items"], *second["items"])} == {"P1", "P3", "P4"}
    other = await imported.get(f"{path}?cursor={first['next_cursor']}", "branch_manager", "HO", subject=uuid4().hex)
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")
