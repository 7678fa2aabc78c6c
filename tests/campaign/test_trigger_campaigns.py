"""A trigger that no campaign names brings a campaign of its own: each of its detections is an opportunity (X10)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import orjson

from attune_contracts.eventing import DetectionEvidence, DetectionRaised, TriggerActivated, TriggerRetired
from attune_service_kit.testing import Publish, RunningService, eventually
from campaign import campaigns

from .conftest import NOW, Headers, add_customer, raised
from .test_worker import counts, service

__all__ = ["service"]


def activated(trigger: str = "maturing", version: int = 1, **more: Any) -> list[TriggerActivated]:
    """One for each partition."""
    words = {"title_zh": "到期", "title_en": "Maturing", "priority": 60, "family": trigger} | more
    return [TriggerActivated(trigger=trigger, version=version, partition=number, **words) for number in range(8)]


def found(trigger: str, customers: Iterable[UUID]) -> list[DetectionRaised]:
    return [raised(c).model_copy(update={"trigger": trigger, "detection_id": uuid4()}) for c in customers]


async def applied(service: RunningService, number: int) -> None:
    async def all_of_them() -> bool:
        return await service.everything.pool.fetchval("SELECT count(*) FROM inbox") == number

    assert await eventually(all_of_them, 60, every=0.1, what="all events applied")


async def test_a_trigger_without_a_campaign_brings_its_own(service: RunningService, publish: Publish) -> None:
    customers = [uuid4() for _ in range(20)]
    told = activated(product_kind="time_deposit")
    shipped = activated("large-deposit", title_en="Another")
    await publish(*told, *shipped, *found("maturing", customers), time=NOW)

    async def opened() -> bool:
        return sum((await counts(service)).values()) == len(customers)

    assert await eventually(opened, 60, every=0.2, what="an opportunity for each")
    rows = await service.everything.pool.fetch("SELECT code, version, family, product_kind, name_en FROM campaign")
    told_of = {row["code"]: (row["version"], row["family"], row["product_kind"], row["name_en"]) for row in rows}
    assert told_of["maturing"] == (1, "maturing", "time_deposit", "Maturing")
    assert told_of["large-deposit"][3] == "Large deposit"
    salts = await service.everything.pool.fetch("SELECT name FROM salt WHERE name = 'maturing'")
    assert len(salts) == 1


async def test_its_tasks_go_the_triggers_ways_in_its_order_with_its_words(
    service: RunningService, publish: Publish, token: Headers
) -> None:
    head = token("call_centre")
    customers = [uuid4() for _ in range(30)]
    async with service.everything.pool.acquire() as conn:
        for customer in customers:
            await add_customer(conn, customer)
    gentle = activated("gentle", priority=10, channels=("mobile",), script_zh="您好", script_en="Good day")
    urgent = activated("urgent", priority=90, channels=("mobile", "call_centre"))
    await publish(*gentle, *urgent, time=NOW)
    await applied(service, 16)
    await publish(*found("gentle", customers[:15]), *found("urgent", customers[15:]), time=NOW)
    await applied(service, 46)

    listed = (await service.client.get("/v1/tasks", headers=head, params={"sort": "priority", "limit": 8})).json()
    rest = {"sort": "priority", "limit": 8, "cursor": listed["next_cursor"]}
    tasks = listed["items"] + (await service.client.get("/v1/tasks", headers=head, params=rest)).json()["items"]
    assert {task["channel"] for task in tasks} == {"mobile"}
    order = [(task["campaign"], task["campaign_priority"]) for task in tasks]
    assert order == sorted(order, key=lambda place: -place[1])
    assert set(order) == {("urgent", 90), ("gentle", 10)}
    last = (await service.client.get(f"/v1/tasks/{tasks[-1]['id']}", headers=head)).json()
    first = (await service.client.get(f"/v1/tasks/{tasks[0]['id']}", headers=head)).json()
    assert last["script"] == {"zh": "您好", "en": "Good day"}
    assert first["script"] is None


async def test_its_campaign_follows_the_trigger_until_a_marketer_has_changed_it(
    service: RunningService, publish: Publish
) -> None:
    database = service.everything

    async def newest() -> tuple[int, int, tuple[str, ...], str]:
        found = await campaigns.get(database.pool, "maturing")
        return found.version, found.priority, found.channels, found.name_en

    await publish(*activated(), time=NOW)
    await applied(service, 8)
    assert await newest() == (1, 60, (), "Maturing")
    # The eight tell of the second version before all have told of the first.
    again = activated(version=2, priority=70, channels=("call_centre",), title_en="Matures")
    await publish(*again, *(one.model_copy(update={"title_en": "Old"}) for one in activated()), time=NOW)
    await applied(service, 24)
    assert await newest() == (2, 70, ("call_centre",), "Matures")

    async with database.transaction() as tx:
        wanted = campaigns.Change(500, ("wealth_purchase",), 10, True, priority=20)
        await campaigns.change(tx, "maturing", wanted, version=2)
    await publish(*activated(version=3, priority=99), time=NOW)
    await applied(service, 32)
    assert await newest() == (3, 20, (), "Matures")


async def test_its_campaign_says_that_the_trigger_is_retired_until_another_version_judges(
    service: RunningService, publish: Publish, token: Headers
) -> None:
    customer = uuid4()

    def retired(version: int) -> list[TriggerRetired]:
        return [TriggerRetired(trigger="maturing", version=version, partition=number) for number in range(8)]

    async def said() -> tuple[bool, str | None]:
        one = (await service.client.get("/v1/campaigns/maturing", headers=token("marketer"))).json()
        return one["enabled"], one["trigger_retired_at"]

    await publish(*activated(version=2), time=NOW)
    await applied(service, 8)
    assert await said() == (True, None)
    # A partition that lags tells of the version before; what was detected still comes and is opened.
    await publish(*retired(2), *activated(version=2), *retired(1), *found("maturing", [customer]), time=NOW)
    await applied(service, 33)
    assert await said() == (True, NOW.isoformat().replace("+00:00", "Z"))
    assert sum((await counts(service)).values()) == 1
    await publish(*activated(version=3), *retired(2), time=NOW)
    await applied(service, 49)
    assert await said() == (True, None)


async def test_what_a_campaign_that_is_off_detects_is_recorded_and_disturbs_nobody(
    service: RunningService, publish: Publish
) -> None:
    customers = [uuid4() for _ in range(10)]
    async with service.everything.pool.acquire() as conn:
        for customer in customers:
            await add_customer(conn, customer)
    async with service.everything.transaction() as tx:
        wanted = campaigns.Change(1000, ("wealth_purchase",), 14, False)
        await campaigns.change(tx, "large-deposit", wanted, version=1)
    await publish(*(raised(c) for c in customers), time=NOW)
    await applied(service, 10)
    reasons = await service.everything.pool.fetch("SELECT state, reason, count(*)::int FROM opportunity GROUP BY 1, 2")
    assert [tuple(row) for row in reasons] == [("suppressed", "campaign_disabled", 10)]
    assert await counts(service, "task") == {}


async def test_a_detection_of_a_trigger_that_nobody_has_told_of_waits_in_quarantine(
    service: RunningService, publish: Publish
) -> None:
    customer = uuid4()
    await publish(*found("unheard-of", [customer]), raised(customer), time=NOW)

    async def told_apart() -> bool:
        aside = await service.everything.pool.fetchval("SELECT count(*) FROM quarantine")
        return (aside, sum((await counts(service)).values())) == (1, 1)

    assert await eventually(told_apart, 60, every=0.2, what="one set aside, the other opened")


async def test_an_amount_that_is_no_new_money_is_shown_and_adds_to_no_balance(
    service: RunningService, publish: Publish, token: Headers
) -> None:
    customer = uuid4()
    async with service.everything.pool.acquire() as conn:
        await add_customer(conn, customer)
    [matures], deposit = found("large-deposit", [customer]), raised(customer)
    told = [
        DetectionEvidence(
            customer_id=customer, detection_id=one.detection_id, trigger=one.trigger, event_key=one.event_key,
            amount_minor=amount, compared_with_minor=compared, metric="x", new_money=compared is not None,
        )
        for one, amount, compared in ((matures, 700, None), (deposit, 900, 5))
    ]  # fmt: skip
    matures = matures.model_copy(update={"event_key": "H1:2026-03-17:0"})
    await publish(matures, told[0], told[1], deposit, time=NOW)
    await applied(service, 4)
    query = "SELECT opportunities::text FROM decision_inputs($1, 'all', NULL, NULL, 'x', $2, $3, $3, false)"
    seen = orjson.loads(await service.everything.pool.fetchval(query, customer, NOW.date(), NOW))
    assert sorted((row[3] is None, row[3] or 0) for row in seen) == [(False, 900), (True, 0)]
    params = {"customer_id": str(customer)}
    listed = await service.client.get("/v1/opportunities", headers=token("marketer"), params=params)
    shown = {one["amount"]["amount"] for one in listed.json()["items"]}
    assert shown == {"7.00", "9.00"}
