"""Kills while all shapes are judged, by one worker and by two: nothing lost or doubled, the states of no death."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from tests.eventing.conftest import SOURCE
from tests.eventing.test_eight_shapes import PEOPLE, arriving, definitions, insert, postings, pure, with_kinds

from attune_contracts.identifiers import account_id, customer_id, partition
from attune_service_kit.failpoints import EXIT_STATUS, VARIABLE
from attune_service_kit.testing import Publish, eventually
from attune_service_kit.testing_credentials import nats_seed
from eventing.app import SERVICE

pytestmark = [pytest.mark.faults, pytest.mark.slow]

KILLS = 12
KILLS_OF_TWO = 6
HELD = """
SELECT count(*) AS held FROM position WHERE consumer LIKE 'LEDGER.p%' AND lease_until > now() GROUP BY lease_owner"""
PLACES = ("consumer.after_mark", "consumer.before_commit", "consumer.after_commit")


def worker(settings: Any, log: Path, failpoint: str | None) -> subprocess.Popen[bytes]:
    """The service's worker as a process of its own."""
    values = {
        "environment": "test", "port": "0", "clock": "events", "database_url": settings.database_url,
        "worker_database_url": settings.worker_database_url, "nats_url": settings.nats_url, "nats_user": "eventing",
        "nats_seed": nats_seed("eventing"), "ledger_nats_user": "ledger", "ledger_nats_seed": nats_seed("ledger"),
        "lake_url": settings.lake_url, "scratch": str(settings.scratch), "token_issuer": settings.token_issuer,
        "token_jwks": settings.token_jwks, "cursor_key": settings.cursor_key.get_secret_value(),
        "kek_file": str(settings.kek_file), "retry_seconds": "[0.05, 0.05]", "lease_seconds": "1",
    }  # fmt: skip
    environment = {f"EVENTING_{name.upper()}": str(value) for name, value in values.items()}
    if failpoint:
        environment[VARIABLE] = failpoint
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "eventing", "worker"], env={"PATH": os.environ["PATH"], **environment}, stdout=out,
            stderr=out,
        )  # fmt: skip


async def bank_of(settings: Any) -> asyncpg.Connection:
    """A connection to the worker's database, with owners and one trigger of every shape."""
    connection = await asyncpg.connect(settings.worker_database_url)
    for number in range(PEOPLE):
        owner = customer_id(SOURCE, f"P{number}")
        for name, kind, opening in ((f"P{number}", "demand", 500), (f"P{number}-T", "time", 0)):
            await connection.execute(
                "INSERT INTO account_owner (account_id, customer_id, partition, kind, opening_balance_minor)"
                " VALUES ($1, $2, $3, $4, $5)",
                account_id(SOURCE, name), owner, partition(owner), kind, opening,
            )  # fmt: skip
    await connection.execute("DELETE FROM trigger")
    for definition in definitions():
        await insert(connection, definition, live=True)
    return connection


async def as_without_deaths(connection: asyncpg.Connection, sent: list[Any]) -> bool:
    """Whether states, detections, postings and what was said become those of a worker that never died."""
    standing, states = pure(sent)

    async def agreed() -> bool:
        rows = await connection.fetch("SELECT customer_id, trigger, account_id, packed FROM keyed_state")
        return {tuple(row.values())[:3]: row["packed"] for row in rows} == states

    assert await eventually(agreed, 90, every=0.5, what="the states of no death")
    found = await connection.fetch(
        "SELECT trigger, customer_id::text, event_key, business_date FROM detection WHERE state = 'raised'"
    )
    assert {tuple(row.values()) for row in found} == standing
    assert await connection.fetchval("SELECT count(*) FROM posting") == len(sent)
    assert not await connection.fetch("SELECT 1 FROM quarantine")
    said = await connection.fetch("SELECT payload FROM outbox WHERE type LIKE 'eventing.detection.%'")
    balance: dict[str, int] = {}
    for row in said:
        event = orjson.loads(row["payload"])
        step = {"eventing.detection.raised.v1": 1, "eventing.detection.withdrawn.v1": -1}.get(event["type"], 0)
        balance[event["data"]["detection_id"]] = balance.get(event["data"]["detection_id"], 0) + step
    return sorted(balance.values()) == [0] * (len(balance) - len(standing)) + [1] * len(standing)


@dataclass
class Schedule:
    """What is sent in an arrival of its own, in parts of the same size, and where the worker lives."""

    settings: Any
    connection: asyncpg.Connection
    publish: Publish
    log: Path
    sent: list[Any] = field(default_factory=lambda: with_kinds(postings()))

    def worker(self, failpoint: str | None = None) -> "subprocess.Popen[bytes]":
        """Another worker."""
        return worker(self.settings, self.log, failpoint)

    async def say(self, part: Sequence[Any]) -> None:
        """Publish postings at noon of their own days: business time stays among them, however long a worker lives."""
        for posting in part:
            await self.publish(posting, time=datetime.combine(posting.business_date, time(12), UTC))

    def parts(self, how_many: int) -> list[list[Any]]:
        """The postings as they arrive, cut into so many parts."""
        arrival = arriving(self.sent, 9)
        size = -(-len(arrival) // how_many)
        return [arrival[at : at + size] for at in range(0, len(arrival), size)]


@pytest.fixture
async def schedule(
    streams: Any,
    make_database: Callable[..., Any],
    service_settings: Callable[..., Any],
    publish: Publish,
    tmp_path: Path,
) -> AsyncIterator[Schedule]:
    """A fresh database with owners and triggers; no worker yet."""
    settings = service_settings(SERVICE, await make_database(SERVICE), clock="events")
    connection = await bank_of(settings)
    yield Schedule(settings, connection, publish, tmp_path / "log")
    await connection.close()


async def ended(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """End them and wait for it."""
    for process in processes:
        process.terminate()
    for process in processes:
        await asyncio.to_thread(process.wait, 30)


async def test_kills_lose_nothing_double_nothing_and_leave_the_bytes(schedule: Schedule) -> None:
    draw = random.Random(2)
    *parts, last = schedule.parts(KILLS + 1)
    for number, part in enumerate(parts):
        await schedule.say(part)
        process = schedule.worker(f"{PLACES[number % 3]}@{draw.randint(1, 2)}")
        assert await asyncio.to_thread(process.wait, 60) == EXIT_STATUS, schedule.log.read_text()[-2000:]
    await schedule.say(last)
    process = schedule.worker()
    try:
        assert await as_without_deaths(schedule.connection, schedule.sent)
    finally:
        await ended([process])


async def test_one_of_two_workers_killed_again_and_again_changes_nothing(schedule: Schedule) -> None:
    draw = random.Random(3)
    *parts, last = schedule.parts(KILLS_OF_TWO + 1)
    workers = [schedule.worker() for _ in range(2)]

    async def shared() -> bool:
        return [row["held"] for row in await schedule.connection.fetch(HELD)] == [4, 4]

    try:
        for number, part in enumerate(parts):
            assert await eventually(shared, 60, every=0.1, what="half of the ledger for each")
            await schedule.say(part)
            await asyncio.sleep(draw.uniform(0, 0.3))
            workers[number % 2].kill()
            workers[number % 2].wait()
            workers[number % 2] = schedule.worker()
        await schedule.say(last)
        assert await as_without_deaths(schedule.connection, schedule.sent)
    finally:
        await ended(workers)
