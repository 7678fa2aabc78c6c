"""kill -9, a frozen worker, a killed and a lost broker: outbox, stream and inbox agree at the end (P-01 … P-09).

Real processes of the sample service. ATTUNE_FAULT_ROUNDS repeats the kills; one round is for every commit.
"""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from attune_service_kit.database import Database
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.nats_client import connect
from attune_service_kit.nats_rights import PROVISION_USER, inbox_prefix
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.testing import eventually, provision_streams
from attune_service_kit.testing_credentials import nats_seed

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("ATTUNE_FAULT_ROUNDS", "1"))
SCRIPT = Path(__file__).parent / "delivery_sample.py"


class Rig:
    """One database, one stream, and worker processes of the sample service."""

    def __init__(self, delivery: ModuleType, settings: ServiceSettings, nats_server: EmbeddedNats, log: Path) -> None:
        self.delivery = delivery
        self.settings = settings
        self.nats = nats_server
        self.database = Database(settings.worker_database_url)
        self.placed = 0
        self._log = log
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self, failpoint: str | None = None, **settings: str) -> subprocess.Popen[bytes]:
        """Start a worker process, perhaps with a fail-point."""
        chosen = self.settings
        values = {
            "environment": "test",
            "port": "0",
            "database_url": chosen.database_url,
            "worker_database_url": chosen.worker_database_url,
            "nats_url": chosen.nats_url,
            "nats_user": str(chosen.nats_user),
            "nats_seed": nats_seed("sample"),
            "lake_url": chosen.lake_url,
            "scratch": str(chosen.scratch),
            "token_issuer": chosen.token_issuer,
            "token_jwks": chosen.token_jwks,
            "cursor_key": chosen.cursor_key.get_secret_value(),
            "kek_file": str(chosen.kek_file),
            "retry_seconds": "[0.05, 0.05]",
            "lease_seconds": "1",
            "handler_seconds": "3",
        }
        environment = {f"SAMPLE_{name.upper()}": value for name, value in (values | settings).items()}
        if failpoint:
            environment["ATTUNE_FAILPOINT"] = failpoint
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(SCRIPT), "worker"],
                env={"PATH": os.environ["PATH"], **environment},
                stdout=log,
                stderr=log,
            )
        self._workers.append(process)
        return process

    async def place(self, count: int, behave: str = "well", customers: list[UUID] | None = None) -> None:
        """Place orders, numbered on; fifty a transaction."""
        people = customers or [uuid4() for _ in range(20)]
        for start in range(0, count, 50):
            async with self.database.transaction() as tx:
                for _ in range(start, min(start + 50, count)):
                    person = people[self.placed % len(people)]
                    tx.emit(self.delivery.OrderPlaced(customer_id=person, number=self.placed, behave=behave))
                    self.placed += 1

    async def working(self) -> None:
        """Place some orders and return when a worker has begun to apply them."""
        count = "SELECT count(*) FROM effect"
        before: int = await self.database.pool.fetchval(count)
        await self.place(20)

        async def begun() -> bool:
            applied: int = await self.database.pool.fetchval(count)
            return applied > before

        await eventually(begun, 60, what="a working worker")

    async def settled(self, timeout: float = 120) -> None:
        """Return when every order is published and applied or set aside, and every confirmation is published."""
        orders = self.delivery.OrderPlaced.TYPE

        async def quiet() -> bool:
            try:
                row = await self.database.pool.fetchrow(
                    "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS waiting,"
                    " (SELECT count(*) FROM outbox WHERE type = $1) AS orders,"
                    " (SELECT count(DISTINCT event_id) FROM effect)"
                    " + (SELECT count(DISTINCT event_id) FROM quarantine) AS done",
                    orders,
                )
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False
            return row is not None and row["waiting"] == 0 and row["done"] >= row["orders"]

        await eventually(quiet, timeout, every=0.1, what=f"a settled service ({self._log})")

    async def applied(self, *, set_aside: int = 0) -> int:
        """How many orders had their effect; outbox, stream, inbox and effects are held against each other (I2, I3)."""
        pool = self.database.pool
        orders = self.delivery.OrderPlaced.TYPE
        stream = await self.stream()
        outbox = {row["event_id"] for row in await pool.fetch("SELECT event_id FROM outbox")}
        assert outbox == {UUID(event["id"]) for event in stream}, "I2: outbox ids = distinct stream ids"
        quarantine = await pool.fetch("SELECT event_id, state FROM quarantine")
        held = {row["event_id"] for row in quarantine if row["state"] != "applied"}
        retried = {row["event_id"] for row in quarantine} - held
        assert len(held) == set_aside
        inbox = {row["event_id"] for row in await pool.fetch("SELECT event_id FROM inbox")}
        matching = {UUID(event["id"]) for event in stream if event["type"] == orders}
        assert inbox == matching - held, "I3: inbox ids = matching stream ids less quarantined ones"
        effects = await pool.fetch("SELECT event_id, customer, number FROM effect ORDER BY id")
        assert sorted(row["event_id"] for row in effects) == sorted(inbox), "every effect exactly once"
        timely = [row for row in effects if row["event_id"] not in retried]
        for customer in {row["customer"] for row in timely}:
            numbers = [row["number"] for row in timely if row["customer"] == customer]
            assert numbers == sorted(numbers), "each customer's effects in order"
        return len(effects)

    async def retry_the_deadly(self) -> None:
        """Retry, as an operator would, what was set aside because process after process died with it in hand."""
        held = await self.database.pool.fetch("UPDATE quarantine SET state = 'retrying' RETURNING error")
        assert all("deaths of the process" in row["error"] for row in held)

        async def applied() -> bool:
            left: int = await self.database.pool.fetchval("SELECT count(*) FROM quarantine WHERE state <> 'applied'")
            return left == 0

        await eventually(applied, 60, what="what was retried")

    async def stream(self) -> list[dict[str, Any]]:
        """Every envelope of the stream."""
        client = await connect(
            self.nats.url,
            nats_seed(PROVISION_USER),
            inbox_prefix=inbox_prefix(PROVISION_USER),
        )
        js = client.jetstream()
        state = (await js.stream_info("EVT")).state
        found = []
        for seq in range(max(state.first_seq, 1), state.last_seq + 1):
            found.append(orjson.loads((await js.get_msg("EVT", seq)).data or b"{}"))
        await client.close()
        return found

    async def close(self) -> None:
        """End every worker."""
        for process in self._workers:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        await self.database.close()


