"""The import: counts, rejects, repetition, resumption, the lake and the one event."""

import csv
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyarrow import parquet

from attune_contracts.pointer import Pointer
from attune_service_kit.testing import StartService, eventually
from customer_360.app import SERVICE

EXPECTED = {
    "branches": (4, 4, 0),
    "employees": (2, 2, 0),
    "products": (2, 2, 0),
    "parties": (6, 4, 2),
    "accounts": (5, 3, 2),
    "holdings": (4, 3, 1),
    "consents": (3, 3, 0),
}


def numbers(result: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {n: (c["read"], c["accepted"], c["rejected"]) for n, c in result["datasets"].items()}


async def dump(bank: Any) -> list[Any]:
    """Every row of every table that an import fills, with versions and times."""
    tables = (
        "branch",
        "branch_scope",
        "employee",
        "product",
        "party",
        "party_identity",
        "account",
        "holding",
        "consent",
    )
    return [await bank.rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in tables]


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_an_import_needs_the_scope(bank: Any) -> None:
    body = {
        "import_id": "0190a7c0-0000-7000-8000-000000000001", "mapping": bank.mapping, "folder": str(bank.folder),
        "datasets": ["parties"],
    }  # fmt: skip
    refused = await bank.service.client.post("/v1/imports", json=body, headers=bank.writer("teller", "B1"))
    assert (refused.status_code, refused.json()["needs"]) == (403, "imports:write")
    assert await bank.rows("SELECT 1 FROM job") == []
    taken = await bank.service.client.post("/v1/imports", json=body, headers=bank.writer("operator"))
    assert taken.status_code == 202, "of all that was asked only the role was wrong"


@pytest.mark.parametrize("folder", ["/etc", "/", "extract", "/nowhere", "{folder}/../.."])
async def test_only_folders_within_the_import_roots_are_read(bank: Any, folder: str) -> None:
    response = await bank.ask(folder=folder.format(folder=bank.folder))
    assert (response.status_code, response.json()["code"]) == (422, "folder_refused")


async def test_a_folder_is_a_text_that_can_be_seen(bank: Any) -> None:
    response = await bank.ask(folder="\x00")
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


async def test_a_link_does_not_lead_out_of_the_import_roots(bank: Any, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert (await bank.ask(folder=str(tmp_path / "link"))).json()["code"] == "folder_refused"


async def test_a_mapping_with_a_fault_starts_no_job(bank: Any) -> None:
    response = await bank.ask(mapping={"source": "core", "datasets": {"parties": {"file": "x", "columns": {}}}})
    assert (response.status_code, response.json()["code"]) == (422, "mapping_invalid")
    response = await bank.ask(
        ["consents"], mapping=bank.mapping | {"datasets": {"parties": bank.mapping["datasets"]["parties"]}}
    )
    assert response.json()["code"] == "dataset_not_mapped"
    assert (await bank.ask(["transactions"])).status_code == 422
    assert await bank.rows("SELECT * FROM job") == []


async def test_a_missing_file_fails_the_job_with_a_reason(bank: Any) -> None:
    (bank.folder / "branches.csv").unlink()
    failed = await bank.finish(await bank.ask())
    assert (failed["state"], failed["error"]["code"]) == ("failed", "file_missing")


UNREADABLE: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "file_missing"),
    "a column": (b"cif,purpose,yess,since\n", "column_missing"),
    "empty": (b"", "file_unreadable"),
    "encoding": ("cif,purpose,yes,since\n".encode("utf-16"), "file_unreadable"),
    "columns": (",".join(f"c{n}" for n in range(10_000)).encode(), "file_unreadable"),
    "NUL": (b"cif\0,purpose,yes,since\n", "file_unreadable"),
}


async def test_of_an_extract_that_cannot_be_read_as_a_whole_nothing_is_written(bank: Any) -> None:
    """The last dataset's file is at fault: the six before it are not imported either."""
    empty = await dump(bank)
    file = bank.folder / "consents.csv"
    for what, (content, code) in UNREADABLE.items():
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        failed = await bank.finish(await bank.ask())
        assert (failed["state"], failed["error"]["code"]) == ("failed", code), what
        assert "consents.csv" in failed["error"]["en"], what
        assert "consents.csv" in failed["error"]["zh"], what
    assert await dump(bank) == empty
    assert await bank.rows("SELECT 1 FROM outbox") == []
    # What was wrong is put right: the same job goes on.
    bank.write(**{"consents.csv": bank.files["consents.csv"]})
    path = f"/v1/jobs/customer_360/{failed['id']}:resume"
    assert (await bank.service.client.post(path, headers=bank.writer("operator"))).status_code == 200
    assert numbers((await bank.go_on(failed["id"]))["result"]) == EXPECTED


async def test_branches_that_lead_in_a_circle_change_nothing(bank: Any) -> None:
    bank.write(**{"branches.csv": "no,parent,name\nX,Y,x\nY,X,y\n"})
    failed = await bank.finish(await bank.ask(["branches"]))
    assert failed["error"]["code"] == "branch_cycle"
    assert await bank.rows("SELECT * FROM branch") == []


# --- done ------------------------------------------------------------------------------------------------------------


