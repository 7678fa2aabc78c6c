"""A new data key for who customers are: killed and gone on, and everybody is found and named all the while."""

from typing import Any

from sqlalchemy import LargeBinary

from attune_service_kit import key_rotation
from attune_service_kit.lifecycle import make_runtime
from attune_service_kit.testing import StartService
from customer_360.app import SERVICE
from customer_360.identity import identities
from customer_360.tables import METADATA

# Digests, and what the kit keeps that is not sealed.
PLAIN = {
    ("party_identity", "digest"), ("party_identity", "document_key"), ("outbox", "payload"), ("quarantine", "payload"),
    ("idempotency_key", "body_hash"), ("import_run", "digest"), ("encryption_key", "wrapped"),
}  # fmt: skip


def test_every_sealed_column_is_named() -> None:
    binary = {(t.name, c.name) for t in METADATA.tables.values() for c in t.columns if isinstance(c.type, LargeBinary)}
    named = {(table.name, column) for table in (*SERVICE.sealed, key_rotation.ANSWERS) for column in table.columns}
    assert binary - PLAIN == named
    for table in SERVICE.sealed:
        keys = {column.name for column in METADATA.tables[table.name].primary_key.columns}
        assert keys == set(table.key)


async def test_killed_in_between_it_goes_on_and_everybody_is_found_and_named(
    imported: Any, start_service: StartService
) -> None:
    bank = imported
    email = {"email": "zhang.san@example.com"}
    one = bank.customer("P1")
    told = await bank.service.client.patch(
        f"/v1/customers/{one}/details", json=email, headers=bank.writer("relationship_manager", "B1")
    )
    assert told.status_code == 200, told.text
    before = await bank.rows("SELECT customer_id, keys, document_key, digest, name FROM party_identity ORDER BY 1")
    database = bank.service.settings.database_url.rsplit("/", 1)[1]
    bank.service = await start_service(SERVICE, worker=False, database=database, key_spread_seconds=0.3)
    job_id = str(await key_rotation.start(make_runtime(SERVICE, bank.service.settings, "job")))

    async def look() -> None:
        shown = await bank.get(f"/v1/customers/{one}/identity?reason=complaint&fields=name", "teller", "B1")
        assert shown.json()["name"] == identities(bank.service.runtime).open_name(one, before_names[one])
        details = (await bank.get(f"/v1/customers/{one}/details", "teller", "B1")).json()["details"]
        assert {d["field"]: d["value"] for d in details}["email"] == "z***@example.com"
        found = await bank.service.client.post(
            "/v1/customers:search", json={"query": shown.json()["name"]}, headers=bank._token("teller", "B1")
        )
        assert str(one) in found.text

    before_names = {row["customer_id"]: row["name"] for row in before}
    await look()
    assert await bank.run_job(job_id, failpoint="keys.batch") == 137
    halfway = await bank.rows("SELECT get_byte(name, 3) AS key FROM party_identity")
    assert {row["key"] for row in halfway} == {3}
    await look()
    job = await bank.go_on(job_id)
    assert (job["state"], job["result"]["key"], job["result"]["unreadable"]) == ("done", 3, 0), job
    await look()
    after = await bank.rows("SELECT customer_id, keys, document_key, digest, name FROM party_identity ORDER BY 1")
    for row, former in zip(after, before, strict=True):
        assert row["name"][:4] == (3).to_bytes(4, "big")
        assert [row[c] for c in ("keys", "document_key", "digest")] == [
            former[c] for c in ("keys", "document_key", "digest")
        ], "search keys are the index key's: they stay"
    left = "SELECT FROM profile_field WHERE substr(sealed, 1, 4) <> '\\x00000003'"
    assert await bank.rows(left) == []
