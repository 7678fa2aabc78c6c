"""Working on tasks over HTTP: outcome codes, call-backs, leases, notes, giving on; refused ones first."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attune_service_kit.runtime import Runtime
from attune_service_kit.testing import RunningService
from campaign import timers

from .conftest import NOW, Headers, code, deposit, key, pick

AFTERNOON = "2026-03-17T15:30:00+08:00"  # an hour and a half from NOW


async def some_tasks(service: RunningService, how_many: int = 1, **known: Any) -> list[UUID]:
    """The customers of as many open tasks, by default of the call centre."""
    customers = await pick(service, "treated", how_many)
    for customer in customers:
        await deposit(service, customer, **known)
    return customers


async def listed(service: RunningService, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    answer = await service.client.get("/v1/tasks", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def post(service: RunningService, headers: dict[str, str], path: str, body: Any = None) -> Any:
    return await service.client.post(path, json=body, headers=headers | key())


async def complete(service: RunningService, headers: dict[str, str], task: dict[str, Any], **outcome: Any) -> Any:
    return await post(service, headers, f"/v1/tasks/{task['id']}:complete", outcome)


async def one(service: RunningService, query: str) -> Any:
    return tuple(await service.everything.pool.fetchrow(query))


async def test_an_unknown_outcome_is_refused_and_names_the_known(service: RunningService, token: Headers) -> None:
    await some_tasks(service)
    queue = token("call_centre")
    (task,) = await listed(service, queue)
    refused = await complete(service, queue, task, disposition="shrugged")
    assert code(refused) == (422, "unknown_disposition")
    assert "wrong_number" in refused.json()["known"]


BAD_CALL_BACKS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"disposition": "call_back"}, "moment"),
    ({"disposition": "reached", "call_back_at": AFTERNOON}, "moment"),
    ({"disposition": "call_back", "call_back_at": "2026-03-17T14:00:00+08:00"}, "past"),
    ({"disposition": "call_back", "call_back_at": "2026-03-19T14:06:00+08:00"}, "expired"),
    ({"disposition": "call_back", "call_back_at": "2026-03-17T20:00:00+08:00"}, "closed"),
    ({"disposition": "call_back", "call_back_at": "2026-03-18T08:29:00+08:00"}, "closed"),
)


async def test_a_call_back_lies_ahead_within_opening_hours_and_before_the_end(
    service: RunningService, token: Headers
) -> None:
    await some_tasks(service)
    queue = token("call_centre")
    (task,) = await listed(service, queue)
    for outcome, why in BAD_CALL_BACKS:
        refused = await complete(service, queue, task, **outcome)
        assert (*code(refused), refused.json()["why"]) == (422, "bad_call_back", why)
    naive = await complete(service, queue, task, disposition="call_back", call_back_at="2026-03-17T15:30:00")
    assert code(naive) == (422, "invalid")
    assert await one(service, "SELECT state, claimed_by FROM task") == ("open", None)


async def test_a_call_back_is_not_agreed_in_quiet_hours(service: RunningService, token: Headers) -> None:
    await some_tasks(service)
    queue, marketer = token("call_centre"), token("marketer")
    noon = {"channels": ["call_centre"], "start": "12:00", "end": "16:00"}
    body = {"version": 1, "policy": {"quiet_hours": noon}}
    assert (await service.client.put("/v1/policies/contact", json=body, headers=marketer | key())).status_code == 200
    service.runtime.clock.set(NOW + timedelta(hours=2))
    (task,) = await listed(service, queue)
    early = {"disposition": "call_back", "call_back_at": "2026-03-18T12:00:00+08:00"}
    refused = await complete(service, queue, task, **early)
    assert (*code(refused), refused.json()["why"]) == (422, "bad_call_back", "quiet")
    late = early | {"call_back_at": "2026-03-18T16:00:00+08:00"}
    assert (await complete(service, queue, task, **late)).status_code == 200


async def test_a_call_back_hides_and_comes_back_on_top_of_the_same_persons_list(
    service: RunningService, token: Headers
) -> None:
    await some_tasks(service, 3)
    mine, other = token("call_centre", subject="C1"), token("call_centre", subject="C2")
    first = (await listed(service, mine))[-1]
    await post(service, mine, f"/v1/tasks/{first['id']}:claim")
    agreed = (await complete(service, mine, first, disposition="call_back", call_back_at=AFTERNOON)).json()
    assert (agreed["state"], agreed["kept_for"], agreed["priority"], agreed["attempts"]) == (
        "open",
        "C1",
        "call_back",
        1,
    )
    assert first["id"] not in [t["id"] for t in await listed(service, mine)]
    assert [t["id"] for t in await listed(service, mine, waiting=True)] == [first["id"]]
    assert await one(service, "SELECT state FROM opportunity WHERE task_id = (SELECT id FROM task WHERE rank = 0)") == (
        "open",
    )
    assert await one(service, "SELECT state FROM contact WHERE disposition IS NULL AND hold_until IS NULL") == (
        "released",
    )
    moment = datetime.fromisoformat(AFTERNOON)
    service.runtime.clock.set(moment)
    for headers in (other, mine):
        assert (await listed(service, headers, sort="priority"))[0]["id"] == first["id"]
    assert [t["id"] for t in await listed(service, mine, mine=True)] == [first["id"]]
    # It is kept for whom it was agreed with; half an hour later anybody may make the call.
    taken = (await post(service, other, "/v1/tasks:next", {})).json()["task"]
    assert taken["id"] != first["id"]
    assert (await post(service, mine, "/v1/tasks:next", {})).json()["task"]["id"] == first["id"]
    await complete(service, mine, first, disposition="call_back", call_back_at="2026-03-17T16:30:00+08:00")
    service.runtime.clock.set(moment + timedelta(minutes=89))
    await complete(service, other, taken, disposition="reached")
    third = (await post(service, other, "/v1/tasks:next", {})).json()["task"]
    assert third["id"] != first["id"]
    await complete(service, other, third, disposition="reached")
    assert (await post(service, other, "/v1/tasks:next", {})).json()["task"] is None
    service.runtime.clock.set(moment + timedelta(minutes=90))
    assert (await post(service, other, "/v1/tasks:next", {})).json()["task"]["id"] == first["id"]


async def test_whoever_is_not_reached_is_tried_again_and_not_for_ever(service: RunningService, token: Headers) -> None:
    await some_tasks(service)
    queue, clock = token("call_centre"), service.runtime.clock
    (task,) = await listed(service, queue)
    done = (await complete(service, queue, task, disposition="busy")).json()
    assert (done["state"], done["attempts"], done["disposition"]) == ("open", 1, "busy")
    assert datetime.fromisoformat(done["visible_from"]) == NOW + timedelta(minutes=30)
    assert await listed(service, queue) == []
    clock.set(NOW + timedelta(hours=5))  # 19:05: two hours later nobody works any more
    done = (await complete(service, queue, task, disposition="not_reached")).json()
    assert datetime.fromisoformat(done["visible_from"]) == datetime.fromisoformat("2026-03-18T08:30:00+08:00")
    clock.set(NOW + timedelta(hours=20))
    done = (await complete(service, queue, task, disposition="not_reached")).json()
    assert (done["state"], done["attempts"]) == ("done", 3)
    # Nobody was contacted, nobody has acted: the clock runs on and the opportunity is lost in the end.
    assert await one(service, "SELECT state FROM contact") == ("released",)
    assert await one(service, "SELECT state, acted_at FROM opportunity") == ("open", None)


async def test_who_asks_for_peace_gets_it(service: RunningService, token: Headers) -> None:
    (customer,) = await some_tasks(service)
    queue = token("call_centre")
    (task,) = await listed(service, queue)
    done = (await complete(service, queue, task, disposition="do_not_contact")).json()
    assert done["state"] == "done"
    row = "SELECT customer_id, permanent, source, reason, channel FROM suppression"
    assert await one(service, row) == (customer, True, "opt_out", "do_not_contact", None)


async def test_a_claim_that_nobody_finishes_lapses_and_the_task_returns(
    service: RunningService, token: Headers
) -> None:
    await some_tasks(service)
    first, second = token("call_centre", subject="C1"), token("call_centre", subject="C2")
    (task,) = await listed(service, first)
    path, pool = f"/v1/tasks/{task['id']}", service.everything.pool
    claimed = (await post(service, first, f"{path}:claim")).json()
    assert claimed["claimed_by"] == "C1"
    left = datetime.fromisoformat(claimed["claimed_until"]) - await pool.fetchval("SELECT now()")
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert code(await post(service, second, f"{path}:claim")) == (409, "task_not_available")
    assert (await post(service, second, "/v1/tasks:next", {})).json()["task"] is None
    await pool.execute("UPDATE task SET claimed_until = now() - interval '1 second'")
    assert await timers.wake(service.runtime, NOW) == 1
    assert await one(service, "SELECT state, claimed_by, claimed_until FROM task") == ("open", None, None)
    assert (await post(service, second, "/v1/tasks:next", {})).json()["task"]["id"] == task["id"]
    # Not even the worker is needed for that.
    await pool.execute("UPDATE task SET claimed_until = now() - interval '1 second'")
    assert (await post(service, first, f"{path}:claim")).json()["claimed_by"] == "C1"
    assert code(await complete(service, second, task, disposition="reached")) == (409, "task_not_available")
    assert (await complete(service, first, task, disposition="reached")).json()["state"] == "done"


async def test_notes_are_read_by_who_works_on_the_task_and_stand_nowhere_else(
    service: RunningService, token: Headers
) -> None:
    await some_tasks(service)
    queue, pool = token("call_centre"), service.everything.pool
    (task,) = await listed(service, queue)
    path = f"/v1/tasks/{task['id']}"
    assert code(await post(service, token("teller", "B1"), f"{path}/notes", {"note": "x"})) == (403, "forbidden")
    assert code(await post(service, queue, f"{path}/notes", {"note": "\x00 \u200b"})) == (422, "invalid")
    assert code(await post(service, queue, f"{path}/notes", {"note": "x" * 501})) == (422, "invalid")
    kept = await post(service, queue, f"{path}/notes", {"note": "ring 13800138000, asks for Quokka"})
    assert (kept.status_code, kept.json()["note"]) == (201, "ring ***, asks for Quokka")
    await complete(service, queue, task, disposition="reached", note="Quokka it is")
    seen = (await service.client.get(path, headers=queue)).json()
    assert [n["note"] for n in seen["notes"]] == ["ring ***, asks for Quokka", "Quokka it is"]
    for other in (token("teller", "B1"), token("marketer")):
        assert (await service.client.get(path, headers=other)).json()["notes"] == []
    assert code(await service.client.get(path, headers=token("teller", "B2"))) == (404, "not_found")
    for table, column in (("audit", "detail"), ("outbox", "convert_from(payload, 'utf8')"), ("task_feed", "task_feed")):
        assert await pool.fetchval(f"SELECT count(*) FROM {table} WHERE {column}::text LIKE '%Quokka%'") == 0


async def test_the_head_of_the_branch_gives_tasks_within_the_branch(service: RunningService, token: Headers) -> None:
    await some_tasks(service)
    pool = service.everything.pool
    posts = [("M1", "B1", "relationship_manager"), ("T1", "B1", "teller"), ("M9", "B2", "relationship_manager")]
    await pool.executemany("INSERT INTO employee (employee_id, branch_id, role) VALUES ($1, $2, $3)", posts)
    head, queue = token("branch_manager", "B1"), token("call_centre")
    (task,) = await listed(service, head)
    path = f"/v1/tasks/{task['id']}"
    assert code(await post(service, queue, f"{path}:reassign", {"employee_id": "M1"})) == (403, "forbidden")
    other = token("branch_manager", "B2")
    assert code(await post(service, other, f"{path}:reassign", {"employee_id": "M9"})) == (404, "not_found")
    for stranger in ("M9", "nobody"):
        assert code(await post(service, head, f"{path}:reassign", {"employee_id": stranger})) == (404, "not_found")
    assert code(await post(service, head, f"{path}:reassign", {"employee_id": "T1"})) == (
        422,
        "employee_takes_no_tasks",
    )
    await post(service, queue, f"{path}:claim")
    assert code(await post(service, head, f"{path}:reassign", {"employee_id": "M1"})) == (409, "task_not_available")
    await pool.execute("UPDATE task SET claimed_until = now() - interval '1 second'")
    given = await post(service, head, f"{path}:reassign", {"employee_id": "M1"})
    assert (given.json()["employee_id"], given.json()["channel"], given.json()["state"]) == (
        "M1",
        "relationship_manager",
        "open",
    )
    manager = token("relationship_manager", "B1", subject="M1")
    assert [t["id"] for t in await listed(service, manager)] == [task["id"]]
    assert code(await post(service, queue, f"{path}:claim")) == (403, "forbidden")
    assert (await post(service, manager, f"{path}:claim")).json()["claimed_by"] == "M1"
    assert await one(service, "SELECT channel, state FROM contact") == ("relationship_manager", "reserved")
    assert await one(service, "SELECT channel FROM opportunity") == ("relationship_manager",)
    told = await pool.fetch("SELECT payload FROM outbox WHERE type = 'campaign.opportunity.assigned.v1' ORDER BY seq")
    assert len(told) == 2
    assert b'"employee_id":"M1"' in told[-1][0]


async def test_lists_are_filtered_sorted_and_paged(service: RunningService, token: Headers) -> None:
    await some_tasks(service, 5)
    pool, queue, client = service.everything.pool, token("call_centre"), service.client
    ids = [str(r[0]) for r in await pool.fetch("SELECT id FROM task ORDER BY id")]
    for number, (rank, hours) in enumerate(((2, 5), (1, 9), (2, 1), (0, 30), (1, 2))):
        await pool.execute(
            "UPDATE task SET rank = $2::smallint, due_at = $3, escalated = $2::smallint = 1 WHERE id = $1",
            UUID(ids[number]),
            rank,
            NOW + timedelta(hours=hours),
        )
    orders = {
        "created_at": [0, 1, 2, 3, 4],
        "-created_at": [4, 3, 2, 1, 0],
        "due_at": [2, 4, 0, 1, 3],
        "priority": [3, 4, 1, 2, 0],
    }
    for sort, order in orders.items():
        seen, cursor = [], None
        while True:
            query = {"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {})
            told = (await client.get("/v1/tasks", params=query, headers=queue)).json()
            seen += [t["id"] for t in told["items"]]
            if (cursor := told["next_cursor"]) is None:
                break
        assert seen == [ids[n] for n in order], sort
    first = (await client.get("/v1/tasks", params={"sort": "due_at", "limit": 2}, headers=queue)).json()
    other = {"sort": "priority", "limit": 2, "cursor": first["next_cursor"]}
    assert code(await client.get("/v1/tasks", params=other, headers=queue)) == (400, "invalid_cursor")
    assert code(await client.get("/v1/tasks", params={"sort": "customer_id"}, headers=queue)) == (422, "invalid")
    escalated = await listed(service, token("branch_manager", "B1"), escalated=True)
    assert {t["id"] for t in escalated} == {ids[1], ids[4]}
    assert await listed(service, token("branch_manager", "B1"), branch="B2") == []
    assert len(await listed(service, queue, branch="HQ", campaign="large-deposit")) == 5
    (customer,) = [t["customer_id"] for t in await listed(service, queue) if t["id"] == ids[0]]
    assert [t["id"] for t in await listed(service, queue, customer_id=customer)] == [ids[0]]


async def test_the_policy_of_handling_is_versioned(service: RunningService, token: Headers) -> None:
    await some_tasks(service)
    marketer, queue, client = token("marketer"), token("call_centre"), service.client
    told = (await client.get("/v1/policies/handling", headers=queue)).json()
    assert told["version"] == 1
    visit = {"code": "will_visit", "label": {"zh": "将到店", "en": "Will visit"}, "contact": "confirmed"}
    visit |= {"opportunity": "acted", "task": "done", "pause_minutes": 0, "suppress_days": 30}
    wanted = told["policy"] | {"dispositions": [*told["policy"]["dispositions"], visit]}
    body = {"version": 1, "policy": wanted}
    assert code(await client.put("/v1/policies/handling", json=body, headers=queue | key())) == (403, "forbidden")
    changed = await client.put("/v1/policies/handling", json=body, headers=marketer | key())
    assert (changed.status_code, changed.json()["version"]) == (200, 2), changed.text
    stale = await client.put("/v1/policies/handling", json=body, headers=marketer | key())
    assert code(stale) == (409, "stale_version")
    (task,) = await listed(service, queue)
    done = await complete(service, queue, task, disposition="will_visit")
    assert done.json()["state"] == "done"
    assert await one(service, "SELECT handling_version, disposition FROM task") == (2, "will_visit")
    assert await one(service, "SELECT ends_at, permanent FROM suppression") == (NOW + timedelta(days=30), False)


async def test_what_waits_is_woken_by_business_time(service: RunningService, token: Headers) -> None:
    await some_tasks(service)
    queue, runtime = token("call_centre"), service.runtime
    assert isinstance(runtime, Runtime)
    (task,) = await listed(service, queue)
    await complete(service, queue, task, disposition="busy")
    assert await timers.wake(runtime, NOW + timedelta(minutes=29)) == 0
    assert await timers.wake(runtime, NOW + timedelta(minutes=30)) == 1
    kinds = [r[0] for r in await service.everything.pool.fetch("SELECT kind FROM task_feed ORDER BY id")]
    assert kinds == ["created", "postponed", "due"]
