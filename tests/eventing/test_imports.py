"""Files of postings: into the lake once, whatever is repeated; keyed state is not touched."""

import asyncio
import os
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyarrow import parquet

from attune_contracts.identifiers import account_id, new_id
from attune_service_kit import job_entry
from attune_service_kit.lake import Lake
from attune_service_kit.testing import eventually
from eventing.jobs import workbench

MAPPING = {
    "source": "test",
    "datasets": {
        "transactions": {
            "file": "postings*.csv",
            "columns": {
                "posting_id": "id",
                "account_id": "account",
                "business_date": "day",
                "direction": {"column": "side", "codes": {"C": "credit", "D": "debit"}},
                "amount_minor": "amount",
                "currency": {"constant": "CNY"},
                "kind": {"constant": "transfer"},
            },
        }
    },
}


def write(folder: Path, name: str, *lines: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(["id,account,day,side,amount", *lines]) + "\n", encoding="utf-8")


async def run(eventing: Any, folder: Path) -> dict[str, Any]:
    body = {"import_id": str(new_id()), "mapping": MAPPING, "folder": str(folder), "datasets": ["transactions"]}
    result: dict[str, Any] = await eventing.done(await eventing.send("POST", "/v1/ledger/imports", body))
    assert result["import_id"] == body["import_id"]
    return result


