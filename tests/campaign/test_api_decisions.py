"""Campaign over HTTP, on a real database: what is recommended, to whom, and its replay."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from attune_service_kit.testing import RunningService

from .conftest import NOW, Headers, add_customer, code, deposit, key, nba, person, pick


async def test_a_deposit_at_the_counter(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    opportunity = await deposit(service, customer, quadrant="B")
    pool = service.everything.pool
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
    pool = service.everything.pool
    await pool.execute(
        "INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.30000000000000004, $2, 'aa11', 'bb22')",
        customer,
        NOW,
    )
    told = [await nba(service, token("teller", "B1"), c) for c in (customer, person(4999))]
    for answer in told:
        path = f"/v1/decisions/{answer['decision_id']}"
        audited = (await service.client.get(path, headers=token("auditor"))).json()
        assert audited["replayed"] is True
        assert audited["result"] == answer
        assert audited["inputs"]["decision_id"] == answer["decision_id"]
    kept = await pool.fetchval("SELECT inputs FROM decision WHERE id = $1", UUID(told[0]["decision_id"]))
    # P-32: the score to the last bit, of which model, to what it saw.
    assert orjson.loads(kept)["scores"] == [
        ["propensity-purchase", {"version": 7, "score": 0.1 + 0.2, "model_hash": "aa11", "features_hash": "bb22"}]
    ]
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
    async with service.everything.pool.acquire() as conn:
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
    pool = service.everything.pool
    async with pool.acquire() as conn:
        await add_customer(conn, customer, quadrant="A", **known)
    await pool.execute("INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.99, $2)", customer, NOW)
    told = await nba(service, token("teller", "B1"), customer)
    assert (told["personalised"], told["customer_type"], told["score_source"]) == (False, None, "none")
    assert {r["code"] for a in told["actions"] for r in a["reasons"]} == {"generic"}
    inputs = orjson.loads(await pool.fetchval("SELECT inputs FROM decision"))
    assert (inputs["profile"], inputs["scores"], inputs["opportunities"]) == (None, [], [])
