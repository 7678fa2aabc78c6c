"""Campaign over HTTP, on a real database: tasks are claimed, worked and contact their customers."""

from datetime import timedelta
from uuid import UUID, uuid4

from attune_service_kit.testing import RunningService

from .conftest import NOW, Headers, code, deposit, key, nba, pick


async def test_working_a_task(service: RunningService, token: Headers) -> None:
    reached, missed = await pick(service, "treated", 2)
    for customer in (reached, missed):
        await deposit(service, customer, digital_share=0.9)
    await deposit(service, reached, "T2")
    queue, client = token("call_centre"), service.client
    page = (await client.get("/v1/tasks", params={"channel": "mobile", "limit": 1}, headers=queue)).json()
    rest = (
        await client.get(
            "/v1/tasks", params={"channel": "mobile", "limit": 1, "cursor": page["next_cursor"]}, headers=queue
        )
    ).json()
    tasks = {UUID(t["customer_id"]): t for t in (*page["items"], *rest["items"])}
    assert set(tasks) == {reached, missed}
    assert rest["next_cursor"] is None
    assert len(tasks[reached]["opportunity_ids"]) == 2
    await client.post(f"/v1/tasks/{tasks[reached]['id']}:claim", headers=queue | key())
    for customer, disposition in ((reached, "reached"), (missed, "wrong_number")):
        done = await client.post(
            f"/v1/tasks/{tasks[customer]['id']}:complete", json={"disposition": disposition}, headers=queue | key()
        )
        assert (done.json()["state"], done.json()["disposition"]) == ("done", disposition)
        again = await client.post(
            f"/v1/tasks/{tasks[customer]['id']}:complete", json={"disposition": disposition}, headers=queue | key()
        )
        assert code(again) == (409, "task_not_available")
    pool = service.everything.pool
    states = {r[0]: r[1] for r in await pool.fetch("SELECT customer_id, state FROM contact")}
    assert states == {reached: "confirmed", missed: "released"}
    opportunities = await pool.fetch("SELECT customer_id, state FROM opportunity")
    assert {tuple(r) for r in opportunities} == {(reached, "acted"), (missed, "open")}
    types = [r[0] for r in await pool.fetch("SELECT type FROM outbox ORDER BY seq")]
    assert types.count("campaign.opportunity.acted.v1") == 2
    assert types.count("campaign.contact.made.v1") == 1


async def test_a_claim_is_refused_in_quiet_hours_and_after_an_objection(
    service: RunningService, token: Headers
) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    queue, client, pool = token("call_centre"), service.client, service.everything.pool
    (task,) = (await client.get("/v1/tasks", headers=queue)).json()["items"]
    assert task["channel"] == "call_centre"
    service.runtime.clock.set(NOW.replace(hour=14))  # 22:00 in Shanghai
    quiet = await client.post(f"/v1/tasks/{task['id']}:claim", headers=queue | key())
    assert code(quiet) == (409, "contact_refused")
    assert quiet.json()["reason"] == "quiet_hours"
    service.runtime.clock.set(NOW + timedelta(days=1))
    await pool.execute("UPDATE proj_consent SET granted = false WHERE purpose = 'marketing_contact'")
    objected = await client.post(f"/v1/tasks/{task['id']}:claim", headers=queue | key())
    assert objected.json()["reason"] == "no_consent"
    assert await pool.fetchval("SELECT state FROM task") == "open"


async def test_a_lapsed_contact_that_happened_counts_though_beyond_the_policy(
    service: RunningService, token: Headers
) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    queue, client, pool = token("call_centre"), service.client, service.everything.pool
    (task,) = (await client.get("/v1/tasks", headers=queue)).json()["items"]
    await client.post(f"/v1/tasks/{task['id']}:claim", headers=queue | key())
    await pool.execute("UPDATE contact SET hold_until = now() - interval '1 minute'")
    await pool.executemany(
        "INSERT INTO contact (id, customer_id, channel, direction, message_class, state, at, beyond_policy)"
        " VALUES ($1, $2, 'sms', 'outbound', 'marketing', 'confirmed', $3, false)",
        [(uuid4(), customer, NOW), (uuid4(), customer, NOW)],
    )
    done = await client.post(f"/v1/tasks/{task['id']}:complete", json={"disposition": "reached"}, headers=queue | key())
    assert done.status_code == 200
    row = await pool.fetchrow("SELECT state, beyond_policy FROM contact WHERE channel = 'call_centre'")
    assert tuple(row) == ("confirmed", True)


async def test_outbound_presenting_uses_the_tasks_contact(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer, manager="M1", quadrant="A")
    manager, client, pool = (
        token("relationship_manager", "B1", subject="M1"),
        service.client,
        service.everything.pool,
    )
    (task,) = (await client.get("/v1/tasks", headers=manager)).json()["items"]
    await client.post(f"/v1/tasks/{task['id']}:claim", headers=manager | key())
    told = await nba(service, manager, customer, "relationship_manager")
    shown = await client.post(f"/v1/decisions/{told['decision_id']}:present", json={}, headers=manager | key())
    assert shown.status_code == 200, shown.text
    assert await pool.fetchval("SELECT count(*) FROM contact") == 1
    # Another colleague's outbound contact needs a permission of its own, and the cap of two leaves one.
    other = token("relationship_manager", "B1", subject="M2")
    for status in (200, 409):
        told = await nba(service, other, customer, "relationship_manager")
        if not told["actions"]:
            assert {w["rule"] for w in told["withheld"]} >= {"contact_policy"}
            break
        answer = await client.post(f"/v1/decisions/{told['decision_id']}:present", json={}, headers=other | key())
        assert answer.status_code == status
