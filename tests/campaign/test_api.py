"""Campaign over HTTP, on a real database: who is refused first, then what is answered."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from attune_service_kit.testing import RunningService, StartService
from campaign import opportunities, plans
from campaign.app import SERVICE

from .conftest import NOW, add_customer, person, raised

SECRET = "a-secret-for-the-arms-of-tests"
Headers = Callable[..., dict[str, str]]


@pytest.fixture
async def service(start_service: StartService) -> RunningService:
    """Campaign without a worker, at the business time NOW: head office HQ, branches B1 and B2."""
    running = await start_service(SERVICE, worker=False, clock="events", arm_secret=SECRET)
    running.runtime.clock.set(NOW)
    async with running.runtime.database.pool.acquire() as conn:
        pairs = [("HQ", "HQ"), ("HQ", "B1"), ("HQ", "B2"), ("B1", "B1"), ("B2", "B2")]
        await conn.executemany("INSERT INTO branch_scope VALUES ($1, $2)", pairs)
    return running


def key() -> dict[str, str]:
    """An idempotency key nobody has used."""
    return {"Idempotency-Key": uuid4().hex}


async def pick(service: RunningService, arm: str, how_many: int = 1) -> list[UUID]:
    """The first customers of an arm."""
    async with service.runtime.database.pool.acquire() as conn:
        plan = await plans.current(service.runtime.database, conn)
    found = (person(n) for n in range(5000))
    return [c for c in found if plan.arm("large-deposit", 1000, c, NOW.date()) == arm][:how_many]


async def deposit(service: RunningService, customer: UUID, event_key: str = "T1", **known: Any) -> UUID:
    """A customer with a large deposit; the opportunity's id."""
    database = service.runtime.database
    async with database.transaction() as tx:
        if not await tx.conn.fetchval("SELECT true FROM proj_party WHERE customer_id = $1", customer):
            await add_customer(tx.conn, customer, **known)
        plan = await plans.current(database, tx.conn)
        detection = raised(customer, event_key)
        await opportunities.open_for(tx, plan, [opportunities.Detected(detection, NOW)])
        found: UUID = await tx.conn.fetchval(
            "SELECT id FROM opportunity WHERE detection_id = $1", detection.detection_id
        )
        return found


