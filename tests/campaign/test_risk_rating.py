"""A risk rating that changes is held against every offer at once (R-14)."""

from datetime import date, timedelta

import pytest

from attune_contracts.customer_360 import ProfileChanged
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from campaign.app import SERVICE
from campaign.suitability import RiskRating

from .conftest import NOW, SECRET, Headers, code, deposit, key, nba, pick

RATED = date(2025, 11, 2)


@pytest.mark.parametrize(
    ("rating", "day", "valid"),
    [
        (RiskRating("C3", RATED), date(2026, 11, 2), True),
        (RiskRating("C3", RATED), date(2026, 11, 3), False),
        (RiskRating("C3", RATED, date(2026, 5, 2)), date(2026, 5, 2), True),
        (RiskRating("C3", RATED, date(2026, 5, 2)), date(2026, 5, 3), False),
        (RiskRating("C3", RATED, date(2030, 1, 1)), date(2026, 11, 3), False),  # never longer than twelve months
        (RiskRating("C3", None, date(2030, 1, 1)), date(2026, 1, 1), False),
        (RiskRating(None, RATED), date(2026, 1, 1), False),
    ],
)
def test_how_long_a_rating_holds(rating: RiskRating, day: date, valid: bool) -> None:
    assert rating.valid_on(day) is valid


def rated(customer: object, version: int, rating: str, valid_until: date | None = None) -> ProfileChanged:
    return ProfileChanged(
        customer_id=customer, version=version, party_kind="person", branch_id="B1", birth_date=date(1980, 5, 1),
        risk_rating=rating, risk_rated_on=NOW.date() - timedelta(days=1), risk_valid_until=valid_until,
    )  # fmt: skip


async def test_a_change_of_rating_withholds_what_no_longer_suits(
    start_service: StartService, publish: Publish, token: Headers
) -> None:
    service: RunningService = await start_service(SERVICE, clock="events", arm_secret=SECRET)
    service.runtime.clock.set(NOW)
    pool = service.runtime.worker_database.pool
    async with pool.acquire() as conn:
        await conn.execute("INSERT INTO branch_scope VALUES ('B1', 'B1')")
    (customer,) = await pick(service, "treated")
    await deposit(service, customer, rating="C4")
    teller, client = token("teller", "B1"), service.client

    async def offered() -> set[str]:
        return {a["offer"] for a in (await nba(service, teller, customer))["actions"]}

    before = await nba(service, teller, customer)
    assert {a["offer"] for a in before["actions"]} >= {"equity-fund-growth", "wealth-steady-6m"}

    # The rating is lowered while the opportunity is open.
    await publish(rated(customer, 2, "C1"), rated(customer, 1, "C5"), time=NOW)

    async def withheld() -> bool:
        return await offered() == {"time-deposit-12m"}

    await eventually(withheld, what="the lower rating")
    told = await nba(service, teller, customer)
    assert {w["offer"] for w in told["withheld"] if w["rule"] == "suitability"} == {
        "equity-fund-growth", "wealth-steady-6m",
    }  # fmt: skip
    # What was decided before may not be shown any more, but for what still suits.
    path = f"/v1/decisions/{before['decision_id']}:present"
    refused = await client.post(path, json={"offers": ["equity-fund-growth"]}, headers=teller | key())
    assert (code(refused), refused.json()["offer"]) == ((409, "not_suitable"), "equity-fund-growth")
    assert (await client.post(path, json={"offers": ["time-deposit-12m"]}, headers=teller | key())).status_code == 200

    # A rating that holds for less than twelve months ends when it says.
    await publish(rated(customer, 3, "C5", NOW.date() - timedelta(days=1)), time=NOW)

    async def expired() -> bool:
        service_actions = (await nba(service, teller, customer))["service_actions"]
        held = await pool.fetchval("SELECT version FROM proj_party WHERE customer_id = $1", customer)
        return held == 3 and [s["offer"] for s in service_actions] == ["renew-risk-rating"]

    await eventually(expired, what="the rating's end")
    assert await offered() == {"time-deposit-12m"}