@pytest.fixture
async def rig(
    delivery: ModuleType,
    make_database: Callable[..., Awaitable[str]],
    service_settings: Callable[..., ServiceSettings],
    streams: EmbeddedNats,
    tmp_path: Path,
) -> AsyncIterator[Rig]:
    """A fresh database and a fresh stream; no worker runs yet."""
    settings = service_settings(delivery.SERVICE, await make_database(delivery.SERVICE))
    rig = Rig(delivery, settings, streams, tmp_path / "workers.log")
    await rig.database.open()
    yield rig
    await rig.close()


FAILPOINTS = (
    "relay.after_publish",
    "relay.after_ack",
    "relay.after_mark",
    "consumer.after_mark",
    "consumer.before_commit",
    "consumer.after_commit",
    "transaction.before_commit",
    "transaction.after_commit",
)


async def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(rig: Rig) -> None:
    await rig.place(60)
    for number, point in enumerate(FAILPOINTS * ROUNDS):
        worker = rig.start(f"{point}@{1 + number % 3}")
        for _ in range(300):  # keep it busy until it has come to the point
            if worker.poll() is not None:
                break
            await rig.place(20)
            await asyncio.sleep(0.2)
        assert worker.poll() == 137, point
    rig.start()
    await rig.settled()
    await rig.retry_the_deadly()
    assert await rig.applied() == rig.placed


