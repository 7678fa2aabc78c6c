"""Campaign over HTTP, on a real database: who is refused, and who sees what."""

from uuid import uuid4

from attune_service_kit.testing import RunningService

from .conftest import Headers, code, deposit, key, nba, person, pick

REFUSED = [
    ("GET", f"/v1/customers/{person(1)}/next-best-actions?channel=counter", "operator"),
    ("GET", f"/v1/decisions/{uuid4()}", "operator"),
    ("GET", f"/v1/decisions/{uuid4()}/explanation?for=staff", "operator"),
    ("GET", f"/v1/customers/{person(1)}/offers/x/why?channel=counter", "operator"),
    ("POST", "/v1/decisions:replay", "operator"),
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
    ("GET", "/v1/offers/x", "call_centre"),
    ("PUT", "/v1/offers/x", "head_office"),
    ("GET", "/v1/scripts", "call_centre"),
    ("PUT", "/v1/scripts/x", "head_office"),
    ("GET", "/v1/policies/contact", "call_centre"),
    ("PUT", "/v1/policies/contact", "head_office"),
]
BODIES = {
    "/v1/decisions:replay": {"from": "2026-03-01", "to": "2026-03-17"},
    "/v1/responses": {"offer": "x", "outcome": "later", "opportunity_id": str(uuid4())},
    "complete": {"disposition": "reached"},
    "/v1/campaigns/large-deposit": {
        "version": 1,
        "control_share": 0.5,
        "outcome_kinds": ["wealth_purchase"],
        "window_business_days": 14,
    },
    "/v1/policies/contact": {"version": 1, "policy": {}},
    "/v1/offers/x": {"version": 0, "name": {"zh": "x", "en": "x"}},
    "/v1/scripts/x": {"version": 0, "offer": "x", "channel": "counter", "text": {"zh": "x", "en": "x"}},
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
    assert await service.everything.pool.fetchval("SELECT count(*) FROM response") == 1


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


async def test_a_foreign_customer_is_answered_as_an_unknown_one(service: RunningService, token: Headers) -> None:
    """The same list, nothing personal; and no silence that would tell who is in a control group."""
    (treated,), (held_out,) = await pick(service, "treated"), await pick(service, "control")
    for customer in (treated, held_out):
        await deposit(service, customer)
    there = token("branch_manager", "B2")
    foreign = [await nba(service, there, customer) for customer in (treated, held_out, person(4999))]
    assert [answer["personalised"] for answer in foreign] == [False] * 3
    told = [{k: v for k, v in answer.items() if k not in ("decision_id", "as_of")} for answer in foreign]
    assert told[0] == told[1] == told[2]


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
