"""Imports as a resource: history, log, report, uploads, and taking one back."""

import base64
import csv
import hashlib
import os
import time
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from attune_service_kit.files.uploads import KEPT
from customer_360.undoing import TABLES

from .test_importing import EXPECTED, dump, numbers


def body_of(bank: Any, import_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "import_id": import_id,
        "mapping": bank.mapping,
        "folder": str(bank.folder),
        "datasets": list(bank.datasets),
    } | changes


async def ended(bank: Any, response: Any) -> dict[str, Any]:
    """Run a started job, if it has not ended already; return how it stands."""
    assert response.status_code == 202, response.text
    state: dict[str, Any] = await bank.job(response.json()["id"])
    return state if state["state"] != "queued" else await bank.go_on(state["id"])


async def undo(bank: Any, import_id: str, only_check: bool = False) -> dict[str, Any]:
    response = await bank.service.client.post(
        f"/v1/imports/{import_id}:undo", json={"only_check": only_check}, headers=bank.writer("operator")
    )
    return await ended(bank, response)


# --- history ---------------------------------------------------------------------------------------------------------


async def test_the_history_needs_its_scope_and_knows_what_it_knows(bank: Any) -> None:
    assert (await bank.get("/v1/imports", "teller", "B1")).status_code == 403
    unknown = await bank.get(f"/v1/imports/{uuid4()}", "operator")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_import")
    assert (await bank.get(f"/v1/imports/{uuid4()}/rejects", "auditor")).status_code == 403
    assert (await bank.get("/v1/imports", "auditor")).json() == {"items": [], "next_cursor": None}


async def test_an_import_is_told_with_counts_log_and_report(bank: Any) -> None:
    result = await bank.run()
    (run,) = (await bank.get("/v1/imports", "operator")).json()["items"]
    assert (run["import_id"], run["state"], run["source"]) == (result["import_id"], "done", "core")
    assert {n: (c["read"], c["accepted"], c["rejected"]) for n, c in run["counts"].items()} == EXPECTED
    assert run["log"][3]["text"] == "parties: 6 read, 4 accepted, 2 rejected, 0 unchanged"
    assert run["log"][-1]["text"] == "published to the lake"
    assert (await bank.get(f"/v1/imports/{run['import_id']}", "operator")).json() == run
    report = await bank.get(f"/v1/imports/{run['import_id']}/rejects", "operator")
    assert report.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(list(csv.DictReader(report.text.splitlines()))) == 5
    # Whoever asks learns nothing of the server's folders, and its scratch keeps no line of the files.
    scratch, job = bank.service.settings.scratch, await bank.job(run["job_id"])
    assert str(scratch) not in orjson.dumps([run, job]).decode()
    assert [path for path in scratch.rglob("*.csv") if "_reports" not in path.parts] == []
    assert [path.name for path in scratch.rglob("_reports/*")] == ["customer_360.csv"]
    assert (scratch / "uploads").stat().st_mode & 0o077 == 0
    ((audited,),) = await bank.rows("SELECT count(*) FROM audit WHERE what = 'import.rejects_read'")
    assert audited == 1


async def test_the_list_is_filtered_and_paged(bank: Any) -> None:
    ids = [(await bank.run(["branches"]))["import_id"] for _ in range(3)]
    first = (await bank.get("/v1/imports?limit=2", "operator")).json()
    rest = (await bank.get(f"/v1/imports?limit=2&cursor={first['next_cursor']}", "operator")).json()
    assert [run["import_id"] for run in [*first["items"], *rest["items"]]] == ids[::-1]
    oldest = (await bank.get("/v1/imports?limit=2&sort=oldest", "operator")).json()
    last = (await bank.get(f"/v1/imports?limit=2&sort=oldest&cursor={oldest['next_cursor']}", "operator")).json()
    assert [run["import_id"] for run in [*oldest["items"], *last["items"]]] == ids
    assert len((await bank.get("/v1/imports?state=done&source=core", "operator")).json()["items"]) == 3
    assert (await bank.get("/v1/imports?state=failed", "operator")).json()["items"] == []
    no_report = await bank.get(f"/v1/imports/{ids[0]}/rejects", "operator")
    assert (no_report.status_code, no_report.json()["code"]) == (404, "no_rejects")


