"""Handlers, staff, the sweep and the judging-again at once: nobody deadlocks, nothing is left behind."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import cast

from attune_service_kit.auth import Caller
from attune_service_kit.database import Database
from attune_service_kit.errors import Refusal
from attune_service_kit.runtime import Runtime
from campaign import opportunities, outcomes, timers, turns
from campaign.contact_policy import ContactPolicy
from campaign.plans import Plans

from .conftest import NOW, add_customer, person, raised
from .test_judging import some
from .test_timers import OnlyDatabase

STAFF = Caller("S1", frozenset({"branch_manager"}), frozenset(), "*", None, "S1")


async def test_everybody_at_once(database: Database, plan: Plans) -> None:
    known, unknown = (some("treated", 12)[i : i + 6] for i in (0, 6))
    plan = replace(plan, policy=ContactPolicy())
    async with database.pool.acquire() as conn:
        for n in known:
            await add_customer(conn, person(n))

    async def handler(seed: int) -> None:
        rng = random.Random(seed)
        for key in range(12):
            batch = [raised(person(n), f"T{seed}-{key}") for n in rng.sample([*known, *unknown], 6)]
            async with database.transaction() as tx:
                # The position's row does this in the worker: two batches of one partition never run together.
                await tx.conn.execute("SELECT pg_advisory_xact_lock(1)")
                await opportunities.open_for(tx, plan, [opportunities.Detected(d, NOW) for d in batch])

    async def staff(seed: int) -> int:
        rng, done = random.Random(seed), 0
        for _ in range(40):
            open_ = await database.pool.fetch("SELECT id FROM task WHERE state = 'open'")
            if not open_:
                await asyncio.sleep(0.01)
                continue
            async with database.transaction() as tx:
                try:
                    await outcomes.complete(
                        tx, plan, STAFF, rng.choice(open_)[0], outcomes.Outcome("reached"), "Asia/Shanghai"
                    )
                    done += 1
                except Refusal:
                    continue
        return done

    async def sweeper() -> None:
        for hours in range(0, 60, 4):
            await timers.sweep(cast("Runtime", OnlyDatabase(database)), NOW + timedelta(hours=hours))
            await asyncio.sleep(0.02)

    async def late_import() -> None:
        for n in unknown:
            await asyncio.sleep(0.03)
            async with database.transaction() as tx:
                await add_customer(tx.conn, person(n))
            async with database.transaction() as tx:
                await turns.alone(tx.conn)
                await opportunities.judge_again(tx, plan, [person(n) for n in unknown], NOW)

    work = (handler(1), handler(2), staff(3), staff(4), sweeper(), late_import())
    results = await asyncio.wait_for(asyncio.gather(*work), 60)
    assert isinstance(results[2], int)
    assert results[2] > 0
    stranded = await database.pool.fetchval(
        "SELECT count(*) FROM opportunity o JOIN task t ON t.id = o.task_id"
        " WHERE o.state IN ('open', 'escalated') AND t.state NOT IN ('open', 'claimed')"
    )
    idle = await database.pool.fetchval(
        "SELECT count(*) FROM task t WHERE t.state IN ('open', 'claimed') AND NOT EXISTS"
        " (SELECT FROM opportunity o WHERE o.task_id = t.id AND o.state IN ('open', 'escalated'))"
    )
    assert (stranded, idle) == (0, 0)
