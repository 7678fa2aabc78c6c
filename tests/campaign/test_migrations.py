"""The migrations make exactly the tables of `tables`, and can be undone; the seed is harmless twice."""

from uuid import uuid4

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from attune_service_kit import migrations
from attune_service_kit.embedded import EmbeddedPostgres
from campaign import seed
from campaign.app import SERVICE


def _engine(server: EmbeddedPostgres):
    url = server.url("campaign_owner", "campaign")
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))


async def test_tables_and_migrations_agree(migrated: EmbeddedPostgres) -> None:
    def differences(connection: Connection) -> list[object]:
        found = compare_metadata(MigrationContext.configure(connection), SERVICE.metadata)
        return [d for d in found if not (d[0] == "remove_table" and d[1].name == "alembic_version")]

    engine = _engine(migrated)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_seed_twice_is_the_seed_once(migrated: EmbeddedPostgres) -> None:
    engine = _engine(migrated)
    async with engine.begin() as connection:
        await connection.run_sync(seed.apply)
    await engine.dispose()
    admin = await migrated.connect("campaign")
    counts = {
        table: await admin.fetchval(f"SELECT count(*) FROM {table}")
        for table in ("offer", "script", "campaign", "policy", "catalogue")
    }
    await admin.close()
    assert counts == {"offer": 4, "script": 16, "campaign": 1, "policy": 3, "catalogue": 1}


async def test_what_a_bank_has_is_taken_along(migrated: EmbeddedPostgres) -> None:
    """Contacts and tasks from before the contact policy's levels, and back again."""
    owner = migrated.url("campaign_owner", "campaign")
    await migrations.run(SERVICE, owner, "base")
    await migrations.run(SERVICE, owner, "0005")
    admin = await migrated.connect("campaign")
    account, person = uuid4(), uuid4()
    await admin.execute(
        "INSERT INTO contact (id, customer_id, account_id, channel, direction, state, at, beyond_policy)"
        " VALUES ($1, $1, $2, 'sms', 'outbound', 'confirmed', now(), false)",
        person,
        account,
    )
    await admin.execute(
        "INSERT INTO task (id, customer_id, campaign, family, channel, contact_id, state, escalated, claimed_by,"
        " business_date, created_at, due_at) VALUES ($1, $1, 'c', 'f', 'call_centre', $1, 'claimed', true, 'C1',"
        " current_date, now(), now())",
        person,
    )
    await migrations.run(SERVICE, owner)
    contact = await admin.fetchrow("SELECT account_ids, message_class FROM contact")
    assert tuple(contact) == ([account], "marketing")
    task = await admin.fetchrow("SELECT rank, attempts, claimed_until > now() AS held FROM task")
    assert tuple(task) == (1, 0, True)
    # Nothing is suppressed by the upgrade, and nothing can be without an end or the word.
    assert await admin.fetchval("SELECT count(*) FROM suppression") == 0
    last = int(await admin.fetchval("SELECT version_num FROM alembic_version"))
    await migrations.run(SERVICE, owner, f"-{last - 5}")
    assert await admin.fetchval("SELECT account_id FROM contact") == account
    await admin.execute("DELETE FROM contact; DELETE FROM task")
    await migrations.run(SERVICE, owner)
    await admin.close()


async def test_down_and_up_again(migrated: EmbeddedPostgres) -> None:
    owner = migrated.url("campaign_owner", "campaign")
    await migrations.run(SERVICE, owner, "base")
    admin = await migrated.connect("campaign")
    left = await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    functions = await admin.fetchval("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    await admin.close()
    assert [row[0] for row in left] == ["alembic_version"]
    assert functions == 0
    await migrations.run(SERVICE, owner)
