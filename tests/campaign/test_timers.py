"""The 24/48 h clock in business time, in (due, id) order."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import orjson
import pytest

from attune_service_kit.database import Database
from attune_service_kit.runtime import Runtime
from campaign import opportunities, timers
from campaign.plans import Plans

from .conftest import NOW, add_customer, person, raised


@dataclass
class OnlyDatabase:
    """As much of a runtime as a sweep needs."""

    worker_database: Database


async def test_escalate_at_24_and_expire_at_48_hours(
    database: Database, plan: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "BATCH", 7)
    runtime = cast("Runtime", OnlyDatabase(database))
    async with database.pool.acquire() as conn:
        for n in range(30):
            await add_customer(conn, person(n), consents={} if n % 5 == 0 else None)
    for n in range(30):
        moment = NOW + timedelta(minutes=n % 4)
        async with database.transaction() as tx:
            await opportunities.open_for(tx, plan, [opportunities.Detected(raised(person(n), at=moment), moment)])
    first = dict(await database.pool.fetch("SELECT state, count(*)::int FROM opportunity GROUP BY 1"))
    assert await timers.sweep(runtime, NOW + timedelta(hours=23)) == 0
    assert await timers.sweep(runtime, NOW + timedelta(hours=25)) == first["open"]
    states = dict(await database.pool.fetch("SELECT state, count(*)::int FROM opportunity GROUP BY 1"))
    assert states == {"escalated" if k == "open" else k: v for k, v in first.items()}
    assert await database.pool.fetchval("SELECT bool_and(escalated) FROM task")
    assert await timers.sweep(runtime, NOW + timedelta(hours=49)) == 30
    assert dict(await database.pool.fetch("SELECT state, count(*)::int FROM opportunity GROUP BY 1")) == {"expired": 30}
    assert dict(await database.pool.fetch("SELECT state, count(*)::int FROM task GROUP BY 1")) == {
        "closed": first["open"]
    }
    assert {r[0] for r in await database.pool.fetch("SELECT state FROM contact")} == {"released"}
    assert await timers.sweep(runtime, NOW + timedelta(days=9)) == 0
    fired = [orjson.loads(r[0]) for r in await database.pool.fetch("SELECT payload FROM outbox ORDER BY seq")]
    for kind, count in (("escalated", first["open"]), ("expired", 30)):
        mine: list[Any] = [(e["time"], e["data"]["opportunity_id"]) for e in fired if kind in e["type"]]
        assert len(mine) == count
        assert mine == sorted(mine)


async def test_a_jump_over_both_moments_fires_both(database: Database, plan: Plans) -> None:
    async with database.pool.acquire() as conn:
        for n in range(10):
            await add_customer(conn, person(n))
    async with database.transaction() as tx:
        await opportunities.open_for(tx, plan, [opportunities.Detected(raised(person(n)), NOW) for n in range(10)])
    open_ = await database.pool.fetchval("SELECT count(*) FROM opportunity WHERE state = 'open'")
    assert await timers.sweep(cast("Runtime", OnlyDatabase(database)), NOW + timedelta(days=5)) == open_ + 10
    assert await database.pool.fetchval("SELECT count(*) FROM opportunity WHERE state <> 'expired'") == 0


async def test_timers_fire_in_the_order_of_their_moments(database: Database, plan: Plans) -> None:
    async with database.pool.acquire() as conn:
        for n in range(20):
            await add_customer(conn, person(n))
    for n in range(20):
        moment = NOW + timedelta(hours=7 * n)
        async with database.transaction() as tx:
            await opportunities.open_for(tx, plan, [opportunities.Detected(raised(person(n), at=moment), moment)])
    await database.pool.execute("TRUNCATE outbox")
    await timers.sweep(cast("Runtime", OnlyDatabase(database)), NOW + timedelta(days=30))
    times = [orjson.loads(r[0])["time"] for r in await database.pool.fetch("SELECT payload FROM outbox ORDER BY seq")]
    assert len(times) > 30
    assert times == sorted(times)