async def test_the_same_file_twice_changes_nothing(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("A")
    await eventing.load(bank, lake_dir, tmp_path / "s")
    folder = tmp_path / "extract"
    write(folder, "postings.csv", "1,A,2024-01-31,C,12.50", "2,A,2024-02-01,D,3.00", "3,A,2024-02-30,C,1.00",
          "4,unknown,2024-02-02,C,1.00")  # fmt: skip
    first = await run(eventing, folder)
    assert first["datasets"]["transactions"] == {
        "read": 4, "accepted": 3, "rejected": 1, "unchanged": 0, "unknown_accounts": 1,
    }  # fmt: skip
    report = (await eventing.get(f"/v1/ledger/imports/{first['import_id']}/rejects")).text
    assert report.count("postings.csv") == 1
    write(folder, "postings_2.csv", "5,A,2024-02-03,C,7.00")
    second = await run(eventing, folder)
    counts = second["datasets"]["transactions"]
    assert (counts["read"], counts["accepted"], counts["unchanged"]) == (5, 4, 3)

    lake = Lake(str(lake_dir), tmp_path / "x")
    rows = {
        row["posting_id"]: row for file in lake.files("transactions") for row in parquet.read_table(file).to_pylist()
    }
    assert sorted(rows) == ["1", "2", "4", "5"]
    assert rows["1"]["account_id"] == str(account_id("test", "A"))
    assert (rows["1"]["amount_minor"], rows["1"]["business_date"]) == (1250, date(2024, 1, 31))
    pointers = {pointer.partition: pointer for pointer in lake.pointers("transactions")}
    assert {name: pointer.rows for name, pointer in pointers.items()} == {"month=2024-01": 1, "month=2024-02": 3}
    assert not await eventing.rows("SELECT 1 FROM keyed_state")

    said = await eventing.rows(
        "SELECT convert_from(payload, 'UTF8')::json -> 'data' ->> 'import_id' AS import_id FROM outbox"
        " WHERE type = 'eventing.transactions.published.v1' ORDER BY seq"
    )
    # One event an import carries its id, the last: by then every month lies in the lake.
    assert [row["import_id"] for row in said] == [None, first["import_id"], second["import_id"]]


async def test_of_an_extract_that_cannot_be_read_as_a_whole_nothing_is_added(
    eventing: Any, lake_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "extract"
    write(folder, "postings.csv", "1,A,2024-01-31,C,12.50")
    await asyncio.to_thread((folder / "app.csv").write_text, "who,when\nA,2024-01-31\n")
    columns = {"behaviour_id": "what", "customer_id": "who", "behaviour": {"constant": "click"},
               "business_date": "when", "occurred_at": "when"}  # fmt: skip
    mapping = MAPPING | {"datasets": MAPPING["datasets"] | {"behaviours": {"file": "app.csv", "columns": columns}}}
    body = {"import_id": str(new_id()), "mapping": mapping, "folder": str(folder),
            "datasets": ["transactions", "behaviours"]}  # fmt: skip
    started = await eventing.send("POST", "/v1/ledger/imports", body)
    assert started.status_code == 202, started.text

    async def ended() -> Any:
        job = (await eventing.get(f"/v1/jobs/eventing/{started.json()['id']}")).json()
        return job if job["state"] in ("done", "failed") else None

    failed = await eventually(ended, 120, what="the import")
    assert (failed["state"], failed["error"]["code"]) == ("failed", "column_missing")
    assert Lake(str(lake_dir), tmp_path / "x").pointers("transactions") == []


async def test_an_import_that_is_cancelled_adds_nothing_and_goes_on_when_resumed(
    eventing: Any, lake_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "extract"
    write(folder, "postings.csv", "1,A,2024-01-31,C,12.50", "2,A,2024-02-01,D,3.00", "3,A,2024-02-30,C,1.00")
    body = {"import_id": str(new_id()), "mapping": MAPPING, "folder": str(folder), "datasets": ["transactions"]}
    lake = Lake(str(lake_dir), tmp_path / "x")
    async with workbench.only_writer(eventing.service.runtime):  # the job reaches the lake's door and no further
        started = await eventing.send("POST", "/v1/ledger/imports", body)
        job = f"/v1/jobs/eventing/{started.json()['id']}"

        async def running() -> bool:
            return bool((await eventing.get(job)).json()["state"] == "running")

        await eventually(running, what="the import")
        cancelled = await eventing.send("POST", f"{job}:cancel", None)
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    (run_,) = (await eventing.get("/v1/ledger/imports")).json()["items"]
    assert (run_["state"], run_["counts"], run_["log"]) == ("cancelled", None, [])
    assert lake.pointers("transactions") == []
    resumed = await eventing.send("POST", f"{job}:resume", None)
    assert (resumed.status_code, resumed.json()["state"]) == (200, "queued")
    counts = (await eventing.done(started))["datasets"]["transactions"]
    assert (counts["read"], counts["accepted"], counts["rejected"], counts["unchanged"]) == (3, 2, 1, 0)
    assert {pointer.partition: pointer.rows for pointer in lake.pointers("transactions")} == {
        "month=2024-01": 1, "month=2024-02": 1,
    }  # fmt: skip
    told = await eventing.rows("SELECT 1 FROM outbox WHERE type = 'eventing.transactions.published.v1'")
    assert len(told) == 2, "each month once"
    assert (await eventing.get("/v1/ledger/imports")).json()["items"][0]["state"] == "done"


@pytest.mark.faults
async def test_a_replay_survives_kills_of_its_process(
    eventing: Any, invented_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    """`kill -9` of the publishing process: the same detections and the same states as without."""
    await eventing.load(invented_bank, lake_dir, tmp_path / "s")
    body = {"from": "2024-08-01", "to": "2025-02-28", "speed": 800}
    started = await eventing.send("POST", "/v1/ledger/replays", body)
    job = f"/v1/jobs/eventing/{started.json()['id']}"
    killed, rounds = 0, min(int(os.environ.get("ATTUNE_FAULT_ROUNDS", "1")), 4)  # a job is started five times at most
    for share in [(number + 1) / (rounds + 1) for number in range(rounds)]:

        async def advanced(share: float = share) -> bool:
            seen = (await eventing.get(job)).json()
            return bool(seen["total"]) and seen["progress"] >= share * seen["total"]

        await eventually(advanced, 90, every=0.05, what=f"{share:.0%} of the replay")
        killed += await asyncio.to_thread(kill_job, started.json()["id"])
    assert killed == rounds
    result = await eventing.done(started)
    states = "SELECT customer_id, trigger, packed FROM keyed_state ORDER BY customer_id, trigger"
    after = await eventing.rows(states)
    await eventing.done(await eventing.send("POST", "/v1/ledger/replays", body | {"speed": "max"}))
    assert await eventing.rows(states) == after
    again = await eventing.rows("SELECT count(*) AS n FROM detection WHERE state = 'raised'")
    assert result["detections"]["large-deposit"]["count"] == again[0]["n"] > 10


def kill_job(job_id: str) -> int:
    """Kill the process of a job, found by its name; return how many were found."""
    found = [process for process in psutil.process_iter() if process.name() == job_entry.name(job_id)]
    for process in found:
        process.kill()
    return len(found)
