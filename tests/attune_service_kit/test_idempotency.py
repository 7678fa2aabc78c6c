"""Repeating a write is safe: one row, one answer, whatever the timing (P-10)."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from attune_service_kit import idempotency
from attune_service_kit.app import create_app
from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.database import Database
from attune_service_kit.runtime import Service

KEY = "write-note-00000001"


def write(client: httpx.AsyncClient, key: str | None = KEY, text: str = "hello", **more: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/v1/notes", json={"id": 1, "text": text}, headers=headers | more.pop("headers", {}), **more)


async def count(database: Database, table: str) -> int:
    return int(await database.pool.fetchval(f"SELECT count(*) FROM {table}"))


@pytest.mark.parametrize("key", [None, "", "short", "x" * 65, "with a space inside it", "umlaut-ä-0000000000"])
async def test_a_write_without_a_usable_key_is_refused(client: httpx.AsyncClient, key: str | None) -> None:
    response = await write(client, headers={} if key is None else {"Idempotency-Key": key.encode()}, key=None)
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")


async def test_a_repetition_gets_the_first_answer(client: httpx.AsyncClient, sample_database: Database) -> None:
    first, second = await write(client), await write(client)
    assert (
        (first.status_code, first.content) == (second.status_code, second.content) == (201, b'{"id":1,"text":"hello"}')
    )
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    audit = await sample_database.pool.fetchrow("SELECT who, what, entity_id, request_id, detail FROM audit")
    assert tuple(audit) == ("operator-1", "note.written", "1", first.headers["X-Request-Id"], '{"length": 5}')
    assert [await count(sample_database, table) for table in ("note", "audit")] == [1, 1]


async def test_neither_the_answer_nor_the_request_can_be_read_in_the_table(
    client: httpx.AsyncClient, sample_database: Database
) -> None:
    assert (await write(client, text="Ada Lovelace")).status_code == 201
    stored = await sample_database.pool.fetchrow("SELECT body_hash, response FROM idempotency_key")
    assert b"Lovelace" not in stored["response"]
    content = orjson.dumps([{"id": 1, "text": "Ada Lovelace"}, ""], option=orjson.OPT_SORT_KEYS)
    assert stored["body_hash"] != hashlib.sha256(content).digest()  # nobody can try out what the request said
    await sample_database.pool.execute("UPDATE idempotency_key SET key = key || 'x'")
    moved = await client.post(
        "/v1/notes", json={"id": 1, "text": "Ada Lovelace"}, headers={"Idempotency-Key": KEY + "x"}
    )
    assert moved.status_code == 500  # an answer of another row is not told


async def test_white_space_and_key_order_do_not_make_another_request(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    assert (await write(client)).status_code == 201
    again = await client.post("/v1/notes", content=b'{ "text":"hello",\n "id": 1 }', headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")


async def test_the_same_key_for_another_payload_is_refused(client: httpx.AsyncClient) -> None:
    assert (await write(client)).status_code == 201
    changed = await write(client, text="changed")
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")


async def test_keys_of_two_clients_are_independent(
    client: httpx.AsyncClient, issuer: DevelopmentIssuer, sample_database: Database
) -> None:
    assert (await write(client)).status_code == 201
    other = {"Authorization": f"Bearer {issuer.issue('operator', subject='another')[0]}"}
    response = await client.post("/v1/notes", json={"id": 2, "text": "mine"}, headers={"Idempotency-Key": KEY} | other)
    assert response.json() == {"id": 2, "text": "mine"}
    assert await count(sample_database, "note") == 2


async def test_nobody_is_told_what_another_of_the_same_application_was_answered(
    sample_database: Database, sample_settings: Any, sample_service: Service, issuer: DevelopmentIssuer
) -> None:
    app = create_app(replace(sample_service), sample_settings(token_claims={"client": "iss"}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample") as client,
    ):
        for subject, replayed in (("a", False), ("b", False), ("a", True)):
            headers = {"Authorization": f"Bearer {issuer.issue('operator', subject=subject)[0]}"}
            note = {"id": ord(subject), "text": "x"}
            answer = await client.post("/v1/notes", json=note, headers=headers | {"Idempotency-Key": KEY})
            assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, replayed), subject
    assert await count(sample_database, "idempotency_key") == 2


@pytest.mark.parametrize(("text", "status"), [("refuse", 409), ("crash", 500)])
async def test_a_failed_write_is_not_stored(
    client: httpx.AsyncClient, sample_database: Database, text: str, status: int
) -> None:
    for _ in range(2):
        assert (await write(client, text=text)).status_code == status
    assert [await count(sample_database, table) for table in ("note", "audit", "idempotency_key")] == [0, 0, 0]
    assert (await write(client)).status_code == 201


async def test_fifty_at_once_write_once(client: httpx.AsyncClient, sample_database: Database) -> None:
    responses = await asyncio.gather(*(write(client) for _ in range(50)))
    done = {response.content for response in responses if response.status_code == 201}
    busy = [response for response in responses if response.status_code != 201]
    assert done == {b'{"id":1,"text":"hello"}'}
    assert all((each.status_code, each.json()["code"]) == (409, "idempotency_key_in_flight") for each in busy)
    assert all(each.headers["Retry-After"] == "1" for each in busy)
    assert [await count(sample_database, table) for table in ("note", "idempotency_key")] == [1, 1]


async def test_old_keys_are_forgotten(client: httpx.AsyncClient, sample_database: Database) -> None:
    for number, age in enumerate((47, 49)):
        await client.post(
            "/v1/notes", json={"id": number, "text": "x"}, headers={"Idempotency-Key": f"write-note-{number:08}"}
        )
        await sample_database.pool.execute(
            "UPDATE idempotency_key SET created_at = now() - $1::interval WHERE key = $2",
            timedelta(hours=age),
            f"write-note-{number:08}",
        )
    await sample_database.pool.execute(idempotency._PRUNE, idempotency.KEPT_HOURS)
    assert [row["key"] for row in await sample_database.pool.fetch("SELECT key FROM idempotency_key")] == [
        "write-note-00000000"
    ]
