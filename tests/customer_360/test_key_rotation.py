"""A new data key for who customers are: killed and gone on, and everybody is found and named all the while."""

from typing import Any

from sqlalchemy import LargeBinary

from attune_service_kit import key_rotation
from attune_service_kit.lifecycle import make_runtime
from attune_service_kit.testing import StartService
from customer_360.app import SERVICE
from customer_360.identity import identities
from customer_360.tables import METADATA

from .conftest import PEOPLE_FILES, PEOPLE_MAPPING
from .test_import_history import undo

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


# --- the index key ---------------------------------------------------------------------------------------------------

NEW = (3).to_bytes(4, "big")
DIGESTS = "SELECT customer_id, digest, keys, document_key FROM party_identity ORDER BY 1"
# As if not yet reached.
BACK = """
UPDATE party_identity SET digest = $2, keys = $3::text::bigint[], document_key = $4 WHERE customer_id = $1"""


async def rotating(people: Any, start_service: StartService) -> str:
    """A service whose processes learn quickly of new keys; gives the id of a started job of a new index key."""
    database = people.service.settings.database_url.rsplit("/", 1)[1]
    people.service = await start_service(SERVICE, worker=False, database=database, key_spread_seconds=0.3)
    return str(await key_rotation.start(make_runtime(SERVICE, people.service.settings, "job"), "index"))


async def found(people: Any, query: str) -> set[str]:
    answer = await people.service.client.post(
        "/v1/customers:search", json={"query": query}, headers=people._token("call_centre")
    )
    assert answer.status_code == 200, answer.text
    names = {str(people.customer(f"P{n}")): f"P{n}" for n in range(1, 9)}
    return {names[each["customer_id"]] for each in answer.json()["items"]}


async def parties(people: Any) -> Any:
    """Import the parties as the file has them; return the counts."""
    done = await people.finish(await people.ask(["parties"], mapping=PEOPLE_MAPPING))
    assert done["state"] == "done", done
    return done["result"]["datasets"]["parties"]


async def look(people: Any) -> None:
    """Everybody is found in every way."""
    assert await found(people, "单小明") == {"P1", "P2", "P4"}
    assert await found(people, "13900139000") == {"P2", "P4"}
    assert await found(people, "shan xiao ming") == {"P1", "P2", "P3", "P4"}
    assert await found(people, "11010519491231002x") == {"P1"}
    for document in ("E12345678", "E12345670"):
        body = {"presented": "document", "number": document, "reason": "counter_service"}
        headers = people.writer("teller", "B1")
        came = [await people.service.client.post("/v1/visits", json=body, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in came] == [201, 201], came[0].text
        assert came[1].headers["idempotent-replayed"] == "true"


async def test_a_new_index_key_finds_everybody_at_every_moment_and_joins_whom_an_import_brings(
    people: Any, start_service: StartService
) -> None:
    job_id = await rotating(people, start_service)
    before = {row["customer_id"]: row for row in await people.rows(DIGESTS)}
    again = people.writer("teller", "B1")
    body = {"presented": "card", "number": "CARD4", "reason": "counter_service"}
    assert (await people.service.client.post("/v1/visits", json=body, headers=again)).status_code == 201
    await look(people)
    assert await people.run_job(job_id, failpoint="customer_360.reindexing.batch") == 137
    assert {row["digest"][:4] for row in await people.rows(DIGESTS)} == {NEW}
    async with people.service.runtime.worker_database.transaction() as tx:
        for name in ("P1", "P2", "P3"):
            row = before[people.customer(name)]
            keys = "{" + ",".join(map(str, row["keys"])) + "}"
            await tx.conn.execute(BACK, row["customer_id"], row["digest"], keys, row["document_key"])
    await look(people)
    replayed = await people.service.client.post("/v1/visits", json=body, headers=again)
    assert (replayed.status_code, replayed.headers["idempotent-replayed"]) == (201, "true")

    people.write(**{"all.csv": PEOPLE_FILES["all.csv"] + "P7,Wu Ming,,e1234-5678,,B1\n"})
    result = await parties(people)
    assert (result["unchanged"], result["merged"]) == (6, 1), "P7 is P2, whose digests were of the older key"
    assert {row["digest"][:4] for row in await people.rows(DIGESTS)} == {NEW}
    job = await people.go_on(job_id)
    assert (job["state"], job["result"]) == ("done", {"key": 3, "reindexed": 0, "unreadable": 0}), job
    assert not {key for row in before.values() for key in row["keys"]} & {
        row["key"] for row in await people.rows("SELECT key FROM identity_key")
    }
    assert await found(people, "单小明") >= {"P1", "P4"}
    assert (await parties(people))["unchanged"] == 7


async def test_what_an_import_taken_back_restores_gets_the_newest_keys_digests(
    people: Any, start_service: StartService
) -> None:
    people.write(**{"all.csv": PEOPLE_FILES["all.csv"].replace("+1 650 253 0000", "+1 650 253 9999")})
    changed = await people.finish(await people.ask(["parties"], mapping=PEOPLE_MAPPING))
    assert changed["state"] == "done", changed
    job_id = await rotating(people, start_service)
    job = await people.go_on(job_id)
    assert (job["state"], job["result"]) == ("done", {"key": 3, "reindexed": 6, "unreadable": 0}), job
    assert await found(people, "+1 650 253 9999") == {"P5"}
    assert (await undo(people, changed["result"]["import_id"]))["state"] == "done"
    assert await found(people, "+1 650 253 0000") == {"P5"}
    assert await found(people, "+1 650 253 9999") == set()
    assert {row["digest"][:4] for row in await people.rows(DIGESTS)} == {NEW}
