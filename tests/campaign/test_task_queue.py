"""The best task that waits: to one agent only, in order, and never one whose customer may not be contacted."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attune_service_kit.testing import RunningService

from .conftest import NOW, Headers, code, deposit, key, pick
from .test_task_work import complete, listed, one, post, some_tasks


async def take(service: RunningService, headers: dict[str, str], **query: Any) -> dict[str, Any]:
    answer = await service.client.post("/v1/tasks:next", json=query, headers=headers | key())
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_who_works_on_no_list_gets_nothing(service: RunningService, token: Headers) -> None:
    await some_tasks(service)
    assert code(await post(service, token("teller", "B1"), "/v1/tasks:next", {})) == (403, "forbidden")
    assert (await take(service, token("call_centre"), channel="mobile")) == {"task": None, "reason": None, "put_off": 0}
    assert (await take(service, token("relationship_manager", "B1", subject="M7")))["task"] is None
    assert (await take(service, token("branch_manager", "B2")))["task"] is None


async def test_parallel_agents_never_get_the_same_task(service: RunningService, token: Headers) -> None:
    await some_tasks(service, 16)
    agents = {f"C{n}": token("call_centre", subject=f"C{n}") for n in range(6)}
    got: list[tuple[str, str]] = []

    async def agent(name: str) -> None:
        while (task := (await take(service, agents[name]))["task"]) is not None:
            assert task["claimed_by"] == name
            got.append((task["id"], name))
            done = await complete(service, agents[name], task, disposition="reached")
            assert done.status_code == 200, done.text

    await asyncio.gather(*(agent(name) for name in agents))
    assert len(got) == len({task for task, _ in got}) == 16
    assert len({name for _, name in got}) > 1
    audited = await service.everything.pool.fetchval("SELECT count(*) FROM audit WHERE what = 'task.claimed'")
    assert audited == 16


async def test_what_one_has_in_hand_comes_first_and_a_repeated_call_takes_no_second(
    service: RunningService, token: Headers
) -> None:
    await some_tasks(service, 2)
    agent, same = token("call_centre", subject="C1"), key()
    first = (await take(service, agent))["task"]
    again = await service.client.post("/v1/tasks:next", json={}, headers=agent | same)
    repeated = await service.client.post("/v1/tasks:next", json={}, headers=agent | same)
    assert again.json()["task"]["id"] == repeated.json()["task"]["id"] == first["id"]
    assert repeated.headers["idempotent-replayed"] == "true"
    assert len(await listed(service, agent, state="open")) == 1


async def test_escalated_ones_come_before_the_rest_and_each_by_its_end(service: RunningService, token: Headers) -> None:
    await some_tasks(service, 4)
    pool, agent = service.everything.pool, token("call_centre")
    ids = [r[0] for r in await pool.fetch("SELECT id FROM task ORDER BY id")]
    for number, (rank, hours) in enumerate(((2, 5), (1, 9), (2, 1), (1, 7))):
        query = "UPDATE task SET rank = $2, due_at = $3 WHERE id = $1"
        await pool.execute(query, ids[number], rank, NOW + timedelta(hours=hours))
    order = []
    while (task := (await take(service, agent))["task"]) is not None:
        order.append(UUID(task["id"]))
        await complete(service, agent, task, disposition="reached")
    assert order == [ids[n] for n in (3, 1, 2, 0)]


async def test_in_quiet_hours_tasks_wait_until_they_are_over(service: RunningService, token: Headers) -> None:
    await some_tasks(service, 3)
    agent, clock = token("call_centre"), service.runtime.clock
    clock.set(datetime.fromisoformat("2026-03-17T22:00:00+08:00"))
    assert await take(service, agent) == {"task": None, "reason": "quiet_hours", "put_off": 3}
    assert await listed(service, agent) == []
    waiting = await listed(service, agent, waiting=True)
    ends = datetime.fromisoformat("2026-03-18T08:00:00+08:00")
    assert {datetime.fromisoformat(t["visible_from"]) for t in waiting} == {ends}
    assert {tuple(r) for r in await service.everything.pool.fetch("SELECT state FROM contact")} == {("released",)}
    clock.set(ends)
    assert (await take(service, agent))["task"] is not None


async def test_one_who_may_not_be_contacted_is_passed_over(service: RunningService, token: Headers) -> None:
    barred, capped, free = await pick(service, "treated", 3)
    for customer in (barred, capped, free):
        await deposit(service, customer)
    pool, agent = service.everything.pool, token("call_centre")
    body = {"customer_id": str(barred), "until": "permanent", "reason": "asked", "source": "opt_out"}
    await post(service, agent, "/v1/suppressions", body)
    await pool.executemany(
        "INSERT INTO contact (id, customer_id, channel, direction, message_class, state, at, beyond_policy)"
        " VALUES (gen_random_uuid(), $1, 'sms', 'outbound', 'marketing', 'confirmed', $2, false)",
        [(capped, NOW - timedelta(days=6, hours=20)), (capped, NOW - timedelta(days=1))],
    )
    told = await take(service, agent)
    assert (UUID(told["task"]["customer_id"]), told["put_off"]) == (free, 2)
    waiting = {UUID(t["customer_id"]): t for t in await listed(service, agent, waiting=True)}
    # The cap is free again in four hours; who wants no contact waits for the end.
    assert datetime.fromisoformat(waiting[capped]["visible_from"]) == NOW + timedelta(hours=4)
    assert waiting[barred]["visible_from"] == waiting[barred]["due_at"]
    await complete(service, agent, told["task"], disposition="reached")
    service.runtime.clock.set(NOW + timedelta(hours=3))
    assert (await take(service, agent)) == {"task": None, "reason": None, "put_off": 0}


async def test_a_manager_takes_their_own_and_a_head_whatever_the_branch_has(
    service: RunningService, token: Headers
) -> None:
    own, others = await pick(service, "treated", 2)
    await deposit(service, own, manager="M1", quadrant="A")
    await deposit(service, others)
    manager, head = token("relationship_manager", "B1", subject="M1"), token("branch_manager", "B1")
    assert UUID((await take(service, manager))["task"]["customer_id"]) == own
    assert UUID((await take(service, head))["task"]["customer_id"]) == others
    assert await one(service, "SELECT count(*), count(DISTINCT claimed_by) FROM task") == (2, 2)
