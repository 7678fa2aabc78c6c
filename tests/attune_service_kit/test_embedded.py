"""The bundled servers start, keep what they have, and let each service do only what is its own."""

import os
from pathlib import Path

import asyncpg
import nats.errors
import pytest

from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres, os_user
from attune_service_kit.nats_client import connect
from attune_service_kit.nats_rights import inbox_prefix
from attune_service_kit.nkeys import new_seed
from attune_service_kit.testing_credentials import nats_seed, password


async def test_each_role_reaches_only_its_own_database(postgres_server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres_server.url("scoring_app", "scoring"))
    assert await connection.fetchval("SELECT current_user") == "scoring_app"
    assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TABLE mine (a int)")
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(postgres_server.url("scoring_app", "campaign"))


async def test_a_wrong_password_is_refused(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.url("scoring_app", "scoring").replace("test-", "guess-")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)


async def test_provisioning_again_changes_nothing(postgres_server: EmbeddedPostgres) -> None:
    owner = await asyncpg.connect(postgres_server.url("insight_owner", "insight"))
    await owner.execute("CREATE TABLE kept AS SELECT 1 AS a")
    await postgres_server.provision(["insight"])
    assert await owner.fetchval("SELECT a FROM kept") == 1
    await owner.execute("DROP TABLE kept")
    await owner.close()


async def test_a_stopped_server_keeps_its_data(server_dir: Path) -> None:
    folder = server_dir / "again"
    first = EmbeddedPostgres(folder, passwords=password)
    first.start(server_dir / "again.log")
    await first.wait_ready()
    await first.provision(["sample"])
    first.stop()
    second = EmbeddedPostgres(folder, passwords=password)
    second.start(server_dir / "again.log")
    try:
        await second.wait_ready()
        connection = await asyncpg.connect(second.url("sample_worker", "sample"))
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
    finally:
        second.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_a_closed_home_gets_a_lasting_place_outside_and_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    user = os_user.unprivileged_user()
    first = os_user.reachable_place(closed / "postgres", user)
    assert first == os_user.reachable_place(closed / "postgres", user)
    assert os_user.can_reach(first, user)
    assert closed.stat().st_mode & 0o777 == 0o700
    first.parent.rmdir()


async def test_a_service_publishes_only_as_itself(nats_server: EmbeddedNats) -> None:
    refused: list[str] = []

    async def on_error(error: Exception) -> None:
        refused.append(str(error))

    client = await connect(
        nats_server.url,
        nats_seed("campaign"),
        inbox_prefix=inbox_prefix("campaign"),
        error_cb=on_error,
    )
    for subject in (
        "evt.eventing.detection.raised.v1.p0",
        "evt.ledger.transaction.posted.v1.p0",
        "$JS.API.CONSUMER.CREATE.LEDGER.campaign_p0",
    ):
        await client.publish(subject, b"{}")
        await client.flush()
    await client.subscribe("evt.>")
    await client.flush()
    await client.publish("evt.campaign.contact.made.v1.p0", b"{}")
    await client.flush()
    await client.close()
    assert len(refused) == 4


async def test_an_unknown_user_is_refused(nats_server: EmbeddedNats) -> None:
    with pytest.raises(nats.errors.Error):
        await connect(nats_server.url, new_seed(), allow_reconnect=False)
