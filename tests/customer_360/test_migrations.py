"""The migrations make what the tables say, and go back to nothing."""

from typing import Any

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from attune_service_kit import migrations
from customer_360.app import SERVICE


async def test_the_tables_are_what_the_migrations_make(make_database: Any, postgres_server: Any) -> None:
    url = postgres_server.url("customer_360_owner", await make_database(SERVICE))
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}), SERVICE.metadata
            )
        )
    await engine.dispose()
    assert differences == []


async def test_down_and_up_again(make_database: Any, postgres_server: Any) -> None:
    url = postgres_server.url("customer_360_owner", await make_database(SERVICE))
    await migrations.run(SERVICE, url, "base")
    connection = await asyncpg.connect(url)
    left = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert [row[0] for row in left] == ["alembic_version"]
    await migrations.run(SERVICE, url)
    assert await connection.fetchval("SELECT count(*) FROM party") == 0
    await connection.close()


async def test_money_has_its_currencys_places(make_database: Any, postgres_server: Any) -> None:
    connection = await asyncpg.connect(postgres_server.url("customer_360_app", await make_database(SERVICE)))
    cases = {(8600000, "CNY"): "86000.00", (-5, "CZK"): "-0.05", (70000, "JPY"): "70000", (1234567, "KWD"): "1234.567"}
    for (minor, currency), text in cases.items():
        assert await connection.fetchval("SELECT money($1, $2) ->> 'amount'", minor, currency) == text
    assert await connection.fetchval("SELECT money(NULL, 'CNY')") is None
    await connection.close()
