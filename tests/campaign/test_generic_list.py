"""Without the customer's agreement no score, feature or segment is read: the tables raise if anybody looks (R-02)."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from attune_service_kit.testing import RunningService

from .conftest import NOW, Headers, add_customer, nba, person, pick

STRANGER = person(4998)
TRAP = """
ALTER TABLE {table} RENAME TO {table}_held;
CREATE VIEW {table} AS SELECT t.* FROM {table}_held t WHERE touched('{table}');
GRANT SELECT ON {table} TO campaign_app"""


@pytest.fixture
async def trapped(service: RunningService) -> UUID:
    """A treated customer; whoever reads a row of scores or features, theirs or another's, gets an error."""
    (customer,) = await pick(service, "treated")
    pool = service.everything.pool
    async with pool.acquire() as conn:
        await add_customer(conn, customer, quadrant="A")
    for who in (customer, STRANGER):
        await pool.execute("INSERT INTO proj_scores VALUES ($1, 'propensity-purchase', 7, 0.99, $2)", who, NOW)
    await pool.execute("INSERT INTO proj_features SELECT $1, as_of, 1, 0.5, 'A' FROM proj_features", STRANGER)
    owner = await asyncpg.connect(service.settings.owner_database_url)
    await owner.execute(
        "CREATE FUNCTION touched(what text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS"
        " $$ BEGIN RAISE EXCEPTION 'a row of % was read', what; END $$"
    )
    for table in ("proj_scores", "proj_features"):
        await owner.execute(TRAP.format(table=table))
    await owner.close()
    return customer


async def consents(service: RunningService, customer: UUID, agreed: bool | None, personalisation: bool) -> None:
    pool = service.everything.pool
    await pool.execute(
        "DELETE FROM proj_consent WHERE purpose = 'personalised_decision' AND customer_id = $1", customer
    )
    await pool.execute("UPDATE proj_party SET personalisation = $2 WHERE customer_id = $1", customer, personalisation)
    if agreed is not None:
        await pool.execute(
            "INSERT INTO proj_consent (customer_id, purpose, granted, since)"
            " VALUES ($1, 'personalised_decision', $2, '2026-01-01')",
            customer,
            agreed,
        )


async def test_the_trap_holds(service: RunningService, token: Headers, trapped: UUID) -> None:
    path = f"/v1/customers/{trapped}/next-best-actions"
    answer = await service.client.get(path, params={"channel": "counter"}, headers=token("teller", "B1"))
    assert answer.status_code == 500


@pytest.mark.parametrize(("agreed", "personalisation"), [(True, False), (None, True), (False, True), (False, False)])
async def test_who_has_not_agreed_is_not_looked_up(
    service: RunningService, token: Headers, trapped: UUID, agreed: bool | None, personalisation: bool
) -> None:
    await consents(service, trapped, agreed, personalisation)
    teller = token("teller", "B1")
    for channel in ("counter", "mobile", "call_centre"):
        told = await nba(service, teller, trapped, channel)
        nothing = (told["personalised"], told["customer_type"], told["score_source"], told["models"])
        assert nothing == (False, None, "none", [])
        assert told["actions"]
        assert {r["code"] for a in told["actions"] for r in a["reasons"]} == {"generic"}
        path = f"/v1/customers/{trapped}/offers/time-deposit-12m/why"
        why = await service.client.get(path, params={"channel": channel}, headers=teller)
        assert why.json()["personalised"] is False
        path = f"/v1/decisions/{told['decision_id']}/explanation"
        explained = await service.client.get(path, params={"for": "customer"}, headers=teller)
        used = {d["code"] for d in explained.json()["data_used"]}
        assert used <= {"age", "products_held", "risk_rating", "consents", "past_contacts"}


async def test_who_is_unknown_or_anothers_is_not_looked_up(
    service: RunningService, token: Headers, trapped: UUID
) -> None:
    elsewhere: list[tuple[Any, UUID]] = [(token("teller", "B1"), STRANGER), (token("teller", "B2"), trapped)]
    answers = [await nba(service, headers, customer) for headers, customer in elsewhere]
    for told in answers:
        assert (told["personalised"], told["customer_type"], told["score_source"]) == (False, None, "none")
    assert answers[0]["actions"] == answers[1]["actions"]