async def nba(service: RunningService, headers: dict[str, str], customer: UUID, channel: str = "counter") -> Any:
    answer = await service.client.get(
        f"/v1/customers/{customer}/next-best-actions", params={"channel": channel}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- refused -------------------------------------------------------------------------------------------------------


REFUSED = [
    ("GET", f"/v1/customers/{person(1)}/next-best-actions?channel=counter", "operator"),
    ("GET", f"/v1/decisions/{uuid4()}", "operator"),
    ("POST", f"/v1/decisions/{uuid4()}:present", "marketer"),
    ("POST", "/v1/responses", "marketer"),
    ("GET", "/v1/opportunities", "partner"),
    ("GET", "/v1/opportunities:count", "partner"),
    ("GET", "/v1/tasks", "operator"),
    ("POST", f"/v1/tasks/{uuid4()}:claim", "marketer"),
    ("POST", f"/v1/tasks/{uuid4()}:complete", "marketer"),
    ("GET", "/v1/campaigns/large-deposit", "call_centre"),
    ("PUT", "/v1/campaigns/large-deposit", "head_office"),
    ("POST", "/v1/campaigns/large-deposit/results", "marketer"),
    ("GET", "/v1/campaigns/large-deposit/results", "call_centre"),
    ("GET", "/v1/campaigns/large-deposit/assignments", "head_office"),
    ("GET", "/v1/offers", "call_centre"),
    ("GET", "/v1/policies/contact", "call_centre"),
    ("PUT", "/v1/policies/contact", "head_office"),
]
BODIES = {
    "/v1/responses": {"offer": "x", "outcome": "later", "opportunity_id": str(uuid4())},
    "complete": {"disposition": "reached"},
    "/v1/campaigns/large-deposit": {
        "version": 1,
        "control_share": 0.5,
        "outcome_kinds": ["wealth_purchase"],
        "window_business_days": 14,
    },
    "/v1/policies/contact": {"version": 1, "policy": {}},
}


async def test_nobody_without_the_right(service: RunningService, token: Headers) -> None:
    for method, path, role in REFUSED:
        body = None if method == "GET" else next((b for k, b in BODIES.items() if path.endswith(k)), {})
        unknown = await service.client.request(method, path, headers=key(), json=body)
        assert unknown.status_code == 401, path
        wrong = await service.client.request(method, path, headers=token(role) | key(), json=body)
        assert wrong.status_code == 403, path


async def test_writes_need_a_key_and_repeat_their_first_answer(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    teller = token("teller", "B1")
    decision = (await nba(service, teller, customer))["decision_id"]
    body = {"decision_id": decision, "offer": "time-deposit-12m", "outcome": "accepted"}
    missing = await service.client.post("/v1/responses", json=body, headers=teller)
    assert code(missing) == (400, "idempotency_key_missing")
    one = key()
    first = await service.client.post("/v1/responses", json=body, headers=teller | one)
    again = await service.client.post("/v1/responses", json=body, headers=teller | one)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    other = await service.client.post("/v1/responses", json=body | {"outcome": "later"}, headers=teller | one)
    assert code(other) == (422, "idempotency_key_reused")
    assert await service.runtime.database.pool.fetchval("SELECT count(*) FROM response") == 1


async def test_another_branch_sees_nothing(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    opportunity = await deposit(service, customer)
    here, there = token("branch_manager", "B1"), token("branch_manager", "B2")
    client = service.client
    assert (await client.get(f"/v1/opportunities/{opportunity}", headers=here)).status_code == 200
    assert (await client.get(f"/v1/opportunities/{opportunity}", headers=there)).status_code == 404
    assert (await client.get("/v1/opportunities", headers=there)).json()["items"] == []
    assert (await client.get("/v1/tasks", headers=there)).json()["items"] == []
    (task,) = (await client.get("/v1/tasks", headers=token("branch_manager", "HQ"))).json()["items"]
    assert (await client.post(f"/v1/tasks/{task['id']}:claim", headers=there | key())).status_code == 404
    mine = await nba(service, here, customer)
    assert (await client.get(f"/v1/decisions/{mine['decision_id']}", headers=there)).status_code == 404
    present = await client.post(f"/v1/decisions/{mine['decision_id']}:present", json={}, headers=there | key())
    assert present.status_code == 404
    # A foreign customer is answered as an unknown one: the same list, and nothing personal.
    foreign, unknown = await nba(service, there, customer), await nba(service, there, person(4999))
    assert foreign["personalised"] is False
    assert {k: v for k, v in foreign.items() if k not in ("decision_id", "as_of")} == {
        k: v for k, v in unknown.items() if k not in ("decision_id", "as_of")
    }


async def test_a_mobile_token_sees_its_own_customer_only(service: RunningService, token: Headers) -> None:
    (customer, other) = await pick(service, "treated", 2)
    await deposit(service, customer)
    mobile = token("mobile", customer=customer)
    assert (await nba(service, mobile, customer, "mobile"))["personalised"] is True
    answer = await service.client.get(
        f"/v1/customers/{other}/next-best-actions", params={"channel": "mobile"}, headers=mobile
    )
    assert answer.status_code == 404


async def test_a_task_belongs_to_its_employee(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer, manager="M1", quadrant="A")
    client = service.client
    mine, colleague = (token("relationship_manager", "B1", subject=s) for s in ("M1", "M2"))
    assert (await client.get("/v1/tasks", headers=colleague)).json()["items"] == []
    (task,) = (await client.get("/v1/tasks", headers=mine)).json()["items"]
    assert task["channel"] == "relationship_manager"
    for headers in (colleague, token("teller", "B1"), token("call_centre")):
        answer = await client.post(f"/v1/tasks/{task['id']}:claim", headers=headers | key())
        assert code(answer) == (403, "forbidden")
    assert (await client.post(f"/v1/tasks/{task['id']}:claim", headers=mine | key())).json()["state"] == "claimed"
    manager = token("branch_manager", "B1")
    taken = await client.post(f"/v1/tasks/{task['id']}:claim", headers=manager | key())
    assert code(taken) == (409, "task_not_available")


# --- answered ------------------------------------------------------------------------------------------------------


async def test_a_deposit_at_the_counter(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    opportunity = await deposit(service, customer, quadrant="B")
    pool = service.runtime.database.pool
    await pool.execute(
        "INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.31, $2)", customer, NOW - timedelta(days=1)
    )
    teller = token("teller", "B1")
    told = await nba(service, teller, customer)
    first = told["actions"][0]
    assert first["opportunity_id"] == str(opportunity)
    assert "large_deposit" in [r["code"] for r in first["reasons"]]
    assert told["customer_type"] == {"value_quadrant": "B", "risk_rating": "C3", "lifecycle": None}
    assert told["models"] == [{"name": "propensity-purchase", "version": 7}]
    assert [w["offer"] for w in told["withheld"]] == ["equity-fund-growth"]
    again = await nba(service, teller, customer)
    assert again["decision_id"] != told["decision_id"]
    assert {k: v for k, v in again.items() if k != "decision_id"} == {
        k: v for k, v in told.items() if k != "decision_id"
    }
    assert await pool.fetchval("SELECT count(*) FROM contact WHERE state = 'confirmed'") == 0

    shown = await service.client.post(
        f"/v1/decisions/{told['decision_id']}:present", json={"offers": [first["offer"]]}, headers=teller | key()
    )
    assert shown.json()["offers"] == [first["offer"]]
    repeated = await service.client.post(
        f"/v1/decisions/{told['decision_id']}:present", json={}, headers=teller | key()
    )
    assert repeated.json()["contact_id"] == shown.json()["contact_id"]
    body = {"decision_id": told["decision_id"], "offer": first["offer"], "outcome": "accepted"}
    answered = await service.client.post("/v1/responses", json=body, headers=teller | key())
    assert answered.json()["opportunity_id"] == str(opportunity)
    after = (await service.client.get(f"/v1/opportunities/{opportunity}", headers=teller)).json()
    assert (after["state"], after["disposition"], after["arm"]) == ("acted", "accepted", None)
    assert dict(await pool.fetch("SELECT state, count(*)::int FROM task GROUP BY 1")) == {"closed": 1}
    contacts = await pool.fetch("SELECT direction, state FROM contact ORDER BY direction")
    assert [tuple(r) for r in contacts] == [("inbound", "confirmed"), ("outbound", "released")]
    types = [r[0] for r in await pool.fetch("SELECT type FROM outbox ORDER BY seq")]
    assert types[2:] == [
        "campaign.contact.made.v1",
        "campaign.response.recorded.v1",
        "campaign.opportunity.acted.v1",
    ]
    stranger = await service.client.post(
        "/v1/responses", json=body | {"offer": "equity-fund-growth"}, headers=teller | key()
    )
    assert code(stranger) == (422, "offer_not_in_decision")


async def test_a_stored_decision_replays_to_the_same_bytes(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer, quadrant="B")
    pool = service.runtime.database.pool
    await pool.execute(
        "INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.30000000000000004, $2)", customer, NOW
    )
    told = [await nba(service, token("teller", "B1"), c) for c in (customer, person(4999))]
    for answer in told:
        path = f"/v1/decisions/{answer['decision_id']}"
        audited = (await service.client.get(path, headers=token("auditor"))).json()
        assert audited["replayed"] is True
        assert audited["result"] == answer
        assert audited["inputs"]["decision_id"] == answer["decision_id"]
    seen = await service.client.get(f"/v1/decisions/{told[0]['decision_id']}", headers=token("teller", "B1"))
    assert seen.json()["inputs"] is None
    # A new catalogue changes new answers, not the replay of old ones.
    row = await pool.fetchrow("SELECT content FROM catalogue")
    dearer = orjson.loads(row["content"])
    dearer["offers"][0]["expected_margin_minor"] = 1
    await pool.execute("INSERT INTO catalogue VALUES (2, 'other', $1)", orjson.dumps(dearer))
    await nba(service, token("teller", "B1"), customer)
    assert await pool.fetchval("SELECT max(catalogue_version) FROM decision") == 2
    audited = await service.client.get(f"/v1/decisions/{told[0]['decision_id']}", headers=token("auditor"))
    assert (audited.json()["catalogue_version"], audited.json()["replayed"]) == (1, True)


async def test_a_held_out_customer_at_the_counter(service: RunningService, token: Headers) -> None:
    (held_out,) = await pick(service, "control")
    (universal,) = await pick(service, "universal")
    teller, marketer = token("teller", "B1"), token("marketer")
    opportunity = await deposit(service, held_out, rating=None)
    async with service.runtime.database.pool.acquire() as conn:
        await add_customer(conn, universal)
    for customer in (held_out, universal):
        told = await nba(service, teller, customer)
        assert told["actions"] == []
        assert told["message"]["code"] == "no_recommendation"
        assert told["personalised"] is True
    assert [s["offer"] for s in (await nba(service, teller, held_out))["service_actions"]] == ["renew-risk-rating"]
    # The arm never shows: staff do not even see that there is an opportunity; the marketer does.
    client = service.client
    assert (await client.get(f"/v1/opportunities/{opportunity}", headers=teller)).status_code == 404
    assert (await client.get("/v1/opportunities:count", headers=teller)).json() == {"total": 0, "states": {}}
    seen = (await client.get(f"/v1/opportunities/{opportunity}", headers=marketer)).json()
    assert (seen["state"], seen["arm"]) == ("held_out", "control")
    assert (await client.get("/v1/opportunities:count", headers=marketer)).json()["states"] == {"held_out": 1}
    # Once its window has closed, the customer is offered again what everybody is.
    service.runtime.clock.set(NOW + timedelta(days=40))
    assert (await nba(service, teller, held_out))["actions"] != []


@pytest.mark.parametrize(
    "known",
    [
        {"personalisation": False},
        {"consents": {"marketing_contact": True}},
        {"consents": {"marketing_contact": True, "personalised_decision": False}},
    ],
)
async def test_without_agreement_the_list_is_generic(
    service: RunningService, token: Headers, known: dict[str, Any]
) -> None:
    (customer,) = await pick(service, "treated")
    pool = service.runtime.database.pool
    async with pool.acquire() as conn:
        await add_customer(conn, customer, quadrant="A", **known)
    await pool.execute("INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.99, $2)", customer, NOW)
    told = await nba(service, token("teller", "B1"), customer)
    assert (told["personalised"], told["customer_type"], told["score_source"]) == (False, None, "none")
    assert {r["code"] for a in told["actions"] for r in a["reasons"]} == {"generic"}
    inputs = orjson.loads(await pool.fetchval("SELECT inputs FROM decision"))
    assert (inputs["profile"], inputs["scores"], inputs["opportunities"]) == (None, [], [])


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
    for customer, disposition in ((reached, "reached"), (missed, "not_reached")):
        done = await client.post(
            f"/v1/tasks/{tasks[customer]['id']}:complete", json={"disposition": disposition}, headers=queue | key()
        )
        assert (done.json()["state"], done.json()["disposition"]) == ("done", disposition)
        again = await client.post(
            f"/v1/tasks/{tasks[customer]['id']}:complete", json={"disposition": disposition}, headers=queue | key()
        )
        assert code(again) == (409, "task_not_available")
    pool = service.runtime.database.pool
    states = {r[0]: r[1] for r in await pool.fetch("SELECT customer_id, state FROM contact")}
    assert states == {reached: "confirmed", missed: "released"}
    assert {r[0] for r in await pool.fetch("SELECT state FROM opportunity")} == {"acted"}
    types = [r[0] for r in await pool.fetch("SELECT type FROM outbox ORDER BY seq")]
    assert types.count("campaign.opportunity.acted.v1") == 3
    assert types.count("campaign.contact.made.v1") == 1


async def test_a_claim_is_refused_in_quiet_hours_and_after_an_objection(
    service: RunningService, token: Headers
) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    queue, client, pool = token("call_centre"), service.client, service.runtime.database.pool
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
    queue, client, pool = token("call_centre"), service.client, service.runtime.database.pool
    (task,) = (await client.get("/v1/tasks", headers=queue)).json()["items"]
    await client.post(f"/v1/tasks/{task['id']}:claim", headers=queue | key())
    await pool.execute("UPDATE contact SET hold_until = now() - interval '1 minute'")
    await pool.executemany(
        "INSERT INTO contact (id, customer_id, channel, direction, state, at, beyond_policy)"
        " VALUES ($1, $2, 'sms', 'outbound', 'confirmed', $3, false)",
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
        service.runtime.database.pool,
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


async def test_campaign_and_policy_are_changed_by_version(service: RunningService, token: Headers) -> None:
    operator, client = token("operator"), service.client
    before = (await client.get("/v1/campaigns/large-deposit", headers=operator)).json()
    assert (before["version"], before["control_share"], before["window_business_days"]) == (1, 0.1, 14)
    assert "salt" not in orjson.dumps(before).decode()
    wanted = {
        "version": 1,
        "control_share": 0.5,
        "outcome_kinds": ["time_deposit_opened", "wealth_purchase"],
        "window_business_days": 14,
    }
    put = "/v1/campaigns/large-deposit"
    changed = await client.put(put, json=wanted, headers=operator | key())
    assert (changed.json()["version"], changed.json()["control_share"]) == (2, 0.5)
    assert code(await client.put(put, json=wanted, headers=operator | key())) == (409, "stale_version")
    finer = await client.put(put, json=wanted | {"version": 2, "control_share": 0.12345}, headers=operator | key())
    assert finer.status_code == 422
    assert (await client.get("/v1/campaigns/none", headers=operator)).status_code == 404
    policy = (await client.get("/v1/policies/contact", headers=operator)).json()
    assert policy["policy"]["caps"] == [{"level": "customer", "channel": None, "limit": 2, "days": 7}]
    policy["policy"]["caps"][0]["limit"] = 0
    put = "/v1/policies/contact"
    assert (await client.put(put, json=policy, headers=operator | key())).json()["version"] == 2
    assert code(await client.put(put, json=policy, headers=operator | key())) == (409, "stale_version")
    # The new policy binds at once.
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    row = await service.runtime.database.pool.fetchrow("SELECT state, reason FROM opportunity")
    assert tuple(row) == ("suppressed", "frequency_cap")
    assert await service.runtime.database.pool.fetchval("SELECT count(*) FROM audit") == 2


async def test_offers_and_lists(service: RunningService, token: Headers) -> None:
    operator, client = token("operator"), service.client
    offers = (await client.get("/v1/offers", headers=operator)).json()
    assert [o["code"] for o in offers if o["kind"] == "marketing"] == [
        "equity-fund-growth",
        "time-deposit-12m",
        "wealth-steady-6m",
    ]
    assert all(len(o["scripts"]) == 4 for o in offers)
    for customer in (person(n) for n in range(7)):
        await deposit(service, customer)
    pages: list[dict[str, Any]] = []
    cursor = None
    while not pages or cursor:
        params = {"limit": 3, "trigger": "large-deposit"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/opportunities", params=params, headers=operator)).json()
        cursor = page["next_cursor"]
        pages += page["items"]
    assert len({o["id"] for o in pages}) == 7
    counted = (await client.get("/v1/opportunities:count", headers=operator)).json()
    assert counted["total"] == 7
    here = await client.get("/v1/opportunities:count", params={"branch": "HQ"}, headers=operator)
    assert here.json()["total"] == 7
    elsewhere = await client.get("/v1/opportunities:count", params={"branch": "B2"}, headers=operator)
    assert elsewhere.json()["total"] == 0
    for days, total in (
        ({"from": "2026-03-17", "to": "2026-03-17"}, 7),
        ({"from": "2026-03-18"}, 0),
        ({"to": "2026-03-16"}, 0),
    ):
        counted = await client.get("/v1/opportunities:count", params=days, headers=operator)
        assert counted.json()["total"] == total
    assigned = (await client.get("/v1/campaigns/large-deposit/assignments", headers=token("auditor"))).json()["items"]
    assert {a["customer_id"] for a in assigned} == {str(person(n)) for n in range(7)}
    nothing = await client.get("/v1/campaigns/large-deposit/results", headers=operator)
    assert code(nothing) == (404, "not_found")
