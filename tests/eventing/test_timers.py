"""A calendar on the running service: dates by business time, late ones, changed ones, and a backfill's past."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.eventing.conftest import SOURCE
from tests.eventing.test_eight_shapes import insert_file
from tests.eventing.test_shapes import TEXTS

from attune_contracts.identifiers import customer_id
from attune_service_kit.testing import eventually
from eventing import ledger, timers, triggers
from eventing.definition import Definition

TODAY = date(2024, 3, 1)
WHO = customer_id(SOURCE, "P0")


async def at(eventing: Any, day: date) -> None:
    """Business time moves on to noon of a day."""
    answer = await eventing.send("POST", "/v1/clock:advance", {"to": f"{day}T12:00:00Z"})
    assert answer.status_code == 200, answer.text


async def dated(eventing: Any, source: str, day: date, known: date | None = None) -> None:
    """A dataset says when a holding matures."""
    pool = eventing.service.runtime.worker_database.pool
    await pool.execute(
        "INSERT INTO dated_fact (customer_id, kind, source_id, day, known_on, product, amount_minor)"
        " VALUES ($1, 'holding_matures_on', $2, $3, $4, 'td', 500)"
        " ON CONFLICT (customer_id, kind, source_id) DO UPDATE SET day = excluded.day, known_on = excluded.known_on",
        WHO, source, day, known,
    )  # fmt: skip


async def woken(eventing: Any, today: date) -> None:
    """The dates of the customer have changed."""
    async with eventing.service.runtime.worker_database.transaction() as tx:
        rows = await triggers.in_force(tx.conn)
        await timers.wake(tx.conn, [WHO], [triggers.compiled(row, "CNY") for row in rows], today)


async def found(eventing: Any) -> dict[str, tuple[date, bool, int | None]]:
    rows = await eventing.rows(
        "SELECT event_key, business_date, late, amount_minor FROM detection WHERE state = 'raised'"
    )
    return {row["event_key"]: (row["business_date"], row["late"], row["amount_minor"]) for row in rows}


async def test_a_calendar_fires_by_business_time_and_a_backfill_says_nothing_of_the_past(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "CALENDAR_TICKS", 1)
    bank = new_bank()
    bank.person("P0")
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await at(eventing, TODAY)
    await dated(eventing, "past", TODAY - timedelta(3))
    await dated(eventing, "next", TODAY + timedelta(9))
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
    next_ = TODAY + timedelta(9)
    assert await found(eventing) == {f"next:{next_}:-7": (TODAY + timedelta(2), False, 500)}
    # A date that becomes known late, within the lateness, and one that changes.
    today = TODAY + timedelta(4)
    await dated(eventing, "late", TODAY + timedelta(10), known=today)
    await dated(eventing, "next", TODAY + timedelta(30), known=today)
    await woken(eventing, today)

    async def second() -> bool:
        return len(await found(eventing)) == 2

    assert await eventually(second, 60, every=0.2, what="the late one")
    late = TODAY + timedelta(10)
    assert (await found(eventing))[f"late:{late}:-7"] == (TODAY + timedelta(3), True, 500)
    (timer,) = await eventing.rows("SELECT due FROM timer")
    assert timer == {"due": late}
    assert Definition.model_validate(file).kind == "calendar"
