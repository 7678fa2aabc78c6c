"""Campaign over HTTP, on a real database: campaigns, policies and offers, and the lists over opportunities."""

import orjson

from attune_service_kit.testing import RunningService

from .conftest import Headers, code, deposit, key, person, pick


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
    row = await service.everything.pool.fetchrow("SELECT state, reason FROM opportunity")
    assert tuple(row) == ("suppressed", "frequency_cap")
    assert await service.everything.pool.fetchval("SELECT count(*) FROM audit") == 2


async def test_lists(service: RunningService, token: Headers) -> None:
    operator, client = token("operator"), service.client
    for customer in (person(n) for n in range(7)):
        await deposit(service, customer)
    found: dict[str, list[str]] = {"oldest": [], "newest": []}
    for sort, ids in found.items():
        cursor = None
        while not ids or cursor:
            params = {"limit": 3, "trigger": "large-deposit", "sort": sort} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/opportunities", params=params, headers=operator)).json()
            cursor = page["next_cursor"]
            ids += [o["id"] for o in page["items"]]
    assert len(set(found["oldest"])) == 7
    assert found["oldest"] == sorted(found["oldest"]) == found["newest"][::-1]
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
