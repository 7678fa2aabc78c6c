"""The 24/48 h clock of each campaign, and which share was acted on in time (M-34)."""

from datetime import datetime, timedelta
from typing import Any

from attune_service_kit.testing import RunningService
from campaign import timers

from .conftest import NOW, Headers, code, deposit, key, pick
from .test_task_work import complete, listed, post, some_tasks

CAMPAIGN = "/v1/campaigns/large-deposit"


async def report(service: RunningService, headers: dict[str, str], **query: Any) -> dict[str, Any]:
    answer = await service.client.get("/v1/opportunities/clock", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def change_campaign(service: RunningService, headers: dict[str, str], version: int, **changes: Any) -> Any:
    kept = (await service.client.get(CAMPAIGN, headers=headers)).json()
    names = ("control_share", "outcome_kinds", "window_business_days", "enabled", "product_kind")
    body = {name: kept[name] for name in names} | {"version": version} | changes
    return await service.client.put(CAMPAIGN, json=body, headers=headers | key())


async def clock_of(service: RunningService, customer: Any) -> tuple[timedelta, timedelta]:
    query = "SELECT escalates_at, expires_at FROM opportunity WHERE customer_id = $1"
    escalates, expires = await service.everything.pool.fetchrow(query, customer)
    return escalates - NOW, expires - NOW


async def test_a_clock_of_no_hours_is_refused(service: RunningService, token: Headers) -> None:
    for hours in ({"escalate_after_hours": 0}, {"expire_after_hours": 0}, {"expire_after_hours": -1}):
        assert code(await change_campaign(service, token("marketer"), 1, **hours)) == (422, "invalid")


async def test_each_campaign_has_its_own_clock(service: RunningService, token: Headers) -> None:
    first, second, third = await pick(service, "treated", 3)
    marketer = token("marketer")
    await deposit(service, first)
    assert await clock_of(service, first) == (timedelta(hours=24), timedelta(hours=48))
    changed = await change_campaign(service, marketer, 1, escalate_after_hours=4, expire_after_hours=72)
    assert (changed.json()["escalate_after_hours"], changed.json()["expire_after_hours"]) == (4, 72)
    await deposit(service, second)
    assert await clock_of(service, second) == (timedelta(hours=4), timedelta(hours=72))
    policy = (await service.client.get("/v1/policies/handling", headers=marketer)).json()
    policy["policy"]["hours"] |= {"count": "working", "start": "09:00", "end": "17:00"}
    await service.client.put("/v1/policies/handling", json=policy, headers=marketer | key())
    await deposit(service, third)
    # Tuesday 14:05 in Shanghai: four hours of work end on Wednesday at 10:05, 72 a week and two days later.
    assert await clock_of(service, third) == (
        datetime.fromisoformat("2026-03-18T10:05:11+08:00") - NOW,
        datetime.fromisoformat("2026-03-30T14:05:11+08:00") - NOW,
    )


async def test_without_action_it_comes_on_the_list_of_the_branchs_head(service: RunningService, token: Headers) -> None:
    await some_tasks(service, 2)
    head = token("branch_manager", "B1")
    assert await listed(service, head, escalated=True) == []
    service.runtime.clock.set(NOW + timedelta(hours=24))
    await timers.sweep(service.runtime, NOW + timedelta(hours=24))
    shown = await listed(service, head, escalated=True)
    assert [t["priority"] for t in shown] == ["escalated"] * 2
    assert (await post(service, head, "/v1/tasks:next", {})).json()["task"]["escalated"] is True


async def test_the_share_acted_on_within_24_and_48_hours(service: RunningService, token: Headers) -> None:
    """Five, by hand: one acted on at once, one after 30 hours, one expires, one opens later, one is held out."""
    at_once, later, lost, young = await pick(service, "treated", 4)
    (held_out,) = await pick(service, "control")
    for customer in (at_once, later, lost, held_out):
        await deposit(service, customer)
    queue, head, runtime = token("call_centre"), token("branch_manager", "B1"), service.runtime
    tasks = {t["customer_id"]: t for t in await listed(service, queue)}
    assert len(tasks) == 3
    assert await report(service, head) == {
        "as_of": NOW.isoformat().replace("+00:00", "Z"),
        "by": "branch",
        "total": line(None, 3, 3, (0, 0), (0, 0)),
        "items": [line("B1", 3, 3, (0, 0), (0, 0))],
        "next_cursor": None,
    }
    await complete(service, queue, tasks[str(at_once)], disposition="reached")
    # Acted on early, and yet no share: the day has not passed for any of them.
    assert (await report(service, head))["total"] == line(None, 3, 2, (0, 0), (0, 0))
    runtime.clock.set(NOW + timedelta(hours=25))
    await timers.sweep(runtime, NOW + timedelta(hours=25))
    assert (await report(service, head))["total"] == line(None, 3, 2, (3, 1), (0, 0))
    runtime.clock.set(NOW + timedelta(hours=30))
    await complete(service, queue, tasks[str(later)], disposition="promised")
    await timers.sweep(runtime, NOW + timedelta(hours=49))
    runtime.clock.set(NOW + timedelta(hours=49))
    assert (await report(service, head))["total"] == line(None, 3, 0, (3, 1), (3, 2))
    await deposit(service, young, branch="B2", digital_share=0.9)
    told = await report(service, token("marketer"), by="branch", limit=1)
    assert [i["key"] for i in told["items"]] == ["B1"]
    rest = await report(service, token("marketer"), by="branch", limit=1, cursor=told["next_cursor"])
    assert ([i["key"] for i in rest["items"]], rest["next_cursor"]) == (["B2"], None)
    assert rest["total"] == told["total"]
    channels = await report(service, token("marketer"), by="channel")
    assert [i["key"] for i in channels["items"]] == ["call_centre", "mobile"]
    triggers = await report(service, head, by="trigger", **{"from": "2026-03-17", "to": "2026-03-17"})
    assert [(i["key"], i["opened"]) for i in triggers["items"]] == [("large-deposit", 3)]
    assert (await report(service, head, **{"from": "2026-03-18"}))["items"] == []
    assert (await report(service, token("branch_manager", "B2")))["total"]["opened"] == 1


def line(key_: str | None, opened: int, running: int, first: tuple[int, int], last: tuple[int, int]) -> dict[str, Any]:
    shares = [{"due": due, "acted": acted, "share": acted / due if due else None} for due, acted in (first, last)]
    return {
        "key": key_,
        "opened": opened,
        "running": running,
        "before_escalation": shares[0],
        "before_expiry": shares[1],
    }


async def test_open_assigned_acted_expired(service: RunningService, token: Headers) -> None:
    free, own, lost = await pick(service, "treated", 3)
    await deposit(service, free)
    await deposit(service, own, manager="M1", quadrant="A")
    await deposit(service, lost)
    queue, marketer = token("call_centre", subject="C1"), token("marketer")

    async def seen(**query: Any) -> dict[str, tuple[str, str | None]]:
        items = (await service.client.get("/v1/opportunities", params=query, headers=marketer)).json()["items"]
        return {i["customer_id"]: (i["state"], i["assignee"]) for i in items}

    assert await seen() == {str(free): ("open", None), str(own): ("open", "M1"), str(lost): ("open", None)}
    assert await seen(assigned=True) == {str(own): ("open", "M1")}
    task = (await listed(service, queue, customer_id=str(free)))[0]
    await post(service, queue, f"/v1/tasks/{task['id']}:claim")
    assert (await seen(assigned=True))[str(free)] == ("open", "C1")
    await complete(service, queue, task, disposition="reached")
    await timers.sweep(service.runtime, NOW + timedelta(hours=48))
    assert await seen() == {str(free): ("acted", None), str(own): ("expired", None), str(lost): ("expired", None)}
