"""A calendar on the running service: dates by business time, late ones, changed ones, and a backfill's past."""

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.eventing.conftest import SOURCE, row
from tests.eventing.test_eight_shapes import insert_file
from tests.eventing.test_shapes import TEXTS

from attune_contracts.customer_360 import ImportCompleted
from attune_contracts.datasets import CARDS, HOLDINGS, Dataset
from attune_contracts.identifiers import customer_id, new_id
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.testing import eventually
from eventing import ledger

TODAY = date(2024, 3, 1)
WHO = customer_id(SOURCE, "P0")


async def at(eventing: Any, day: date) -> None:
    """Business time moves on to noon of a day."""
    answer = await eventing.send("POST", "/v1/clock:advance", {"to": f"{day}T12:00:00Z"})
    assert answer.status_code == 200, answer.text


async def holdings(eventing: Any, lake_dir: Path, scratch: Path, matures: dict[str, date], on: date = TODAY) -> None:
    """An import of a day says when the customer's holdings mature: these, and no others."""
    rows = [
        row(HOLDINGS, holding_id=name, customer_id=str(WHO), product_id="td", matures_on=day, amount_minor=500)
        for name, day in matures.items()
    ]
    await imported(eventing, lake_dir, scratch, HOLDINGS, rows, on)


async def imported(
    eventing: Any, lake_dir: Path, scratch: Path, dataset: Dataset, rows: list[dict[str, Any]], on: date
) -> None:
    table = pa.Table.from_pylist(rows, schema=arrow_schema(dataset))
    pointer = await asyncio.to_thread(Lake(str(lake_dir), scratch).write, dataset, "all", table, as_of=on)
    await eventing.publish(ImportCompleted(import_id=new_id(), pointers=(pointer,)))


async def found(eventing: Any) -> dict[str, tuple[date, bool, int | None]]:
    rows = await eventing.rows(
        "SELECT event_key, business_date, late, amount_minor FROM detection WHERE state = 'raised'"
    )
    return {row["event_key"]: (row["business_date"], row["late"], row["amount_minor"]) for row in rows}


async def expiring_cards(eventing: Any, lake_dir: Path, scratch: Path, cards: dict[str, date], now: date) -> None:
    """An import of cards with the days on which they expire."""
    rows = [row(CARDS, card_id=name, customer_id=str(WHO), kind="gold", expires_on=on) for name, on in cards.items()]
    await imported(eventing, lake_dir, scratch, CARDS, rows, now)


async def test_a_calendar_fires_by_business_time_and_a_backfill_says_nothing_of_the_past(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "CALENDAR_TICKS", 1)
    bank = new_bank()
    bank.person("P0")
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await at(eventing, TODAY)
    matures = {"past": TODAY - timedelta(3), "next": TODAY + timedelta(9), "gone": TODAY + timedelta(12)}
    await holdings(eventing, lake_dir, tmp_path / "s", matures)
    file = {
        "trigger": "due", "title": TEXTS, "meaning": TEXTS, "on": "dates", "cooldown": "0 days",
        "calendar": {"of": "holding_matures_on", "offsets": [-7, 0]},
    }  # fmt: skip
    runtime = eventing.service.runtime
    await insert_file(runtime.worker_database.pool, file, live=False)
    async with runtime.worker_database.transaction() as tx:
        await runtime.jobs.start(tx, "backfill", {"trigger": "due", "version": 1}, key="backfill")

    async def live() -> bool:
        return bool(await eventing.rows("SELECT 1 FROM trigger WHERE name = 'due' AND backfilled_at IS NOT NULL"))

    assert await eventually(live, 60, every=0.1, what="the calendar is in force")
    (timer,) = await eventing.rows("SELECT customer_id, due FROM timer")
    assert timer == {"customer_id": WHO, "due": TODAY + timedelta(2)}
    await at(eventing, TODAY + timedelta(4))

    async def first() -> bool:
        return bool(await found(eventing))

    assert await eventually(first, 60, every=0.2, what="the first of the two days")
    assert await found(eventing) == {f"next:{TODAY + timedelta(9)}:-7": (TODAY + timedelta(2), False, 500)}
    # A date that becomes known late, within the lateness, and one that changes.
    matures = {"past": TODAY - timedelta(3), "next": TODAY + timedelta(30), "late": TODAY + timedelta(10)}
    now = TODAY + timedelta(4)
    await holdings(eventing, lake_dir, tmp_path / "s", matures, now)

    async def second() -> bool:
        return len(await found(eventing)) == 2

    assert await eventually(second, 60, every=0.2, what="the late one")
    late = TODAY + timedelta(10)
    assert (await found(eventing))[f"late:{late}:-7"] == (TODAY + timedelta(3), True, 500)
    (timer,) = await eventing.rows("SELECT due FROM timer")
    assert timer == {"due": late}
    # The lake finds the same: the file tried on these days.
    days = {"from": TODAY.isoformat(), "to": now.isoformat()}
    tried = await eventing.done(await eventing.send("POST", "/v1/backtests", {"trigger": "due"} | days))
    assert tried["per_day"] == {str(day): 1 for day, *_ in (await found(eventing)).values()}
    # The first dates of a kind that a calendar in force has waited for: nothing is said of days long past.
    expiring = file | {"trigger": "expiring", "calendar": {"of": "card_expires_on", "offsets": [0]}}
    await insert_file(runtime.worker_database.pool, expiring, live=True)
    cards = {"old": TODAY - timedelta(40), "new": now - timedelta(2)}
    await expiring_cards(eventing, lake_dir, tmp_path / "s", cards, now)

    async def third() -> bool:
        return len(await found(eventing)) == 3

    assert await eventually(third, 60, every=0.2, what="the card that has just expired")
    assert (await found(eventing))[f"new:{cards['new']}:0"] == (cards["new"], True, None)
