"""Campaign's own database on a real PostgreSQL, and the little bank that its tests know."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from attune_contracts.eventing import DetectionRaised
from attune_contracts.identifiers import customer_id, detection_id
from attune_service_kit import migrations
from attune_service_kit.database import WORKER_LIMITS, Database
from attune_service_kit.embedded import EmbeddedPostgres
from campaign.app import SERVICE
from campaign.plans import BEGINNING, Plans, current

NOW = datetime(2026, 3, 17, 6, 5, 11, tzinfo=UTC)
SALTS = {"universal": "universal-salt-of-tests", "large-deposit": "campaign-salt-of-tests"}

PLANNED = ("campaign", "offer", "script", "catalogue", "policy")


def person(number: int) -> UUID:
    """The customer with this number at the bank."""
    return customer_id("tests", f"P{number}")


def raised(customer: UUID, key: str = "T1", *, at: datetime = NOW) -> DetectionRaised:
    """A large deposit."""
    return DetectionRaised(
        detection_id=detection_id("large-deposit", str(customer), key),
        customer_id=customer,
        trigger="large-deposit",
        trigger_version=1,
        event_key=key,
        business_date=date(at.year, at.month, at.day),
        expires_at=at + timedelta(hours=48),
    )


async def _fresh(server: EmbeddedPostgres) -> None:
    admin = await server.connect("campaign")
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = 'campaign' AND pid <> pg_backend_pid()"
        )
        await admin.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION campaign_owner")
    finally:
        await admin.close()
    await migrations.run(SERVICE, server.url("campaign_owner", "campaign"))


async def _emptied(server: EmbeddedPostgres) -> bool:
    """Empty the tables of a database that is migrated already: much faster than migrating again."""
    admin = await server.connect("campaign")
    try:
        if await admin.fetchval("SELECT to_regclass('public.catalogue')") is None:
            return False
        names = [n for n in SERVICE.metadata.tables if n not in PLANNED]
        await admin.execute(f"TRUNCATE {', '.join(names)}")
        await admin.execute("DELETE FROM campaign WHERE version > 1; DELETE FROM policy WHERE version > 1")
        return bool(await admin.fetchval("SELECT count(*) FROM catalogue"))
    finally:
        await admin.close()


@pytest.fixture
async def migrated(postgres_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server with campaign's database as freshly migrated."""
    await _fresh(postgres_server)
    return postgres_server


@pytest.fixture
async def server(postgres_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server with campaign's database, holding nothing but the shipped plans."""
    if not await _emptied(postgres_server):
        await _fresh(postgres_server)
    return postgres_server


@pytest.fixture
async def database(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    """Campaign's database as its worker, with known salts, at the business time NOW."""
    made = Database(server.url("campaign_worker", "campaign"), limits=WORKER_LIMITS, now=lambda: NOW)
    await made.open()
    await made.pool.executemany(
        "INSERT INTO salt (name, valid_from, value) VALUES ($1, $2, $3)",
        [(name, BEGINNING, value) for name, value in SALTS.items()],
    )
    yield made
    await made.close()


@pytest.fixture
async def plan(database: Database) -> Plans:
    """The plans as shipped."""
    async with database.pool.acquire() as conn:
        return await current(database, conn)


async def add_customer(
    conn: asyncpg.Connection,
    customer: UUID,
    *,
    branch: str | None = "B1",
    manager: str | None = None,
    consents: dict[str, bool] | None = None,
    personalisation: bool = True,
    rating: str | None = "C3",
    quadrant: str | None = None,
    digital_share: float | None = None,
    balance_minor: int = 10_000_000,
) -> None:
    """Let campaign know a customer: party, consents (by default both that marketing needs) and features."""
    if consents is None:
        consents = {"marketing_contact": True, "personalised_decision": True}
    await conn.execute(
        "INSERT INTO proj_party (customer_id, party_kind, branch_id, manager_id, birth_date, risk_rating,"
        " risk_rated_on, personalisation, products, product_kinds)"
        " VALUES ($1, 'person', $2, $3, '1980-05-01', $4, $5, $6, '{}', '{}')",
        customer,
        branch,
        manager,
        rating,
        date(2025, 11, 2) if rating else None,
        personalisation,
    )
    await conn.executemany(
        "INSERT INTO proj_consent (customer_id, purpose, granted, since) VALUES ($1, $2, $3, '2023-01-01')",
        [(customer, purpose, granted) for purpose, granted in consents.items()],
    )
    await conn.execute(
        "INSERT INTO proj_features (customer_id, as_of, demand_balance_minor, digital_share, value_quadrant)"
        " VALUES ($1, '2026-02-28', $2, $3, $4)",
        customer,
        balance_minor,
        digital_share,
        quadrant,
    )
