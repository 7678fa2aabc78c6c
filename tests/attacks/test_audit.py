"""Whoever writes leaves a row in the acting service's own transaction; nobody changes it, auditors read it (X24)."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from attune_service_kit.embedded import EmbeddedPostgres

from .conftest import DOCUMENT, SERVICES, WRITES, Bank, key

TAG = {"version": 0, "name": {"zh": "标签", "en": "Tag"}, "values": ["a"], "owner": "Marketing", "purpose": "tests"}
TAG |= {"personal": False, "customer_visible": False, "keep_days": 30}


def test_every_write_goes_through_the_kit_which_leaves_a_row() -> None:
    keyed = {
        (method.upper(), path)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", []))
    }
    # They ask by a body, since what they ask with has no place in an address; they write nothing.
    asking = {
        ("POST", "/v1/customers:search"),
        ("POST", "/v1/scores"),
        ("POST", "/v1/scores:matrix"),
        ("POST", "/v1/trainings:validate"),
        ("POST", "/v1/triggers:validate"),
    }
    assert [str(o) for o in WRITES if (o.method, o.path) not in keyed | asking] == []


async def define(bank: Bank, tag: str, subject: str = "m-1", **changes: object) -> None:
    headers = bank.token("marketer", subject=subject) | key()
    service = bank.services["customer_360"]
    answer = await service.client.put(f"/v1/tag-definitions/{tag}", json=TAG | changes, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_an_auditor_finds_what_was_done_by_actor_and_by_entity(bank: Bank) -> None:
    before = datetime.now(UTC)
    for number in range(5):
        await define(bank, f"tag_{number}", subject=f"m-{number % 2}")
    client, auditor = bank.services["customer_360"].client, bank.as_role("auditor")

    async def found(**query: object) -> list[str]:
        ids, cursor = [], None
        while True:
            page = (await client.get("/v1/audit/customer_360", params=query | ({"cursor": cursor} if cursor else {}),
                                     headers=auditor)).json()  # fmt: skip
            ids += [entry["entity_id"] for entry in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                return ids

    assert await found(limit=2) == ["tag_4", "tag_3", "tag_2", "tag_1", "tag_0"]
    assert await found(limit=2, sort="oldest") == ["tag_0", "tag_1", "tag_2", "tag_3", "tag_4"]
    assert await found(who="m-1", limit=1) == ["tag_3", "tag_1"]
    entry = (await client.get("/v1/audit/customer_360", params={"limit": 1}, headers=auditor)).json()["items"][0]
    assert await found(entity=entry["entity"], entity_id="tag_2") == ["tag_2"]
    assert await found(request_id=entry["request_id"]) == ["tag_4"]
    assert await found(to=before.isoformat()) == []
    assert len(await found(**{"from": (before - timedelta(minutes=1)).isoformat()})) == 5
    assert (entry["who"], entry["version"]) == ("m-0", "1")


async def test_every_service_has_its_trail_under_one_path_for_auditors_only(bank: Bank) -> None:
    for name in SERVICES:
        client = bank.services[name].client
        answers = {
            role: (await client.get(f"/v1/audit/{name}", headers=bank.as_role(role))).status_code
            for role in ("auditor", "teller", "branch_manager", "head_office", "operator", "mobile", "model_admin")
        }
        assert answers.pop("auditor") == 200
        assert set(answers.values()) == {403}
        of_one_branch = await client.get(f"/v1/audit/{name}", headers=bank.token("auditor", "B1"))
        assert (of_one_branch.status_code, of_one_branch.json()["code"]) == (403, "audit_is_of_the_whole_bank")


async def test_nobody_changes_what_was_done(bank: Bank, postgres_server: EmbeddedPostgres) -> None:
    await define(bank, "kept")
    service = bank.services["customer_360"]
    urls = [service.settings.database_url, service.settings.worker_database_url, service.settings.owner_database_url]
    for url in urls:
        connection = await asyncpg.connect(url)
        try:
            for statement in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        finally:
            await connection.close()
    assert await service.everything.pool.fetchval("SELECT who FROM audit") == "m-1"


async def test_a_write_that_is_refused_leaves_none_and_a_silent_one_is_on_record(bank: Bank) -> None:
    insight = bank.services["insight"]
    headers = bank.as_role("operator")
    answer = await insight.client.post("/v1/feature-snapshots", json={}, headers=headers | key())
    assert answer.status_code == 202
    refused = await insight.client.post("/v1/feature-snapshots", json={"as_of": 1}, headers=headers | key())
    assert refused.status_code == 422
    rows = await insight.everything.pool.fetch("SELECT who, what, entity, entity_id, request_id FROM audit")
    expected = ("operator-1", "features-snapshot", "operation", "/v1/feature-snapshots")
    assert [tuple(row)[:4] for row in rows] == [expected]
    assert rows[0]["request_id"] == answer.headers["X-Request-Id"]
