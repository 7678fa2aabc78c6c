"""Parallel senders that crash: never over a limit on any level, and told what a single sender would be (X28, P-11)."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest

from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.testing import eventually

from .senders import attempts, disagreements, over_the_limit, prepare, send

SENDERS = 6
ROUNDS = int(os.environ.get("ATTUNE_FAULT_ROUNDS", "1"))
SCRIPT = Path(__file__).parent / "senders.py"
LOCK: str = import_module("campaign.migrations.versions.0006_contact_policy").LOCK


@pytest.fixture
async def watcher(server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A connection that looks on, and sees to people and log."""
    conn = await asyncpg.connect(server.url("campaign_worker", "campaign"))
    await prepare(conn)
    yield conn
    await conn.execute("DROP TABLE sender_log")
    await conn.close()


async def _side_by_side(server: EmbeddedPostgres, seed: int, rounds: int) -> int:
    """Send from several connections at once; one in six transactions loses its connection. How many did."""
    crashes = 0

    def crash(conn: asyncpg.Connection, rng: random.Random) -> None:
        nonlocal crashes
        if rng.random() < 1 / 6:
            crashes += 1
            conn.terminate()  # the server finds a broken connection in the middle of a transaction

    async def sender(number: int) -> None:
        for part in range(rounds):
            conn = await asyncpg.connect(server.url("campaign_worker", "campaign"))
            with contextlib.suppress(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
                await send(conn, seed * 1000 + number * 100 + part, 8, crash)
            conn.terminate()

    await asyncio.wait_for(asyncio.gather(*(sender(n) for n in range(SENDERS))), 120)
    return crashes


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_parallel_senders_that_crash(server: EmbeddedPostgres, watcher: asyncpg.Connection, seed: int) -> None:
    crashes = await _side_by_side(server, seed, 5)
    made = await attempts(watcher)
    reasons = {a.reason for a in made}
    assert {None, "frequency_cap", "cool_down"} <= reasons
    assert crashes > 5
    assert len(made) > 100
    assert await over_the_limit(watcher) == []
    assert disagreements(made) == []
    kept = {a.id for a in made if a.reason is None and a.kept}
    assert {r[0] for r in await watcher.fetch("SELECT id FROM contact WHERE state = 'reserved'")} == kept


async def test_without_the_lock_the_limit_breaks(server: EmbeddedPostgres, watcher: asyncpg.Connection) -> None:
    owner = await asyncpg.connect(server.url("campaign_owner", "campaign"))
    head, _, _ = LOCK.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").partition("AS $$")
    await owner.execute(f"{head} AS $$ SELECT $$")
    over = differ = False
    try:
        for seed in range(15):
            # Where the limits are used up nobody races for them.
            await watcher.execute("TRUNCATE contact, sender_log")
            await _side_by_side(server, seed, 4)
            over = bool(await over_the_limit(watcher))
            differ = bool(disagreements(await attempts(watcher)))
            if over and differ:
                break
    finally:
        await owner.execute(LOCK.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
        await owner.close()
    assert over, "nothing went wrong without the lock: this test would not notice that it is missing"
    assert differ, "nobody answered as one sender alone would not have"


@pytest.mark.slow
@pytest.mark.faults
async def test_killed_senders(server: EmbeddedPostgres, watcher: asyncpg.Connection) -> None:
    rng, number = random.Random(5), 0

    def start() -> subprocess.Popen[bytes]:
        nonlocal number
        number += 1
        command = [sys.executable, str(SCRIPT), server.url("campaign_worker", "campaign"), str(number)]
        return subprocess.Popen(command)

    senders = [start() for _ in range(3)]
    try:
        for kill in range(3 * ROUNDS):
            reached = 40 * (kill + 1)

            async def sent(reached: int = reached) -> bool:
                return await watcher.fetchval("SELECT count(*) FROM sender_log") >= reached

            await eventually(sent, timeout=60, what="the senders' work")
            victim = rng.randrange(len(senders))
            senders[victim].kill()
            senders[victim].wait()
            senders[victim] = start()
    finally:
        for sender in senders:
            sender.kill()
            sender.wait()

    async def gone() -> bool:
        return not await watcher.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'campaign' AND pid <> pg_backend_pid()"
            " AND state <> 'idle'"
        )

    await eventually(gone, what="the killed senders' transactions gone")
    assert await over_the_limit(watcher) == []
    assert disagreements(await attempts(watcher)) == []
