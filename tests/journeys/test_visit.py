"""X23 from end to end: a customer of another branch shows a card at the counter; both services with their workers."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.campaign.conftest import NOW, SECRET, add_customer

from attune_contracts.identifiers import customer_id
from attune_service_kit.testing import StartService, eventually
from campaign.app import SERVICE as CAMPAIGN
from customer_360.app import SERVICE as CUSTOMER_360


async def test_who_is_at_the_counter_is_served_with_recommendations(
    start_service: StartService, token: Callable[..., dict[str, str]]
) -> None:
    who = await start_service(CUSTOMER_360)
    what = await start_service(CAMPAIGN, clock="events", arm_secret=SECRET)
    what.runtime.clock.set(NOW)
    visitor = customer_id("tests", "P1")
    await who.everything.pool.execute(
        "INSERT INTO party (customer_id, source, source_id, party_kind, branch_id, personalisation, version,"
        " updated_at) VALUES ($1, 'tests', 'P1', 'person', 'B1', true, 1, now())",
        visitor,
    )
    await who.everything.pool.execute(
        "INSERT INTO card (card_id, customer_id, kind) VALUES ('CARD1', $1, 'gold')", visitor
    )
    for service in (who, what):
        await service.everything.pool.execute("INSERT INTO branch_scope VALUES ('B1', 'B1'), ('B2', 'B2')")
    async with what.everything.transaction() as tx:
        await add_customer(tx.conn, visitor, quadrant="B")
    teller = token("teller", "B2")

    async def recommended() -> Any:
        path = f"/v1/customers/{visitor}/next-best-actions?channel=counter"
        return (await what.client.get(path, headers=teller)).json()["customer_type"]

    assert (await who.client.get(f"/v1/customers/{visitor}", headers=teller)).status_code == 404
    assert await recommended() is None
    shown = {"presented": "card", "number": "CARD1", "reason": "counter_service"}
    opened = await who.client.post("/v1/visits", json=shown, headers=teller | {"Idempotency-Key": uuid4().hex})
    assert opened.status_code == 201, opened.text
    assert (await who.client.get(f"/v1/customers/{visitor}", headers=teller)).json()["source_id"] == "P1"
    assert (await eventually(recommended, what="the visit in campaign"))["value_quadrant"] == "B"
