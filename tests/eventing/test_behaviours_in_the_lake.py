"""Behaviours in the lake: by the day's close and from files; backtested, rebuilt, replayed and taken back."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

from pyarrow import parquet
from tests.eventing.conftest import SOURCE
from tests.eventing.test_behaviours import FILE, looked, post
from tests.eventing.test_eight_shapes import insert_file, states

from attune_contracts.datasets import BEHAVIOURS
from attune_contracts.identifiers import customer_id, new_id
from attune_service_kit.lake import Lake
from attune_service_kit.testing import eventually

DAYS = {"from": "2024-03-01", "to": "2024-03-31"}
MAPPING = {
    "source": SOURCE,
    "datasets": {
        "behaviours": {
            "file": "app.csv",
            "columns": {
                "behaviour_id": "id", "customer_id": "who", "behaviour": {"constant": "product_viewed"},
                "business_date": {"column": "at", "format": "YYYY-MM-DD hh:mm:ss"},
                "occurred_at": {"column": "at", "format": "YYYY-MM-DD hh:mm:ss", "zone": "UTC"},
                "product": "product", "channel": {"constant": "mobile"}, "seconds": "seconds",
            },
        }
    },
}  # fmt: skip
LINES = (
    "id,who,at,product,seconds",
    "f1,P2,2024-03-02 10:00:00,wealth-90,5",
    "f2,P2,2024-03-03 10:00:00,wealth-90,",
    "f3,P2,2024-03-05 10:00:00,wealth-90,1000000",
    "f4,P9,2024-03-05 10:00:00,wealth-90,1000001",
    "b1,P0,2024-03-01 10:00:00,wealth-90,",
)


def in_the_lake(lake_dir: Path, scratch: Path) -> dict[str, dict[str, Any]]:
    files = Lake(str(lake_dir), scratch).files("behaviours")
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    assert len({row["behaviour_id"] for row in rows}) == len(rows)
    return {row["behaviour_id"]: row for row in rows}


async def streamed(eventing: Any) -> None:
    """A third look of one customer, two looks of another."""
    sent = [looked(f"b{n}", f"2024-03-0{n}T10:00:00Z") for n in (1, 2, 3)]
    sent += [looked(f"c{n}", f"2024-03-0{n}T10:00:00Z", customer_id="P1") for n in (4, 5)]
    assert (await post(eventing, *sent)).json()["accepted"] == 5

    async def stored() -> bool:
        return len(await eventing.rows("SELECT 1 FROM behaviour")) == 5

    assert await eventually(stored, 60, every=0.1, what="the behaviours")
    await eventing.settled()


async def found(eventing: Any) -> list[tuple[Any, str, date]]:
    rows = await eventing.rows(
        "SELECT customer_id, event_key, business_date FROM detection WHERE state = 'raised' ORDER BY event_key"
    )
    return [tuple(row.values()) for row in rows]


async def tried(eventing: Any) -> dict[str, int]:
    """What a backtest finds, by day."""
    body = {"trigger": FILE["trigger"]} | DAYS
    per_day: dict[str, int] = (await eventing.done(await eventing.send("POST", "/v1/backtests", body)))["per_day"]
    return per_day


async def imported(eventing: Any, folder: Path) -> dict[str, Any]:
    body = {"import_id": str(new_id()), "mapping": MAPPING, "folder": str(folder), "datasets": ["behaviours"]}
    result: dict[str, Any] = await eventing.done(await eventing.send("POST", "/v1/ledger/imports", body))
    return result


async def undo(eventing: Any, import_id: str) -> Any:
    started = await eventing.send("POST", f"/v1/ledger/imports/{import_id}:undo", {"only_check": False})

    async def ended() -> Any:
        job = (await eventing.get(f"/v1/jobs/eventing/{started.json()['id']}")).json()
        return job if job["state"] in ("done", "failed") else None

    return await eventually(ended, 60, every=0.1, what="the undo")


async def test_behaviours_reach_the_lake_and_are_tried_rebuilt_replayed_and_taken_back_there(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    for name in ("P0", "P1", "P2"):
        bank.person(name)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await insert_file(eventing.service.runtime.worker_database.pool, FILE, live=True)
    await streamed(eventing)
    third = (customer_id(SOURCE, "P0"), "b3", date(2024, 3, 3))
    assert await found(eventing) == [third]
    before = await states(eventing)

    # A rebuild closes what has gathered, and makes the states of the lake.
    await eventing.done(await eventing.send("POST", "/v1/ledger/rebuilds", {}))
    assert await states(eventing) == before
    rows = in_the_lake(lake_dir, tmp_path / "x")
    assert sorted(rows) == ["b1", "b2", "b3", "c4", "c5"]
    assert tuple(rows["b1"]) == BEHAVIOURS.names
    assert (rows["b1"]["business_date"], rows["b1"]["seconds"]) == (date(2024, 3, 1), None)
    assert await eventing.rows("SELECT 1 FROM behaviour WHERE NOT in_lake") == []
    assert await tried(eventing) == {"2024-03-03": 1}

    folder = tmp_path / "extract"
    folder.mkdir()
    await asyncio.to_thread((folder / "app.csv").write_text, "\n".join(LINES) + "\n", encoding="utf-8")
    first = await imported(eventing, folder)
    counts = {"read": 5, "accepted": 4, "rejected": 1, "unchanged": 1, "unknown_customers": 0}
    assert first["datasets"] == {"behaviours": counts}
    report = await eventing.get(f"/v1/ledger/imports/{first['import_id']}/rejects")
    assert "is beyond 1,000,000" in report.text
    assert (await imported(eventing, folder))["datasets"]["behaviours"]["unchanged"] == 4
    assert await found(eventing) == [third], "a file raises nothing"
    assert await tried(eventing) == {"2024-03-03": 1, "2024-03-05": 1}
    assert (await undo(eventing, first["import_id"]))["result"]["removed"] == 3
    assert await tried(eventing) == {"2024-03-03": 1}
    again = await imported(eventing, folder)

    # A replay sends them once more, in order: what the lake finds stands, however often.
    for _ in range(2):
        replayed = await eventing.done(await eventing.send("POST", "/v1/ledger/replays", DAYS))
        assert (replayed["postings"], replayed["behaviours"]) == (0, 8)
        assert replayed["detections"][FILE["trigger"]]["count"] == 2
        await eventing.settled()
        assert await found(eventing) == [third, (customer_id(SOURCE, "P2"), "f3", date(2024, 3, 5))]
    job = await undo(eventing, again["import_id"])
    assert job["error"]["en"].endswith("1 detections rest on its behaviours")

    # What a front end brings of what the lake has is known.
    kept = await states(eventing)
    sent = looked("f3", "2024-03-05T10:00:00Z", customer_id="P2")
    assert (await post(eventing, sent)).json()["accepted"] == 1
    await eventing.settled()
    assert await states(eventing) == kept
