"""P-12 from end to end: consent is withdrawn at customer-360 while campaign's senders work; both with their workers."""

import asyncio
import random
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from tests.campaign.conftest import NOW, SECRET, add_customer, raised

from attune_contracts.identifiers import customer_id
from attune_service_kit.testing import RunningService, StartService, eventually
from campaign import opportunities, plans
from campaign.app import SERVICE as CAMPAIGN
from customer_360.app import SERVICE as CUSTOMER_360

SECONDS = 5
"""What P-12 allows between the commit of a withdrawal and the last send that starts."""


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def known(service: RunningService, customers: list[UUID]) -> None:
    """Customer-360 knows them; nothing is said about consent."""
    await service.everything.pool.executemany(
        "INSERT INTO party (customer_id, source, source_id, party_kind, branch_id, personalisation, version,"
        " updated_at) VALUES ($1, 'tests', $2, 'person', 'B1', true, 1, now())",
        [(customer, str(n)) for n, customer in enumerate(customers)],
    )


async def opened(service: RunningService, customers: list[UUID]) -> dict[UUID, UUID]:
    """Each has an opportunity and a task in campaign; by customer."""
    database = service.runtime.worker_database
    async with database.transaction() as tx:
        for customer in customers:
            await add_customer(tx.conn, customer)
        plan = await plans.current(database, tx.conn)
        detected = [opportunities.Detected(raised(c), NOW) for c in customers]
        await opportunities.open_for(tx, plan, detected)
    rows = await database.pool.fetch("SELECT customer_id, id FROM task")
    return {row[0]: row[1] for row in rows}


async def test_no_claim_succeeds_once_a_withdrawal_has_arrived(
    start_service: StartService, token: Callable[..., dict[str, str]]
) -> None:
    who = await start_service(CUSTOMER_360)
    what = await start_service(CAMPAIGN, clock="events", arm_secret=SECRET)
    what.runtime.clock.set(NOW)
    everybody = [customer_id("tests", f"P{n}") for n in range(60)]
    tasks = await opened(what, everybody)
    customers = list(tasks)
    await known(who, customers)
    committed: dict[UUID, float] = {}
    claims: list[tuple[UUID, float]] = []
    queue, rng = token("call_centre"), random.Random(3)

    async def withdraw() -> None:
        for customer in customers:
            answer = await who.client.post(
                f"/v1/customers/{customer}/consents:opt-out",
                json={},
                headers=token("mobile", customer=customer) | key(),
            )
            assert answer.status_code == 200, answer.text
            committed[customer] = time.monotonic()

    async def send(order: list[UUID]) -> None:
        for customer in order * 2:
            started = time.monotonic()
            answer = await what.client.post(f"/v1/tasks/{tasks[customer]}:claim", headers=queue | key())
            if answer.status_code == 200:
                claims.append((customer, started))
            else:
                assert answer.json()["code"] in ("task_not_available", "contact_refused")

    await asyncio.gather(withdraw(), *(send(rng.sample(customers, len(customers))) for _ in range(3)))
    assert [c for c, started in claims if started > committed[c] + SECONDS] == []

    async def over() -> bool:
        return not await what.everything.pool.fetchval("SELECT count(*) FROM task WHERE state IN ('open', 'claimed')")

    await eventually(over, timeout=SECONDS, what="every task closed")
    for customer in customers:
        answer = await what.client.post(f"/v1/tasks/{tasks[customer]}:claim", headers=queue | key())
        assert answer.status_code == 409
    rows = await what.everything.pool.fetch("SELECT DISTINCT state, disposition FROM contact")
    assert {tuple(r) for r in rows} == {("released", "consent_withdrawn")}
