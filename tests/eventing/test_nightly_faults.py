"""Nights whose process is killed, each at another place: nothing lost, nothing doubled, the states of no death."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.eventing.conftest import Bank
from tests.eventing.test_eight_shapes import insert_file
from tests.eventing.test_nightly import OFTEN, QUIET, night
from tests.eventing.test_rebuild import done_after_death_at
from tests.eventing.test_shapes import TEXTS

from attune_service_kit.testing import Publish, StartService, provision_streams
from eventing.app import SERVICE

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PLACES = ("rebuild.computed", "rebuild.swapped", "job.before_done")
NIGHTS = [date(2024, 11, 1) + timedelta(days) for days in range(12)]
FILES: tuple[dict[str, Any], ...] = (
    OFTEN | {"count": {"at_least": 2, "within": "20 days"}},
    QUIET | {"silence": {"for": "9 days"}},
    {
        "trigger": "gone", "title": TEXTS, "meaning": TEXTS, "on": "postings", "lateness": "1 days",
        "absence": {"after": "direction = 'credit'", "without": "direction = 'debit'", "within": "12 days"},
    },
)  # fmt: skip


async def opened(eventing: Any, bank: Bank, lake_dir: Path, scratch: Path) -> Any:
    await eventing.load(bank, lake_dir, scratch)
    for file in FILES:
        await insert_file(eventing.service.runtime.worker_database.pool, file, live=True)
    return eventing


async def left(eventing: Any) -> tuple[set[tuple[Any, ...]], dict[tuple[Any, ...], bytes], dict[str, int]]:
    """What stands, the bytes of the states, and how often each detection was said more than taken back."""
    await eventing.settled()
    rows = await eventing.rows(
        "SELECT trigger, customer_id, event_key, business_date, state, amount_minor, compared_with_minor, branch_id"
        " FROM detection"
    )
    states = await eventing.rows("SELECT customer_id, trigger, account_id, packed FROM keyed_state")
    balance: dict[str, int] = {}
    for row in await eventing.rows("SELECT payload FROM outbox WHERE type LIKE 'eventing.detection.%'"):
        event = orjson.loads(row["payload"])
        step = {"eventing.detection.raised.v1": 1, "eventing.detection.withdrawn.v1": -1}.get(event["type"], 0)
        balance[event["data"]["detection_id"]] = balance.get(event["data"]["detection_id"], 0) + step
    found = {tuple(row.values()) for row in rows}
    return found, {tuple(row.values())[:3]: row["packed"] for row in states}, balance


async def test_nights_killed_again_and_again_say_everything_once(
    eventing: Any,
    start_service: StartService,
    streams: Any,
    token: Any,
    publish: Publish,
    invented_bank: Bank,
    lake_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed = await opened(eventing, invented_bank, lake_dir, tmp_path / "s")
    told = []
    for number, day in enumerate(NIGHTS):
        place = PLACES[number % len(PLACES)]
        done = await done_after_death_at(killed, place, monkeypatch, "/v1/triggers:run", date=day.isoformat())
        told.append((done["raised"], done["withdrawn"]))
    found, states, said = await left(killed)
    await killed.service.stop()

    await provision_streams(streams)
    living = type(eventing)(await start_service(SERVICE, clock="events"), token, publish)
    await opened(living, invented_bank, lake_dir, tmp_path / "s")
    assert told == [await night(living, day.isoformat()) for day in NIGHTS], "also of those that were through"
    assert (found, states) == (await left(living))[:2]
    assert len({row[0] for row in found}) >= 3, "several triggers have found something"
    standing = [row for row in found if row[4] == "raised"]
    assert len(standing) > 20
    assert sorted(said.values()) == [0] * (len(said) - len(standing)) + [1] * len(standing)