async def test_everything_read_is_accepted_or_rejected_with_line_and_reason(bank: Any) -> None:
    result = await bank.run()
    assert numbers(result) == EXPECTED
    report = csv.DictReader((await bank.rejects(result["import_id"])).splitlines())
    rejects = [(r["dataset"], r["file"], int(r["line"]), r["column"], r["reason"]) for r in report]
    assert [r[:4] for r in rejects] == [
        ("parties", "customers.csv.gz", 3, "birth"),
        ("parties", "customers.csv.gz", 6, "sex"),
        ("accounts", "accounts.csv", 5, "cif"),
        ("accounts", "accounts.csv", 6, "cif"),
        ("holdings", "holdings.csv", 4, "code"),
    ]
    assert [r[4] for r in rejects[2:]] == ["no such customer", "no such customer", "no such product"]
    view = (await bank.get(f"/v1/customers/{bank.customer('P3')}", "teller", "B2")).json()
    assert (view["name"], view["phone"], view["version"]) == ('Wang "Five"', None, 1)
    assert {tuple(r) for r in await bank.rows("SELECT * FROM branch_scope WHERE ancestor IN ('HO', 'B1')")} == {
        ("HO", "HO"), ("HO", "B1"), ("HO", "B11"), ("HO", "B2"), ("B1", "B1"), ("B1", "B11"),
    }  # fmt: skip


async def test_the_same_files_twice_change_nothing(imported: Any) -> None:
    before = await dump(imported)
    result = await imported.run()
    assert numbers(result) == EXPECTED
    assert all(counts["unchanged"] == counts["accepted"] for counts in result["datasets"].values())
    assert await dump(imported) == before


async def test_only_rows_that_differ_change(imported: Any) -> None:
    changed = imported.files["customers.csv.gz"].replace("1 Road, City", "2 Road, City").replace("P6,孙八", "P6,孙九")
    imported.write(**{"customers.csv.gz": changed + "P7,周十,F,19990101,,D7,,B1,M1,,20240101\n"})
    result = await imported.run(["parties"])
    assert result["datasets"]["parties"]["unchanged"] == 2
    versions = {r[0]: r[1] for r in await imported.rows("SELECT source_id, version FROM party")}
    assert versions == {"P1": 2, "P3": 1, "P4": 1, "P6": 2, "P7": 1}


async def test_an_import_never_switches_personalisation_back_on(imported: Any) -> None:
    customer = imported.customer("P1")
    response = await imported.service.client.patch(
        f"/v1/customers/{customer}",
        json={"personalisation": False},
        headers=imported.writer("mobile", customer=customer),
    )
    assert (response.status_code, response.json()["version"]) == (200, 2)
    result = await imported.run(["parties"])
    assert result["datasets"]["parties"]["unchanged"] == 4
    ((stands, version),) = await imported.rows("SELECT personalisation, version FROM party WHERE source_id = 'P1'")
    assert (stands, version) == (False, 2)


@pytest.mark.parametrize(
    "place",
    [
        "customer_360.import.parties.staged",
        "customer_360.import.accounts.loaded",
        "customer_360.import.before_completed",
    ],
)
async def test_a_killed_import_goes_on_where_it_was(bank: Any, place: str) -> None:
    job = (await bank.ask()).json()
    assert await bank.run_job(job["id"], failpoint=place) == 137
    assert (await bank.job(job["id"]))["state"] == "running"
    # On another machine: what was on this one's scratch is not there.
    shutil.rmtree(bank.service.settings.scratch / "imports")
    done = await bank.go_on(job["id"])
    assert (done["state"], numbers(done["result"])) == ("done", EXPECTED)
    rejected = [
        row["dataset"] for row in csv.DictReader((await bank.rejects(done["result"]["import_id"])).splitlines())
    ]
    assert rejected == ["parties"] * 2 + ["accounts"] * 2 + ["holdings"]
    assert await bank.rows("SELECT version FROM party WHERE version <> 1") == []
    ((events,),) = await bank.rows("SELECT count(*) FROM outbox WHERE type = 'customer_360.import.completed.v1'")
    assert events == 1


async def test_the_lake_gets_everything_but_identities_and_one_event_says_so(bank: Any) -> None:
    result = await bank.run()
    ((payload,),) = await bank.rows("SELECT payload FROM outbox")
    event = orjson.loads(payload)
    assert (event["type"], event["data"]["import_id"]) == ("customer_360.import.completed.v1", result["import_id"])
    pointers = {p["dataset"]: Pointer.model_validate(p) for p in event["data"]["pointers"]}
    assert {name: p.rows for name, p in pointers.items() if p.rows} == {n: c[1] for n, c in EXPECTED.items()}
    files = bank.service.runtime.lake.read_pointer(pointers["parties"])
    (party,) = parquet.read_table(files[0], filters=[("source_id", "=", "P1")]).to_pylist()
    assert (party["customer_id"], party["has_phone"], party["has_address"]) == (str(bank.customer("P1")), True, True)
    assert party["manager_id"] == "M1"
    everything = b"".join(f.read_bytes() for p in pointers.values() for f in bank.service.runtime.lake.read_pointer(p))
    for secret in ("张三", "13800000001", "1 Road"):
        assert secret not in str(party)
        assert secret.encode() not in everything
        assert secret.encode() not in payload


async def test_a_worker_runs_the_import_by_itself(start_service: StartService, bank: Any) -> None:
    name = bank.service.settings.database_url.rsplit("/", 1)[1]
    await start_service(SERVICE, database=name, worker=True)
    job = (await bank.ask()).json()

    async def ended() -> Any:
        state = await bank.job(job["id"])
        return state if state["state"] not in ("queued", "running") else None

    done = await eventually(ended, timeout=60)
    assert (done["state"], numbers(done["result"])) == ("done", EXPECTED)
    assert (done["progress"], done["total"], done["message"]) == (8, 8, "published")

    async def published() -> bool:
        return not await bank.rows("SELECT 1 FROM outbox WHERE published_at IS NULL")

    assert await eventually(published)
