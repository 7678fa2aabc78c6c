"""Visits: one teller, one foreign customer, half an hour, on record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from customer_360 import retention

TELLER = ("teller", "B1")
P4 = {"presented": "document", "number": "e1234-5670", "reason": "counter_service"}


async def visit(bank: Any, *role: str, **body: Any) -> Any:
    """Somebody comes to the counter."""
    return await bank.service.client.post("/v1/visits", json=P4 | body, headers=bank.writer(*(role or TELLER)))


async def sees(bank: Any, source_id: str, *role: str) -> bool:
    """Whether somebody can open the customer's view."""
    response = await bank.get(f"/v1/customers/{bank.customer(source_id)}", *(role or TELLER))
    assert response.status_code in (200, 404)
    return bool(response.status_code == 200)


# --- refused ---------------------------------------------------------------------------------------------------------


NOBODYS: tuple[dict[str, Any], ...] = (
    {"number": "E1234567"},
    {"presented": "account", "number": "6217000"},
    {"presented": "card", "number": "%"},
    {"presented": "card", "number": "E12345670"},
    {"presented": "document", "number": "单小明"},
    {"presented": "document", "number": "--"},
)


async def test_only_an_exact_match_opens_a_visit(people: Any) -> None:
    for body in NOBODYS:
        response = await visit(people, **body)
        assert (response.status_code, response.json()["code"]) == (404, "nobody_found")
    assert not await sees(people, "P4")


async def test_who_sits_at_no_branch_opens_none(people: Any) -> None:
    assert (await visit(people, "marketer")).status_code == 403
    assert (await visit(people, "call_centre")).status_code == 403
    for body in ({"reason": "curiosity"}, {"presented": "name"}, {"number": ""}):
        assert (await visit(people, **body)).status_code == 422


# --- opened ----------------------------------------------------------------------------------------------------------


async def test_a_visit_opens_one_customer_to_one_teller(people: Any) -> None:
    assert not await sees(people, "P4")
    for shown in ({"presented": "account", "number": " 62170004 "}, {"presented": "card", "number": "CARD4"}, {}):
        response = await visit(people, **shown)
        assert response.status_code == 201, response.text
    opened = response.json()
    assert opened["customer_id"] == str(people.customer("P4"))
    until = datetime.fromisoformat(opened["until"]) - datetime.now(UTC)
    assert timedelta(minutes=29) < until <= timedelta(minutes=30)
    assert await sees(people, "P4")
    other = await people.get(f"/v1/customers/{people.customer('P4')}", *TELLER, subject="another-teller")
    assert other.status_code == 404


async def test_the_visitor_is_served_as_the_branches_own(people: Any) -> None:
    await visit(people)
    customer, client = people.customer("P4"), people.service.client
    items = (await client.post("/v1/customers:search", json={"query": "P4"}, headers=people._token(*TELLER))).json()[
        "items"
    ]
    assert [item["source_id"] for item in items] == ["P4"]
    changed = await client.patch(
        f"/v1/customers/{customer}", json={"personalisation": False}, headers=people.writer(*TELLER)
    )
    assert (changed.status_code, changed.json()["personalisation"]) == (200, False)
    phone = await people.get(f"/v1/customers/{customer}/identity?reason=verify_identity&fields=phone", *TELLER)
    assert phone.json()["phone"] == "13900139000"
    for part in ("consents", "tags", "timeline"):
        assert (await people.get(f"/v1/customers/{customer}/{part}", *TELLER)).status_code == 200
    # And no list: a visitor belongs to no book here.
    assert (
        await client.post("/v1/customers:search", json={"query": "13900139000"}, headers=people._token(*TELLER))
    ).json()["items"][0]["source_id"] in {"P2", "P4"}


async def test_after_half_an_hour_the_customer_is_unknown_again(people: Any) -> None:
    await visit(people)
    async with people.service.runtime.worker_database.transaction() as tx:
        await tx.conn.execute("UPDATE visit SET until = now()")
    assert not await sees(people, "P4")
    refused = await people.service.client.patch(
        f"/v1/customers/{people.customer('P4')}", json={"personalisation": False}, headers=people.writer(*TELLER)
    )
    assert refused.status_code == 404
    async with people.service.runtime.worker_database.transaction() as tx:
        await tx.conn.execute("UPDATE visit SET until = now() - interval '25 hours'")
    assert (await retention.purge(people.service.runtime))["visits"] == 1
    assert await people.rows("SELECT * FROM visit") == []


async def test_a_visit_stands_on_record_and_is_told_without_a_word_about_the_person(people: Any) -> None:
    opened = (await visit(people)).json()
    ((who, detail),) = await people.rows("SELECT who, detail::text FROM audit WHERE what = 'visit.opened'")
    assert (who, orjson.loads(detail)) == (
        "teller-1",
        {"visit_id": opened["visit_id"], "kind": "document", "reason": "counter_service"},
    )
    ((payload,),) = await people.rows("SELECT payload FROM outbox WHERE type = 'customer_360.visit.opened.v1'")
    data = orjson.loads(payload)["data"]
    assert data | {"until": None} == {
        "customer_id": opened["customer_id"], "visit_id": opened["visit_id"], "teller": "teller-1", "until": None,
    }  # fmt: skip
    assert datetime.fromisoformat(data["until"]) == datetime.fromisoformat(opened["until"])
