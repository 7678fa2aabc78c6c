"""Nights over all eight shapes at once: the lake judged with calendar and front ends beside the rest."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.eventing.conftest import Bank, row
from tests.eventing.test_eight_shapes import (
    DAY0,
    Arriving,
    Standing,
    definitions,
    everything,
    insert,
    insert_file,
    known,
    pure,
    standing,
)
from tests.eventing.test_nightly import night
from tests.eventing.test_shapes import TEXTS

from attune_contracts.datasets import BEHAVIOURS
from attune_contracts.eventing import BehaviourRecorded
from attune_contracts.ledger import Direction
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.testing import eventually
from eventing.compiled import Compiled
from eventing.definition import Definition

TWO, FIVE = (tuple(DAY0 + timedelta(n) for n in days) for days in ((38, 43), range(33, 54, 5)))
"""Of two nights six of the shapes find something, of five all eight."""
Nights = Sequence[date]
OFFSETS = [0, 3]
CALENDAR: dict[str, Any] = {
    "trigger": "t-date", "title": TEXTS, "meaning": TEXTS, "on": "dates", "lateness": "5 days", "cooldown": "0 days",
    "calendar": {"of": "customer_since", "offsets": OFFSETS},
}  # fmt: skip


def fill(bank: Bank, sent: Sequence[Arriving], nights: Nights, lake_dir: Path, scratch: Path) -> None:
    """The facts as files have brought them, and a first day of each customer."""
    names = {one["account_id"]: one["source_id"] for one in bank.accounts}
    seen = []
    for one in sent:
        if isinstance(one, BehaviourRecorded):
            seen.append(row(BEHAVIOURS, **{name: getattr(one, name) for name in BEHAVIOURS.names}))
            seen[-1]["customer_id"] = str(one.customer_id)
        else:
            net = one.amount_minor if one.direction is Direction.CREDIT else -one.amount_minor
            bank.post(
                one.posting_id, names[str(one.account_id)], one.business_date, net, kind=one.kind, channel=one.channel,
                booked_at=one.booked_at, reverses=one.reverses,
            )  # fmt: skip
    for number, party in enumerate(bank.parties):
        party["opened_on"] = nights[0] + timedelta(2 + 4 * number)
    table = pa.Table.from_pylist(seen, schema=arrow_schema(BEHAVIOURS))
    Lake(str(lake_dir), scratch).write(BEHAVIOURS, "month=all", table, as_of=nights[-1])


def of_the_nights(nights: Nights, found: Standing) -> Standing:
    """What the nights speak of: the days since the first, of what is settled the days since that night's last."""
    compiled = {one.trigger: Compiled.of(one) for one in (*definitions(), Definition.model_validate(CALENDAR))}
    timed = {name for name, one in compiled.items() if one.has_timer and one.kind != "calendar"}
    settled = nights[0] - timedelta(6)
    return {one for one in found if one[3] >= (settled if one[0] in timed else nights[0])}


def by_the_dates(bank: Bank, nights: Nights) -> Standing:
    """What the page says of the first days: each, and three days after."""
    return {
        ("t-date", party["customer_id"], f"{party['source_id']}:{party['opened_on']}:{offset}", on)
        for party in bank.parties
        for offset in OFFSETS
        if (on := party["opened_on"] + timedelta(offset)) <= nights[-1]
    }


@pytest.mark.parametrize(
    ("nights", "shapes"),
    [pytest.param(TWO, 6, id="two"), pytest.param(FIVE, 8, id="five", marks=pytest.mark.slow)],
)
async def test_nights_find_of_all_shapes_together_what_the_stream_finds(
    nights: Nights, shapes: int, eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    known(bank)
    sent = [one for one in everything() if one.business_date <= nights[-1]]
    await asyncio.to_thread(fill, bank, sent, nights, lake_dir, tmp_path / "b")
    pool = eventing.service.runtime.worker_database.pool
    await pool.execute("UPDATE trigger SET lateness_days = 5")
    for definition in definitions():
        await insert(pool, definition, live=True)
    await insert_file(pool, CALENDAR, live=True)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    for day in nights:
        await night(eventing, day.isoformat())
    wanted = of_the_nights(nights, pure(sent)[0]) | by_the_dates(bank, nights)
    kinds = {one.trigger: one.kind for one in definitions()} | {"t-date": "calendar"}
    assert {"calendar", "behaviour"} <= {kinds[one[0]] for one in wanted}
    assert len({kinds[one[0]] for one in wanted}) == shapes

    async def all_found() -> bool:
        return of_the_nights(nights, await standing(eventing)) >= by_the_dates(bank, nights)

    await eventually(all_found, 60, every=0.2, what="the dates' detections")
    assert of_the_nights(nights, await standing(eventing)) == wanted