async def test_the_same_request_is_the_same_job_and_another_is_refused(bank: Any) -> None:
    body = body_of(bank, str(uuid4()), datasets=["branches"])
    post = bank.service.client.post
    first = await post("/v1/imports", json=body, headers=bank.writer("operator"))
    await bank.finish(first)
    again = await post("/v1/imports", json=body, headers=bank.writer("operator"))
    assert (again.json()["id"], again.json()["state"]) == (first.json()["id"], "done")
    other = await post("/v1/imports", json=body | {"datasets": ["products"]}, headers=bank.writer("operator"))
    assert (other.status_code, other.json()["code"]) == (409, "import_id_taken")


# --- uploads ---------------------------------------------------------------------------------------------------------


async def put(bank: Any, import_id: str, name: str, content: bytes, offset: int = 0, **headers: str) -> Any:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return await bank.service.client.put(
        f"/v1/imports/{import_id}/files/{name}?offset={offset}",
        content=content,
        headers=bank.writer("operator")
        | {"Content-Type": "application/octet-stream", "Content-Digest": f"sha-256=:{digest}:"}
        | headers,
    )


async def test_uploads_are_refused_before_they_are_believed(bank: Any) -> None:
    import_id = str(uuid4())
    assert (await put(bank, import_id, "..%2Fb.csv", b"x")).status_code in (404, 415, 422)
    assert (await put(bank, import_id, ".hidden", b"x")).status_code == 422
    wrong = await put(bank, import_id, "b.csv", b"x", **{"Content-Digest": f"sha-256=:{'A' * 43}=:"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "checksum_mismatch")
    kind = await put(bank, import_id, "b.csv", b"{}", **{"Content-Type": "application/json"})
    assert kind.status_code == 415
    gap = await put(bank, import_id, "b.csv", b"x", offset=5)
    assert (gap.status_code, gap.json()["code"], gap.json()["expected"]) == (409, "wrong_offset", 0)
    teller = await bank.service.client.put(
        f"/v1/imports/{import_id}/files/b.csv",
        content=b"x",
        headers=bank.writer("teller", "B1") | {"Content-Type": "application/octet-stream"},
    )
    assert teller.status_code == 403
    nothing = await bank.finish(await bank.ask(["branches"], import_id=import_id, folder=None))
    assert (nothing["state"], nothing["error"]["code"]) == ("failed", "nothing_uploaded")
    assert list(bank.service.settings.scratch.glob("upload-*.part")) == []


async def test_a_file_that_is_too_large_is_refused_while_it_comes(bank: Any) -> None:
    small = bank.service.settings.model_copy(update={"max_upload_bytes": 2000})
    bank.service.runtime.settings = small
    import_id = str(uuid4())
    assert (await put(bank, import_id, "b.csv", b"x" * 1500)).status_code == 200
    assert (await put(bank, import_id, "c.csv", b"x" * 2001)).status_code == 413
    assert (await put(bank, import_id, "b.csv", b"x" * 600, offset=1500)).status_code == 413


async def test_uploaded_files_are_imported_as_a_folder_is(bank: Any) -> None:
    import_id = str(uuid4())
    for file in sorted(bank.folder.iterdir()):
        content, offset = file.read_bytes(), 0
        for start in range(0, len(content), 100):  # in parts, one of them twice
            for _ in range(2 if start == 100 else 1):
                sent = await put(bank, import_id, file.name, content[start : start + 100], offset)
                assert sent.status_code == 200, sent.text
            offset = sent.json()["bytes"]
        assert offset == len(content)
    listed = (await bank.get(f"/v1/imports/{import_id}/files", "operator")).json()["files"]
    assert {f["name"]: f["bytes"] for f in listed} == {f.name: f.stat().st_size for f in bank.folder.iterdir()}
    done = await bank.finish(await bank.ask(import_id=import_id, folder=None))
    assert (done["state"], numbers(done["result"])) == ("done", EXPECTED)
    assert list(bank.service.settings.scratch.glob("uploaded/**/*.csv*")) == [], "put together for the job alone"
    path = f"/v1/imports/{import_id}/files/branches.csv"
    gone = await bank.service.client.delete(path, headers=bank.writer("operator"))
    assert gone.json() == {"removed": 1}
    assert (await bank.service.client.delete(path, headers=bank.writer("operator"))).status_code == 404


async def test_what_nobody_has_touched_for_a_week_goes_reports_too(bank: Any) -> None:
    old = (await bank.run())["import_id"]
    await put(bank, old, "b.csv", b"x")
    lying = [path for path in (bank.service.settings.scratch / "uploads").rglob("*") if path.is_file()]
    assert len(lying) == 2
    week_ago = time.time() - KEPT.total_seconds() - 1
    for path in lying:
        os.utime(path, (week_ago, week_ago))
    new = (await bank.run())["import_id"]
    assert (await bank.get(f"/v1/imports/{old}/rejects", "operator")).json()["code"] == "no_rejects"
    assert (await bank.get(f"/v1/imports/{old}/files", "operator")).json() == {"files": []}
    assert await bank.rejects(new)


# --- undo ------------------------------------------------------------------------------------------------------------


async def test_only_what_is_done_can_be_taken_back(bank: Any) -> None:
    started = await bank.ask(["branches"])
    import_id = (await bank.get("/v1/imports", "operator")).json()["items"][0]["import_id"]
    path = f"/v1/imports/{import_id}:undo"
    refused = await bank.service.client.post(path, json={}, headers=bank.writer("operator"))
    assert (refused.status_code, refused.json()["code"]) == (409, "import_not_done")
    assert (await bank.service.client.post(path, json={}, headers=bank.writer("teller", "B1"))).status_code == 403
    await bank.finish(started)


async def test_what_an_import_added_is_gone_and_its_customers_agree_to_nothing(bank: Any) -> None:
    empty = await dump(bank)
    result = await bank.run()
    await insert_tag(bank, bank.customer("P4"), source="insight")
    checked = await undo(bank, result["import_id"], only_check=True)
    assert (checked["state"], checked["result"]["undone"], checked["result"]["restored"]) == ("done", False, 0)
    assert await dump(bank) != empty
    done = await undo(bank, result["import_id"])
    assert (done["state"], done["result"]["undone"]) == ("done", True)
    assert await dump(bank) == empty
    assert await bank.rows("SELECT * FROM import_change") == []
    assert await bank.rows("SELECT * FROM tag") == [], "what insight found of them goes with them"
    lake = bank.service.runtime.lake
    assert {name: lake.latest(name, "all").rows for name in bank.datasets} == dict.fromkeys(bank.datasets, 0)
    events = [orjson.loads(row[0]) for row in await bank.rows("SELECT payload FROM outbox ORDER BY seq")]
    told = [e["data"] for e in events if e["type"] == "customer_360.consent.changed.v1"]
    assert {e["customer_id"] for e in told} == {str(bank.customer("P1")), str(bank.customer("P4"))}
    assert all(e["consents"] == [] for e in told)
    assert [e["type"] for e in events].count("customer_360.import.completed.v1") == 2
    (run,) = (await bank.get("/v1/imports", "operator")).json()["items"]
    assert (run["state"], run["undone_at"] is not None) == ("undone", True)
    twice = await undo(bank, result["import_id"])
    assert twice["id"] == done["id"], "twice is harmless"
    again = await bank.run()
    assert numbers(again) == EXPECTED, "and the same files may come again"


async def test_keys_that_were_kept_as_lists_are_taken_back_as_well(bank: Any) -> None:
    """As an import of before has kept them."""
    empty = await dump(bank)
    result = await bank.run()
    lists = "SELECT jsonb_agg(CASE jsonb_typeof(k) WHEN 'array' THEN k ELSE jsonb_build_array(k) END)"
    await bank.rows(f"UPDATE import_change SET keys = ({lists} FROM jsonb_array_elements(keys) AS k)")
    assert (await undo(bank, result["import_id"]))["result"]["undone"] is True
    assert await dump(bank) == empty


async def test_what_an_import_changed_is_as_before_under_a_newer_version(imported: Any) -> None:
    before = await imported.rows("SELECT * FROM party JOIN party_identity USING (customer_id) ORDER BY source_id")
    consents = await imported.rows("SELECT c::text FROM consent c ORDER BY 1")
    files = imported.files
    imported.write(**{
        "customers.csv.gz": files["customers.csv.gz"].replace("1 Road", "2 Road").replace("P6,孙八", "P6,孙九")
        + "P7,周十,F,19990101,,D7,,B1,M1,,20240101\n",
        "consents.csv": files["consents.csv"].replace("P1,MC,N,20230102", "P1,MC,Y,20240102") + "P7,PD,Y,20240101\n",
    })  # fmt: skip
    second = await imported.run(["parties", "consents"])
    assert len(await imported.rows("SELECT 1 FROM party")) == 5
    done = await undo(imported, second["import_id"])
    assert done["state"] == "done", done
    after = await imported.rows("SELECT * FROM party JOIN party_identity USING (customer_id) ORDER BY source_id")
    plain = [name for name in before[0].keys() if name not in ("version", "updated_at")]  # noqa: SIM118 - a Record
    assert [[row[n] for n in plain] for row in after] == [[row[n] for n in plain] for row in before]
    versions = {row["source_id"]: row["version"] for row in after}
    assert versions == {"P1": 3, "P3": 1, "P4": 1, "P6": 3}
    assert await imported.rows("SELECT c::text FROM consent c ORDER BY 1") == consents
    entries = await imported.rows(
        "SELECT version, granted FROM consent_entry WHERE customer_id = $1 AND purpose = 'marketing_contact'"
        " ORDER BY version",
        imported.customer("P1"),
    )
    assert [tuple(row) for row in entries] == [(1, False), (2, True), (3, False)], "the ledger keeps what it said"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("a later import", "has changed 1 of its rows since: take that one back first"),
        ("a profile", "1 profiles have been changed since"),
        ("a consent", "1 of its customers have given or withdrawn consent since"),
        ("a tag", "tags rest on what it brought"),
    ],
)
async def test_an_import_that_something_rests_on_stays_whole(bank: Any, what: str, reason: str) -> None:
    first = await bank.run()
    customer = bank.customer("P4")
    client = bank.service.client
    if what == "a later import":
        bank.write(**{"branches.csv": bank.files["branches.csv"].replace("Second", "The second")})
        await bank.run(["branches"])
    elif what == "a profile":
        answer = await client.patch(
            f"/v1/customers/{customer}", json={"personalisation": False},
            headers=bank.writer("mobile", customer=customer),
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
    elif what == "a consent":
        answer = await client.post(
            f"/v1/customers/{customer}/consents:opt-out", json={}, headers=bank.writer("mobile", customer=customer)
        )
        assert answer.status_code == 200, answer.text
    else:
        await insert_tag(bank, customer)
    before = await dump(bank)
    failed = await undo(bank, first["import_id"])
    assert (failed["state"], failed["error"]["code"]) == ("failed", "import_in_use")
    assert reason in failed["error"]["en"]
    assert "无法撤销" in failed["error"]["zh"]
    assert await dump(bank) == before


async def insert_tag(bank: Any, customer: UUID, source: str = "staff") -> None:
    """A row that refers to the customer, as staff or insight would have made it."""
    async with bank.service.runtime.worker_database.transaction() as tx:
        await tx.conn.execute(
            "INSERT INTO tag VALUES ($1, 'vip', $2, 'yes', 'teller', now(), current_date + 30)", customer, source
        )


async def test_every_table_that_remembers_is_taken_back(bank: Any) -> None:
    found = await bank.rows("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'import_added'")
    assert {row[0] for row in found} == set(TABLES)


@pytest.mark.parametrize("place", ["customer_360.undo.before_publishing"])
async def test_an_undo_that_is_killed_goes_on(bank: Any, place: str) -> None:
    empty = await dump(bank)
    result = await bank.run()
    response = await bank.service.client.post(
        f"/v1/imports/{result['import_id']}:undo", json={}, headers=bank.writer("operator")
    )
    job = response.json()["id"]
    assert await bank.run_job(job, failpoint=place) == 137
    done = await bank.go_on(job)
    assert (done["state"], done["result"]["undone"]) == ("done", True)
    assert await dump(bank) == empty