async def test_killing_the_worker_at_random_moments_loses_and_doubles_nothing(rig: Rig) -> None:
    chance = random.Random(20261123)
    for _ in range(2 * ROUNDS):
        worker = rig.start()
        await rig.working()
        await rig.place(200)
        await asyncio.sleep(chance.random() / 2)
        worker.kill()
        worker.wait()
    rig.start()
    await rig.settled()
    await rig.retry_the_deadly()
    assert await rig.applied() == rig.placed


async def test_poison_of_every_kind_is_set_aside_and_all_else_is_applied(rig: Rig) -> None:
    await rig.place(60)
    await rig.place(1, "die")
    await rig.place(2, "fail")
    await rig.place(1, "refuse")
    await rig.place(60)

    async def done() -> bool:
        if not any(worker.poll() is None for worker in rig._workers):
            rig.start()  # as the supervisor would
        applied: int = await rig.database.pool.fetchval("SELECT count(*) FROM effect")
        return applied == 120

    await eventually(done, 120, every=0.1, what="all but the poison applied")
    await rig.settled()
    assert await rig.applied(set_aside=4) == rig.placed - 4
    errors = [row["error"] for row in await rig.database.pool.fetch("SELECT error FROM quarantine")]
    assert sum("deaths of the process" in error for error in errors) == 1
    assert sum("cannot be applied today" in error for error in errors) == 2


async def test_a_frozen_worker_writes_nothing_when_it_wakes(rig: Rig) -> None:
    frozen = rig.start()
    customer = uuid4()
    await rig.place(1, "slow", [customer])

    async def in_flight() -> bool:
        return bool(await rig.database.pool.fetchval("SELECT count(*) FROM position WHERE inflight_from IS NOT NULL"))

    await eventually(in_flight, 60)
    frozen.send_signal(signal.SIGSTOP)
    rig.start()
    await rig.place(10, "well", [customer])
    await rig.settled()
    frozen.send_signal(signal.SIGCONT)
    await rig.place(10, "well", [customer])
    await asyncio.sleep(3)
    await rig.settled()
    assert await rig.applied() == rig.placed


async def test_a_killed_broker_loses_nothing_that_it_acknowledged(rig: Rig) -> None:
    rig.start()
    for _ in range(2 * ROUNDS):
        await rig.working()
        await rig.place(150)
        server = rig.nats.process
        assert server is not None
        server.kill()
        server.wait()
        await rig.place(50)  # writes go on without a broker (P-13)
        rig.nats.start(rig.nats.store_dir.parent / "nats.log")
        await rig.nats.wait_ready()
    await rig.settled()
    assert await rig.applied() == rig.placed


async def test_a_lost_broker_is_filled_again_and_nothing_has_two_effects(rig: Rig) -> None:
    rig.start()
    await rig.place(100)
    await rig.settled()
    rig.nats.stop()
    shutil.rmtree(rig.nats.store_dir)
    rig.nats.start(rig.nats.store_dir.parent / "nats.log")
    await rig.nats.wait_ready()
    await provision_streams(rig.nats, anew=False)
    await rig.place(20)

    async def filled() -> bool:
        events = {event["id"] for event in await rig.stream()}
        return len(events) == 2 * rig.placed

    await eventually(filled, 90, every=0.5, what="the stream filled again")
    await rig.settled()
    assert await rig.applied() == rig.placed


async def test_a_crashed_database_comes_back_to_a_worker_that_goes_on(
    rig: Rig, postgres_server: EmbeddedPostgres
) -> None:
    rig.start()
    for _ in range(ROUNDS):
        await rig.working()
        await rig.place(100)
        postgres_server.stop(signal.SIGQUIT)
        await asyncio.sleep(0.5)
        postgres_server.start(rig.nats.store_dir.parent / "postgres-again.log")
        await postgres_server.wait_ready()

        async def answers() -> bool:
            try:
                return bool(await rig.database.pool.fetchval("SELECT 1"))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False

        await eventually(answers)
    await rig.settled()
    assert await rig.applied() == rig.placed
