"""The statements that a bank's database administrator runs are those that a service's migration can build on."""

import subprocess
from pathlib import Path

import asyncpg
import pytest

from attune_service_kit import migrations
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.testing_credentials import password
from campaign.app import SERVICE

SQL = Path(__file__).parents[2] / "deploy" / "postgres" / "service.sql"
# Not one of the names that the server of the tests has already.
NAME = "lent"


def psql(server: EmbeddedPostgres) -> subprocess.CompletedProcess[str]:
    command = [server.binaries / "psql", server.url("attune", "postgres"), "-X", "-q"]
    command += ["-v", "ON_ERROR_STOP=1", "-v", f"service={NAME}", "-f", str(SQL)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


async def test_the_service_migrates_in_the_database_that_the_statements_make(postgres_server: EmbeddedPostgres) -> None:
    done = psql(postgres_server)
    assert done.returncode == 0, done.stderr
    superuser = await postgres_server.connect()
    try:
        for role in ("owner", "app", "worker"):
            await superuser.execute(f"ALTER ROLE {NAME}_{role} PASSWORD '{password(f'{NAME}_{role}')}'")
        await migrations.run(SERVICE, postgres_server.url(f"{NAME}_owner", NAME))
        for role in ("app", "worker"):
            serving = await asyncpg.connect(postgres_server.url(f"{NAME}_{role}", NAME))
            assert await serving.fetchval("SELECT count(*) FROM offer") > 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await serving.execute("DROP TABLE offer")
            await serving.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(postgres_server.url("campaign_app", NAME))
    finally:
        await superuser.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
        await superuser.execute(f"DROP ROLE {NAME}_owner, {NAME}_app, {NAME}_worker")
        await superuser.close()
