"""Taking an import of postings back: its files leave the lake, states are made anew; or it stays, and why."""

from pathlib import Path
from typing import Any

from attune_service_kit.lake import Lake
from attune_service_kit.testing import eventually

from .test_imports import run, write


def postings(lake_dir: Path, tmp_path: Path) -> dict[str, int]:
    """How many postings each month of the lake has."""
    return {p.partition: p.rows for p in Lake(str(lake_dir), tmp_path / "x").pointers("transactions")}


async def undo(eventing: Any, import_id: str, only_check: bool = False) -> Any:
    path = f"/v1/ledger/imports/{import_id}:undo"
    return await eventing.send("POST", path, {"only_check": only_check})


async def test_what_an_import_added_leaves_the_lake_and_twice_is_harmless(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("A")
    await eventing.load(bank, lake_dir, tmp_path / "s")
    write(tmp_path / "one", "postings.csv", "1,A,2024-01-31,C,12.50", "2,A,2024-02-01,D,3.00")
    write(tmp_path / "two", "postings.csv", "2,A,2024-02-01,D,3.00", "3,A,2024-02-03,C,7.00", "4,A,2024-03-01,C,1.00")
    first, second = await run(eventing, tmp_path / "one"), await run(eventing, tmp_path / "two")
    assert postings(lake_dir, tmp_path) == {"month=2024-01": 1, "month=2024-02": 2, "month=2024-03": 1}
    await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {"before": "2024-04-01"}))
    checked = await eventing.done(await undo(eventing, second["import_id"], only_check=True))
    assert (checked["undone"], checked["removed"]) == (False, 2)
    done = await eventing.done(await undo(eventing, second["import_id"]))
    assert (done["undone"], done["removed"]) == (True, 2)
    assert postings(lake_dir, tmp_path) == {"month=2024-01": 1, "month=2024-02": 1, "month=2024-03": 0}
    again = (await undo(eventing, second["import_id"])).json()
    assert again["result"] == done
    await eventing.settled()
    job = (await eventing.get(f"/v1/jobs/eventing/{done['rebuild']}")).json()
    assert job["state"] == "done", "the states that read the postings are made anew"
    known = await eventing.rows("SELECT posting_id FROM posting WHERE came = 'lake' ORDER BY 1")
    assert [row["posting_id"] for row in known] in ([], ["1", "2"], ["2"]), "the stream may bring 3 and 4 again"
    runs = (await eventing.get("/v1/ledger/imports")).json()["items"]
    assert {run_["import_id"]: run_["state"] for run_ in runs} == {
        first["import_id"]: "done",
        second["import_id"]: "undone",
    }
    third = await run(eventing, tmp_path / "two")
    assert third["datasets"]["transactions"]["unchanged"] == 1, "and the same file may come again"
    # As if it had been cancelled when its postings lay in the lake and nobody had been told.
    pool = eventing.service.everything.pool
    await pool.execute(
        "UPDATE import_run SET completed_at = NULL, counts = NULL WHERE import_id = $1", third["import_id"]
    )
    await pool.execute(
        "UPDATE job SET state = 'cancelled' WHERE id = (SELECT job_id FROM import_run WHERE import_id = $1)",
        third["import_id"],
    )
    assert (await eventing.done(await undo(eventing, third["import_id"])))["removed"] == 2
    assert postings(lake_dir, tmp_path) == {"month=2024-01": 1, "month=2024-02": 1, "month=2024-03": 0}


async def test_an_import_on_whose_postings_detections_rest_stays(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("A")
    await eventing.load(bank, lake_dir, tmp_path / "s")
    months = [f"{n},A,2024-0{n}-01,C,10.00" for n in range(1, 9)]
    write(tmp_path / "one", "postings.csv", *months, "big,A,2024-08-15,C,99999.00")
    done = await run(eventing, tmp_path / "one")
    replay = {"from": "2024-08-01", "to": "2024-08-31"}
    found = await eventing.done(await eventing.send("POST", "/v1/ledger/replays", replay))
    assert found["detections"]["large-deposit"]["count"] == 1
    started = (await undo(eventing, done["import_id"])).json()

    async def ended() -> Any:
        job = (await eventing.get(f"/v1/jobs/eventing/{started['id']}")).json()
        return job if job["state"] == "failed" else None

    job = await eventually(ended, 60, what="the undo's end")
    assert job["error"]["code"] == "import_in_use"
    assert job["error"]["en"].endswith("1 detections rest on its postings")
    assert sum(postings(lake_dir, tmp_path).values()) == 9


async def test_imports_of_postings_have_a_history_and_a_report(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("A")
    await eventing.load(bank, lake_dir, tmp_path / "s")
    write(tmp_path / "one", "postings.csv", "1,A,2024-01-31,C,12.50", "2,A,2024-01-32,C,1.00")
    done = await run(eventing, tmp_path / "one")
    one = (await eventing.get(f"/v1/ledger/imports/{done['import_id']}")).json()
    assert (one["state"], one["has_rejects"], one["source"]) == ("done", True, "test")
    assert [line["text"] for line in one["log"]] == [
        "transactions: 2 read, 1 accepted, 1 rejected, 0 unchanged, 0 of unknown accounts"
    ]
    report = await eventing.get(f"/v1/ledger/imports/{done['import_id']}/rejects")
    assert report.text.splitlines() == [
        "dataset,file,line,column,reason,row",
        'transactions,postings.csv,3,day,is not a date in the form YYYY-MM-DD,"2,A,2024-01-32,C,1.00"',
    ]
    teller = eventing.token("teller", "B1")
    assert (await eventing.service.client.get("/v1/ledger/imports", headers=teller)).status_code == 403
