"""Planted identities are found, by their bytes, in the bank's own files and in the answers alone (X25, P-28, P-29)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyarrow import parquet

from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.testing import StartService, eventually
from customer_360.app import SERVICE

NAME, OTHER_NAME = "镎铪碲", "尉迟镎"
PHONE, NEW_PHONE = "13987650421", "13987650422"
DOCUMENT, OTHER_DOCUMENT = "110105194912310733", "G70421733"
ADDRESS, NEW_ADDRESS = "镎铪路四百二十一号", "碲镎巷七百三十三号"
# As planted, and as they are normalised, spelled or masked too little.
CANARIES = (
    NAME, OTHER_NAME, PHONE, NEW_PHONE, DOCUMENT, OTHER_DOCUMENT, ADDRESS, NEW_ADDRESS,
    "nahadi", "yuchina", "87650421", "87650422", "194912310733",
)  # fmt: skip

MAPPING: dict[str, Any] = {
    "source": "core",
    "datasets": {
        "branches": {"file": "branches.csv", "columns": {"branch_id": "no", "name": "no"}},
        "parties": {
            "file": "all.csv",
            "columns": {
                "source_id": "cif",
                "name": "name",
                "birth_date": {"column": "born", "format": "YYYYMMDD"},
                "phone": "phone",
                "document": "doc",
                "address": "addr",
                "branch_id": "branch",
            },
        },
    },
}
FILES = {
    "branches.csv": "no\nB1\nB2\n",
    "all.csv": "cif,name,born,phone,doc,addr,branch\n"
    f"P1,{NAME},19491231,{PHONE},{DOCUMENT},{ADDRESS},B1\n"
    f"P2,{OTHER_NAME},19491231,,{OTHER_DOCUMENT},,B2\n"
    f"P3,{NAME},19491231,,{OTHER_DOCUMENT},,B1\n"
    f"P4,{NAME},19500101,+86 {PHONE},,,B1\n",
}


def planted(content: bytes) -> set[str]:
    """Which canaries stand in these bytes: as UTF-8, or as a dump writes binary columns."""
    return {c for c in CANARIES if c.encode() in content or c.encode().hex().encode() in content}


async def used(bank: Any) -> None:
    """Everything that touches identities: found, disclosed, changed, visited, merged, refused."""
    client, one = bank.service.client, bank.customer("P1")
    teller, steward = bank._token("teller", "B1"), bank._token("data_steward")
    for query in (NAME, "nahadi", PHONE, DOCUMENT, OTHER_DOCUMENT):
        first = await client.post("/v1/customers:search", json={"query": query, "limit": 1}, headers=teller)
        assert first.json()["items"], first.text
    shown = await bank.get(f"/v1/customers/{one}/identity?reason=complaint&fields=name&fields=document", "teller", "B1")
    assert (shown.json()["name"], shown.json()["document"]) == (NAME, DOCUMENT)
    changed = await client.patch(
        f"/v1/customers/{one}/details",
        json={"phone": NEW_PHONE, "address": NEW_ADDRESS},
        headers=teller | {"Idempotency-Key": uuid4().hex},
    )
    assert changed.status_code == 200, changed.text
    key = {"Idempotency-Key": uuid4().hex}
    body = {"presented": "document", "number": DOCUMENT, "reason": "counter_service"}
    for _ in range(2):
        visit = await client.post("/v1/visits", json=body, headers=bank._token("teller", "B2") | key)
        assert visit.status_code == 201, visit.text
    review, _ = (await client.get("/v1/identity-reviews", headers=steward)).json()["items"]
    decided = await client.post(
        f"/v1/identity-reviews/{review['review_id']}:merge",
        json={"reason": "papers seen"},
        headers=steward | {"Idempotency-Key": uuid4().hex},
    )
    assert decided.status_code == 200, decided.text
    for wrong in ({"query": NAME, "by": PHONE}, {"query": NAME * 100}, {"name": NAME}):
        refused = await client.post("/v1/customers:search", json=wrong, headers=teller)
        assert refused.status_code == 422
        assert planted(refused.content) == set()
    for path in (f"/v1/customers/{PHONE}", f"/v1/customers?source_id={PHONE}", f"/v1/customers/{one}?name={NAME}"):
        await client.get(path, headers=teller)
    async with bank.service.runtime.worker_database.transaction() as tx:
        await tx.conn.execute("UPDATE party_identity SET name = coalesce(phone, document)")
    assert (await client.get(f"/v1/customers/{one}", headers=teller)).status_code == 500


async def test_planted_identities_lie_nowhere_in_plain(
    start_service: StartService,
    bank: Any,
    postgres_server: EmbeddedPostgres,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    trace = tmp_path / "spans.jsonl"
    database = bank.service.settings.database_url.rsplit("/", 1)[1]
    bank.service = await start_service(SERVICE, database=database, trace_file=trace, sample_ratio=1.0)
    bank.write(**FILES)
    started = await bank.ask(list(MAPPING["datasets"]), mapping=MAPPING)

    async def done() -> bool:
        return bool((await bank.job(started.json()["id"]))["state"] == "done")

    await eventually(done, timeout=60)
    await used(bank)

    async def told() -> bool:
        return not await bank.rows("SELECT FROM outbox WHERE published_at IS NULL")

    await eventually(told)
    await bank.service.stop()
    admin = await postgres_server.connect(database)
    try:
        names = [r[0] for r in await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        dumps = {n: [r[0] for r in await admin.fetch(f'SELECT t::text FROM "{n}" t')] for n in names}
        await admin.execute("CHECKPOINT")
    finally:
        await admin.close()
    assert sum(len(rows) for rows in dumps.values()) > 50
    found = {name: planted("\n".join(rows).encode()) for name, rows in dumps.items()}
    assert {name: canaries for name, canaries in found.items() if canaries} == {}
    assert {str(f): c for f in _files(postgres_server.data_dir) if (c := planted(f.read_bytes()))} == {}
    assert {f.name: c for f in _files(Path(bank.service.settings.lake_url)) if (c := planted(_read(f)))} == {}
    # The bank's own extract, and what it rejects, are the operator's.
    assert {str(f): c for f in _files(Path(bank.service.settings.scratch)) if (c := planted(f.read_bytes()))} == {}
    assert trace.stat().st_size > 1000
    assert planted(trace.read_bytes()) == set()
    out, err = capfd.readouterr()
    assert "request" in out + err
    assert planted((out + err).encode()) == set()


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder that can still be read: servers come and go with theirs."""
    return (file for file in folder.rglob("*") if file.is_file())


def _read(file: Path) -> bytes:
    """What a file says, and what its columns say once they are unpacked."""
    unpacked = str(parquet.read_table(file).to_pylist()).encode() if file.suffix == ".parquet" else b""
    return file.read_bytes() + unpacked
