"""The nightly file's way: a day's file is judged in the lake, each detection said once, beside a stream or not."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.eventing.conftest import SOURCE
from tests.eventing.test_eight_shapes import insert_file
from tests.eventing.test_imports import run as import_files
from tests.eventing.test_imports import write
from tests.eventing.test_shapes import TEXTS

from attune_service_kit.testing import eventually

OFTEN: dict[str, Any] = {
    "trigger": "often", "title": TEXTS, "meaning": TEXTS, "on": "postings", "where": "direction = 'credit'",
    "count": {"at_least": 2, "within": "3 days"}, "lateness": "2 days", "cooldown": "0 days",
}  # fmt: skip
QUIET = OFTEN | {"trigger": "quiet", "silence": {"for": "5 days"}, "lateness": "1 days"}
del QUIET["count"]


async def night(eventing: Any, day: str) -> tuple[int, int]:
    """Run a day; how many were raised and withdrawn."""
    result = await eventing.done(await eventing.send("POST", "/v1/triggers:run", {"date": day}))
    assert result["raised"] == sum(one["raised"] for one in result["triggers"].values())
    return result["raised"], result["withdrawn"]


async def said(eventing: Any, kind: str = "raised") -> list[str]:
    """The keys of what has been said so far."""
    rows = await eventing.rows(
        "SELECT convert_from(payload, 'UTF8')::json -> 'data' ->> 'event_key' AS key FROM outbox"
        " WHERE type = $1 ORDER BY seq",
        f"eventing.detection.{kind}.v1",
    )
    return [row["key"] for row in rows]


async def stands(eventing: Any) -> dict[str, dict[date, int]]:
    rows = await eventing.rows(
        "SELECT trigger, business_date, count(*) AS n FROM detection WHERE state = 'raised' GROUP BY 1, 2"
    )
    found: dict[str, dict[date, int]] = {}
    for row in rows:
        found.setdefault(row["trigger"], {})[row["business_date"]] = row["n"]
    return found


async def test_each_night_says_what_its_file_brings_and_the_stream_has_not_said(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = new_bank()
    bank.person("P1")
    bank.person("P2", branch="B2")
    for key, day in (("a", "02-28"), ("b", "02-29"), ("1", "03-01"), ("2", "03-02")):
        bank.post(key, "P1", date.fromisoformat(f"2024-{day}"), 100)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    pool = eventing.service.runtime.worker_database.pool
    for file in (OFTEN, QUIET):
        await insert_file(pool, file, live=True)
    folder = tmp_path / "files"
    assert await night(eventing, "2024-03-01") == (1, 0)
    assert await said(eventing) == ["1"], "what lies before the first night is not spoken of"
    assert await night(eventing, "2024-03-02") == (1, 0)
    assert await said(eventing) == ["1", "2"]
    (one,) = await eventing.rows("SELECT late, branch_id, amount_minor FROM detection WHERE event_key = '2'")
    assert one == {"late": False, "branch_id": "B1", "amount_minor": 300}

    # Two nights later: a late posting, within the lateness; by the stream two that the file has, too.
    late = ("3,P2,2024-03-02,C,1.00", "4,P2,2024-03-04,C,1.00", "5,P1,2024-03-04,D,1.00")
    stream = [
        {"posting_id": key, "account_id": "P2", "business_date": day, "direction": "credit", "amount": "1.00",
         "currency": "CNY", "kind": "transfer"}
        for key, day in (("6", "2024-03-04"), ("7", "2024-03-04"))
    ]  # fmt: skip
    body = {"source": SOURCE, "postings": stream}
    assert (await eventing.send("POST", "/v1/ledger/postings", body, role="partner")).json()["accepted"] == 2

    async def streamed() -> bool:
        return (await said(eventing))[2:] == ["7"]

    assert await eventually(streamed, 60, every=0.1, what="the stream's own detection")
    write(folder, "postings_4.csv", *late, "6,P2,2024-03-04,C,1.00", "7,P2,2024-03-04,C,1.00")
    await import_files(eventing, folder)
    assert await night(eventing, "2024-03-04") == (2, 0)
    assert await said(eventing) == ["1", "2", "7", "4", "6"]

    # A week without files: what days have found that are over.
    assert await night(eventing, "2024-03-12") == (2, 0)
    assert (await said(eventing))[5:] == ["silence:2024-03-02", "silence:2024-03-04"]
    await eventing.settled()
    assert await night(eventing, "2024-03-12") == (0, 0)
    assert len(await said(eventing)) == 7
    days = {"from": "2024-03-01", "to": "2024-03-12"}
    for name, found in (await stands(eventing)).items():
        tried = await eventing.done(await eventing.send("POST", "/v1/backtests", {"trigger": name} | days))
        assert tried["per_day"] == {str(day): count for day, count in sorted(found.items())}, name
    assert await said(eventing, "withdrawn") == []

    monkeypatch.setitem(vars(eventing.service.runtime.settings), "clock", "wall")
    refused = await eventing.send("POST", "/v1/triggers:run", {"date": "2024-03-13"})
    assert (refused.status_code, refused.json()["code"]) == (422, "day_not_over")


async def test_a_night_withdraws_what_its_file_has_undone(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("P1")
    for key, day, more in (
        ("1", 1, {}), ("2", 2, {}), ("3", 9, {}), ("4", 10, {}), ("u", 12, {"reverses": "2"}),
        ("5", 19, {}), ("6", 20, {}), ("7", 21, {}),
    ):  # fmt: skip
        bank.post(key, "P1", date(2024, 3, day), -100 if more else 100, **more)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await insert_file(eventing.service.runtime.worker_database.pool, OFTEN, live=True)
    nights = [await night(eventing, f"2024-03-{day:02d}") for day in (2, 10, 12)]
    assert nights == [(1, 0), (1, 0), (0, 1)]
    assert (await said(eventing), await said(eventing, "withdrawn")) == (["2", "4"], ["2"])
    (one,) = await eventing.rows("SELECT reason FROM detection WHERE event_key = '2'")
    assert one["reason"] == "reversed"
    # What a paused trigger would have said is not made up for.
    pool = eventing.service.runtime.worker_database.pool
    for day, enabled in ((20, False), (21, True)):
        await pool.execute("UPDATE trigger SET enabled = $1 WHERE name = 'often'", enabled)
        assert await night(eventing, f"2024-03-{day}") == (int(enabled), 0)
    assert await said(eventing) == ["2", "4", "7"]
