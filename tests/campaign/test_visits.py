"""A customer of another branch at the counter: decided for, presented to and answered as an own one, for a while."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from attune_contracts.customer_360 import VisitOpened
from attune_service_kit.testing import RunningService
from campaign import visits

from .conftest import Headers, add_customer, deposit, key, nba, pick


async def open_visit(service: RunningService, customer: UUID, teller: str, minutes: float = 30) -> None:
    """What customer-360 says when a visit is opened, as campaign's worker takes it in."""
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    told = VisitOpened(customer_id=customer, visit_id=uuid4(), teller=teller, until=until)
    async with service.everything.transaction() as tx:
        await visits.opened(tx, [told, told])


async def present(service: RunningService, headers: dict[str, str], told: dict[str, Any]) -> Any:
    """Show the decision's offers."""
    path = f"/v1/decisions/{told['decision_id']}:present"
    return await service.client.post(path, json={}, headers=headers | key())


async def test_without_a_visit_a_foreign_customer_gets_the_generic_list(
    service: RunningService, token: Headers
) -> None:
    (customer,) = await pick(service, "treated")
    await deposit(service, customer)
    told = await nba(service, token("teller", "B2"), customer)
    assert told["customer_type"] is None


async def test_a_visitor_is_decided_for_presented_to_and_answered(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    opportunity = await deposit(service, customer, quadrant="B")
    teller, colleague = token("teller", "B2"), token("teller", "B2", subject="another")
    await open_visit(service, customer, "teller-1")
    told = await nba(service, teller, customer)
    assert told["customer_type"]["value_quadrant"] == "B"
    assert told["actions"][0]["opportunity_id"] == str(opportunity)
    assert (await nba(service, colleague, customer))["customer_type"] is None
    assert (await present(service, colleague, told)).status_code == 404
    shown = await present(service, teller, told)
    assert (shown.status_code, shown.json()["offers"]) == (200, [a["offer"] for a in told["actions"]])
    body = {"decision_id": told["decision_id"], "offer": told["actions"][0]["offer"], "outcome": "accepted"}
    assert (await service.client.post("/v1/responses", json=body, headers=colleague | key())).status_code == 404
    answered = await service.client.post("/v1/responses", json=body, headers=teller | key())
    assert (answered.status_code, answered.json()["opportunity_id"]) == (201, str(opportunity)), answered.text
    # No list shows the visitor: the book and the branch stay as they are.
    listed = await service.client.get("/v1/opportunities", headers=teller)
    assert listed.json()["items"] == []


async def test_when_the_visit_is_over_so_is_the_sight_of_it(service: RunningService, token: Headers) -> None:
    (customer,) = await pick(service, "treated")
    async with service.everything.transaction() as tx:
        await add_customer(tx.conn, customer, quadrant="B")
    teller = token("teller", "B2")
    await open_visit(service, customer, "teller-1")
    told = await nba(service, teller, customer)
    await service.everything.pool.execute("UPDATE visit SET until = now()")
    assert (await nba(service, teller, customer))["customer_type"] is None
    assert (await present(service, teller, told)).status_code == 404
    await service.everything.pool.execute("UPDATE visit SET until = now() - interval '25 hours'")
    await open_visit(service, customer, "teller-2")
    assert await service.everything.pool.fetchval("SELECT count(*) FROM visit") == 1
