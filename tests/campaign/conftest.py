"""Campaign's own database on a real PostgreSQL, and the little bank that its tests know."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pyarrow as pa
import pytest

from attune_contracts import datasets
from attune_contracts.eventing import DetectionRaised
from attune_contracts.identifiers import customer_id, detection_id
from attune_contracts.pointer import Pointer
from attune_service_kit import migrations
from attune_service_kit.database import WORKER_LIMITS, Database
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.lake import Lake
from attune_service_kit.testing import RunningService, StartService
from campaign import opportunities, plans
from campaign.app import SERVICE
from campaign.plans import BEGINNING, Plans, current

NOW = datetime(2026, 3, 17, 6, 5, 11, tzinfo=UTC)
SALTS = {"universal": "universal-salt-of-tests", "large-deposit": "campaign-salt-of-tests"}
AS_OF = date(2026, 3, 16)
SECRET = "a-secret-for-the-arms-of-tests"
Headers = Callable[..., dict[str, str]]

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
        # The audit trail is append-only for everybody but a restore.
        await admin.execute(f"SET session_replication_role = replica; TRUNCATE {', '.join(names)}")
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


@pytest.fixture
async def service(start_service: StartService) -> RunningService:
    """Campaign without a worker, at the business time NOW: head office HQ, branches B1 and B2."""
    running = await start_service(SERVICE, worker=False, clock="events", arm_secret=SECRET)
    running.runtime.clock.set(NOW)
    async with running.everything.pool.acquire() as conn:
        pairs = [("HQ", "HQ"), ("HQ", "B1"), ("HQ", "B2"), ("B1", "B1"), ("B2", "B2")]
        await conn.executemany("INSERT INTO branch_scope VALUES ($1, $2)", pairs)
    return running


def key() -> dict[str, str]:
    """An idempotency key nobody has used."""
    return {"Idempotency-Key": uuid4().hex}


async def arms(service: RunningService, control_share_bp: int = 1000) -> Callable[[UUID], str]:
    """Which arm a customer is in, at this share of control."""
    async with service.everything.pool.acquire() as conn:
        plan = await plans.current(service.runtime.database, conn)
    return lambda customer: plan.arm("large-deposit", control_share_bp, customer, NOW.date())


async def pick(service: RunningService, arm: str, how_many: int = 1) -> list[UUID]:
    """The first customers of an arm."""
    async with service.everything.pool.acquire() as conn:
        plan = await plans.current(service.runtime.database, conn)
    found = (person(n) for n in range(5000))
    return [c for c in found if plan.arm("large-deposit", 1000, c, NOW.date()) == arm][:how_many]


async def deposit(service: RunningService, customer: UUID, event_key: str = "T1", **known: Any) -> UUID:
    """A customer with a large deposit; the opportunity's id."""
    database = service.everything
    async with database.transaction() as tx:
        if not await tx.conn.fetchval("SELECT true FROM proj_party WHERE customer_id = $1", customer):
            await add_customer(tx.conn, customer, **known)
        plan = await plans.current(database, tx.conn)
        detection = raised(customer, event_key)
        await opportunities.open_for(tx, plan, [opportunities.Detected(detection, NOW)])
        found: UUID = await tx.conn.fetchval(
            "SELECT id FROM opportunity WHERE detection_id = $1", detection.detection_id
        )
        return found


async def nba(service: RunningService, headers: dict[str, str], customer: UUID, channel: str = "counter") -> Any:
    """What is recommended for a customer."""
    answer = await service.client.get(
        f"/v1/customers/{customer}/next-best-actions", params={"channel": channel}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


def write(lake_dir: Path, dataset: datasets.Dataset, where: str, rows: list[dict[str, Any]]) -> Pointer:
    """Publish rows as a dataset's partition; columns that a row lacks are NULL."""
    types = {
        "VARCHAR": pa.string(),
        "DATE": pa.date32(),
        "BOOLEAN": pa.bool_(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
        "VARCHAR[]": pa.list_(pa.string()),
    }
    table = pa.table({c.name: pa.array([r.get(c.name) for r in rows], types[c.type]) for c in dataset.columns})
    return Lake(str(lake_dir), lake_dir.parent / "scratch").write(dataset, where, table, as_of=AS_OF)
