"""The live feed: every change once and in order, to whom it concerns, whatever the order of commits."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from attune_service_kit.auth import Caller
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.errors import Unavailable
from attune_service_kit.testing import RunningService, eventually
from campaign import task_feed
from campaign.api.task_stream import _number
from campaign.task_feed import Beat, Change, Ended, Hub, Item, Ready, Resync, concerns

from .conftest import NOW

QUEUE = Caller("C1", frozenset({"call_centre"}), frozenset(), "*", None, "C1")
HEAD = Caller("H1", frozenset({"branch_manager"}), frozenset(), "B1", None, "H1")
MANAGER = Caller("M1", frozenset({"relationship_manager"}), frozenset(), "B1", None, "M1")
CHANGE = Change(
    seq=1,
    kind="claimed",
    task_id=UUID(int=1),
    customer_id=UUID(int=2),
    branch_id="B1",
    channel="relationship_manager",
    employee_id="M1",
    was_employee_id="M1",
    state="claimed",
    escalated=False,
    claimed_by="M1",
    due_at=NOW,
    visible_from=None,
    within=frozenset({"B1", "HQ"}),
)


@pytest.mark.parametrize(
    ("caller", "change", "told"),
    [
        (MANAGER, {}, True),
        (MANAGER, {"employee_id": "M2", "was_employee_id": "M2"}, False),
        (MANAGER, {"employee_id": "M2"}, True),  # it has gone from their list
        (MANAGER, {"within": frozenset({"B2", "HQ"})}, False),
        (MANAGER, {"channel": "call_centre", "employee_id": None, "was_employee_id": None}, False),
        (HEAD, {}, True),
        (HEAD, {"employee_id": "M2", "was_employee_id": None}, True),
        (HEAD, {"within": frozenset({"B2", "HQ"})}, False),
        (replace(HEAD, branch="HQ"), {"within": frozenset({"B2", "HQ"})}, True),
        (QUEUE, {}, False),
        (QUEUE, {"channel": "call_centre", "employee_id": None, "was_employee_id": None}, True),
        (QUEUE, {"channel": "mobile", "employee_id": None, "was_employee_id": None}, True),
        (QUEUE, {"kind": "reassigned", "was_employee_id": None}, True),  # it has gone from the queue
        (QUEUE, {"kind": "reassigned", "was_employee_id": "M2"}, False),
        (replace(QUEUE, roles=frozenset({"teller"})), {"channel": "call_centre"}, False),
        (replace(HEAD, customer=UUID(int=2)), {}, False),
    ],
)
def test_whom_a_change_concerns(caller: Caller, change: dict[str, Any], told: bool) -> None:
    assert concerns(caller, replace(CHANGE, **change)) == told


async def add(conn: asyncpg.Connection, branch: str = "B1") -> UUID:
    task: UUID = await conn.fetchval(
        "INSERT INTO task (id, customer_id, branch_id, campaign, family, channel, contact_id, state, escalated,"
        " business_date, created_at, due_at)"
        " VALUES ($1, $2, $3, 'c', 'f', 'call_centre', $4, 'open', false, $5, $6, $6) RETURNING id",
        uuid4(),
        uuid4(),
        branch,
        uuid4(),
        NOW.date(),
        NOW,
    )
    return task


async def gather(items: AsyncIterator[Item], into: list[Item], until: int | None = None) -> None:
    async for item in items:
        into.append(item)
        if until is not None and sum(isinstance(i, Change) for i in into) >= until:
            return


def numbers(items: list[Item]) -> list[int]:
    return [i.seq for i in items if isinstance(i, Change)]


async def write_side_by_side(service: RunningService, writers: int, rounds: int) -> None:
    """Transactions that overlap and commit in any order; one in five is rolled back."""

    async def writer(seed: int) -> None:
        rng = random.Random(seed)
        async with service.everything.pool.acquire() as conn:
            for _ in range(rounds):
                transaction = conn.transaction()
                await transaction.start()
                task = await add(conn, rng.choice(("B1", "B2")))
                await asyncio.sleep(rng.random() * 0.01)
                await conn.execute("UPDATE task SET escalated = true WHERE id = $1", task)
                await (transaction.rollback() if rng.random() < 0.2 else transaction.commit())

    await asyncio.gather(*(writer(n) for n in range(writers)))


async def test_every_change_comes_once_and_in_order_whatever_the_order_of_commits(service: RunningService) -> None:
    hub = Hub.of(service.runtime)
    steady, broken = [], []

    async def resuming() -> None:
        """A client whose connection breaks after a few changes, again and again."""
        last: int | None = None
        rng = random.Random(1)
        while True:
            part: list[Item] = []
            stream = hub.stream(HEAD, last)
            try:
                await gather(stream, part, until=rng.randrange(1, 12))
            finally:
                await stream.aclose()  # type: ignore[attr-defined]
                broken.extend(part)
                assert not any(isinstance(i, Resync) for i in part)
                last = max(numbers(part), default=last)

    listening = [asyncio.create_task(gather(hub.stream(QUEUE, 0), steady)), asyncio.create_task(resuming())]

    async def begun() -> bool:
        return bool(steady)

    await eventually(begun, what="the streams")
    await write_side_by_side(service, 4, 25)
    pool = service.everything.pool
    wanted = await pool.fetchval("SELECT count(*) FROM task_feed")
    own = await pool.fetchval("SELECT count(*) FROM task_feed WHERE branch_id = 'B1'")

    async def told() -> bool:
        return len(numbers(steady)) >= wanted and len(numbers(broken)) >= own

    try:
        await eventually(told, what="every change")
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    rows = [r[0] for r in await pool.fetch("SELECT seq FROM task_feed ORDER BY seq")]
    assert numbers(steady) == rows
    mine = [r[0] for r in await pool.fetch("SELECT seq FROM task_feed WHERE branch_id = 'B1' ORDER BY seq")]
    assert numbers(broken) == mine
    # Of one task, creation comes before what follows it.
    kinds = await pool.fetch("SELECT array_agg(kind ORDER BY seq) FROM task_feed GROUP BY task_id")
    assert {tuple(r[0]) for r in kinds} == {("created", "escalated")}


async def test_a_client_that_cannot_keep_up_is_cut_and_the_others_are_not(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_feed, "QUEUE", 5)
    hub = Hub.of(service.runtime)
    slow, quick = hub.stream(QUEUE, None), []
    assert isinstance(await anext(slow), Ready)
    listening = asyncio.create_task(gather(hub.stream(HEAD, None), quick))
    for _ in range(8):
        await add(service.everything.pool)
        await asyncio.sleep(0.02)

    async def all_told() -> bool:
        return len(numbers(quick)) == 8

    await eventually(all_told, what="the quick client's changes")
    left = [item async for item in slow]
    assert [type(item) for item in left] == [Resync, Ended]
    assert left[0] == Resync(max(numbers(quick)))
    assert left[1] == Ended("too_slow")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_the_stream_ends_with_the_token_and_beats_meanwhile(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_feed, "HEARTBEAT", 0.1)
    stream = Hub.of(service.runtime).stream(replace(QUEUE, expires=time.time() + 0.5), None)
    items = [item async for item in stream]
    assert isinstance(items[0], Ready)
    assert items[-1] == Ended("token_expired")
    assert {type(item) for item in items[1:-1]} == {Beat}


async def test_the_stream_ends_when_the_service_stops(service: RunningService) -> None:
    stream = Hub.of(service.runtime).stream(QUEUE, None)
    await anext(stream)
    service.runtime.stopping = True
    assert [item async for item in stream] == [Ended("restart")]


async def test_what_is_not_known_any_more_leads_to_a_resync(service: RunningService) -> None:
    hub, pool = Hub.of(service.runtime), service.everything.pool
    for _ in range(3):
        await add(pool)
    first = hub.stream(QUEUE, 0)
    items = [await anext(first) for _ in range(4)]
    assert numbers(items) == [1, 2, 3]
    await pool.execute("DELETE FROM task_feed WHERE seq < 3")
    for after in (0, 1, 10**9, 2**62):
        stream = hub.stream(QUEUE, after)
        assert isinstance(await anext(stream), Resync), after
        await stream.aclose()  # type: ignore[attr-defined]
    known = hub.stream(QUEUE, 2)
    assert [await anext(known), (await anext(known)).seq] == [Ready(2), 3]  # type: ignore[union-attr]
    for stream in (first, known):
        await stream.aclose()  # type: ignore[attr-defined]


async def test_one_caller_has_a_few_streams_only(service: RunningService) -> None:
    hub = Hub.of(service.runtime)
    streams = [hub.stream(QUEUE, None) for _ in range(task_feed.MOST_OF_ONE)]
    for stream in streams:
        await anext(stream)
    with pytest.raises(Unavailable):
        await anext(hub.stream(QUEUE, None))
    await streams[0].aclose()  # type: ignore[attr-defined]
    again = hub.stream(QUEUE, None)
    assert isinstance(await anext(again), Ready)
    for stream in (again, *streams[1:]):
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_broken_connection_loses_nothing(
    service: RunningService, postgres_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_feed, "POLL", 0.5)
    hub, told = Hub.of(service.runtime), []
    listening = asyncio.create_task(gather(hub.stream(QUEUE, None), told))
    admin = await postgres_server.connect()

    async def broken() -> bool:
        return await admin.fetchval(
            "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%task_feed%'"
            " AND pid <> pg_backend_pid()"
        )

    await eventually(broken, what="the reader, and its end")
    await add(service.everything.pool)

    async def heard() -> bool:
        return len(numbers(told)) == 1

    await eventually(heard, what="the change after the break")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await admin.close()
    assert len(numbers(told)) == len(set(numbers(told))) == 1, "told once"


def test_a_number_that_the_database_could_not_hold_is_beyond_all() -> None:
    assert [_number(text) for text in (None, "7", "9" * 20, "-1", "x")] == [None, 7, 2**62, 2**62, 2**62]
