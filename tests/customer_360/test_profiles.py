"""Changing a profile: the refusals, the event with the whole state, the audit row."""

import asyncio
from typing import Any
from uuid import UUID

import orjson
import pytest

from attune_contracts.customer_360 import ProfileChanged


async def patch(bank: Any, source_id: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return await bank.service.client.patch(f"/v1/customers/{bank.customer(source_id)}", json=body, headers=headers)


async def events(bank: Any) -> list[ProfileChanged]:
    sql = "SELECT payload FROM outbox WHERE type = 'customer_360.profile.changed.v1' ORDER BY seq"
    return [ProfileChanged.model_validate(orjson.loads(row[0])["data"]) for row in await bank.rows(sql)]


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_who_may_not_change_what(imported: Any) -> None:
    off = {"personalisation": False}
    assert (await patch(imported, "P1", off, imported.writer("head_office"))).status_code == 403
    assert (await patch(imported, "P3", off, imported.writer("teller", "B1"))).status_code == 404
    moved = await patch(imported, "P1", {"manager_id": "M2"}, imported.writer("teller", "B1"))
    assert (moved.status_code, moved.json()["needs"]) == (403, "books:write")
    own = imported.customer("P1")
    assert (
        await patch(imported, "P1", {"manager_id": None}, imported.writer("mobile", customer=own))
    ).status_code == 403
    assert (await patch(imported, "P3", off, imported.writer("mobile", customer=own))).status_code == 404
    assert await events(imported) == []


@pytest.mark.parametrize(
    "body", [{}, {"personalisation": None}, {"name": "x"}, {"manager_id": ""}, {"manager_id": "M" * 65}, {"version": 1}]
)
async def test_a_body_against_the_contract_is_refused(imported: Any, body: dict[str, Any]) -> None:
    assert (await patch(imported, "P1", body, imported.writer("branch_manager", "B1"))).status_code == 422


async def test_a_manager_is_an_employee_whom_the_caller_may_see(imported: Any) -> None:
    for manager in ("M9", "M2"):
        response = await patch(imported, "P1", {"manager_id": manager}, imported.writer("branch_manager", "B1"))
        assert (response.status_code, response.json()["code"]) == (422, "unknown_employee")


async def test_a_write_needs_a_key(imported: Any) -> None:
    headers = imported.writer("teller", "B1")
    del headers["Idempotency-Key"]
    assert (await patch(imported, "P1", {"personalisation": False}, headers)).status_code == 400


async def test_a_stale_version_is_refused(imported: Any) -> None:
    headers = imported.writer("teller", "B1")
    response = await patch(imported, "P1", {"personalisation": False}, headers | {"If-Match": '"7"'})
    assert (response.status_code, response.json()["code"], response.json()["version"]) == (412, "version_mismatch", 1)
    assert (await patch(imported, "P1", {"personalisation": False}, headers | {"If-Match": "7"})).status_code == 422


# --- done ------------------------------------------------------------------------------------------------------------


async def test_a_change_says_the_whole_state_with_its_version(imported: Any) -> None:
    headers = imported.writer("branch_manager", "HO")
    body = {"manager_id": "M2", "personalisation": False}
    response = await patch(imported, "P1", body, headers | {"If-Match": '"1"'})
    assert response.status_code == 200, response.text
    assert response.json() == {
        "customer_id": str(imported.customer("P1")), "version": 2, "manager_id": "M2", "personalisation": False,
    }  # fmt: skip
    (event,) = await events(imported)
    assert (event.customer_id, event.version, event.manager_id, event.personalisation) == (
        imported.customer("P1"), 2, "M2", False,
    )  # fmt: skip
    assert (event.branch_id, event.risk_rating, event.products) == ("B1", "C3", ("FUND", "TD12"))
    assert {(a.kind.value, a.opening_balance_minor) for a in event.accounts} == {("demand", 10000), ("wealth", 500)}
    assert "张三" not in event.model_dump_json()
    ((who, what, version),) = await imported.rows("SELECT who, what, version FROM audit WHERE entity = 'party'")
    assert (who, what, version) == ("branch_manager-1", "profile.changed", "2")
    assert (await imported.get(f"/v1/customers/{imported.customer('P1')}")).headers["etag"] == '"2"'


async def test_repeating_a_change_changes_nothing_more(imported: Any) -> None:
    headers = imported.writer("teller", "B1")
    first = await patch(imported, "P1", {"personalisation": False}, headers)
    again = await patch(imported, "P1", {"personalisation": False}, headers)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    same = await patch(imported, "P1", {"personalisation": False}, imported.writer("teller", "B1"))
    assert same.json()["version"] == 2
    assert len(await events(imported)) == 1


async def test_concurrent_changes_each_get_their_version(imported: Any) -> None:
    async def flip(value: bool) -> Any:
        return await patch(imported, "P1", {"personalisation": value}, imported.writer("teller", "B1"))

    for response in await asyncio.gather(*(flip(i % 2 == 0) for i in range(6))):
        assert response.status_code == 200
    versions = [event.version for event in await events(imported)]
    assert versions == list(range(2, 2 + len(versions)))
    ((stands,),) = await imported.rows(
        "SELECT version FROM party WHERE customer_id = $1", UUID(str(imported.customer("P1")))
    )
    assert stands == 1 + len(versions)
