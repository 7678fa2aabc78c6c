"""A transaction is one: session, raw connection, events and audit rows commit together or not at all."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select

from attune_contracts.eventing import ClockAdvanced
from attune_contracts.identifiers import PARTITIONS
from attune_service_kit import migrations
from attune_service_kit.database import WORKER_LIMITS, Database, Scope, Transaction
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.service import Service
from attune_service_kit.tables import KIT_TABLES


class Table(SQLModel, registry=registry()):
    """One registry a service, as in code-style §3."""


class Written(Table, table=True):
    __tablename__ = "note"
    id: int = Field(primary_key=True)
    text: str


async def count(database: Database, table: str) -> int:
    return int(await database.pool.fetchval(f"SELECT count(*) FROM {table}"))


def event(tx: Transaction, partition: int = 3) -> ClockAdvanced:
    return ClockAdvanced(now=tx.now, business_date=tx.now.date(), partition=partition)


async def fill(tx: Transaction) -> None:
    await (await tx.session.connection()).execute(text("INSERT INTO note (id, text) VALUES (1, 'by the session')"))
    await tx.conn.copy_records_to_table("note", records=[(2, "by COPY")], columns=["id", "text"])
    tx.emit_to(event(tx), 3)
    await tx.audit("note.written", "note", 1)


async def test_everything_commits_once_at_the_end(sample_database: Database) -> None:
    called: list[int] = []
    async with sample_database.transaction() as tx:
        await fill(tx)
        tx.after_commit(lambda: called.append(1))
        assert await count(sample_database, "note") == 0
        assert called == []
    assert [await count(sample_database, table) for table in ("note", "outbox", "audit")] == [2, 1, 1]
    assert called == [1]


async def test_an_exception_leaves_nothing_of_either_connection(sample_database: Database) -> None:
    called: list[int] = []

    async def fail() -> None:
        async with sample_database.transaction() as tx:
            await fill(tx)
            tx.after_commit(lambda: called.append(1))
            raise RuntimeError("late")

    with pytest.raises(RuntimeError, match="late"):
        await fail()
    assert [await count(sample_database, table) for table in ("note", "outbox", "audit")] == [0, 0, 0]
    assert called == []


async def test_a_failing_commit_publishes_nothing(sample_database: Database) -> None:
    async def fail() -> None:
        async with sample_database.transaction() as tx:
            await fill(tx)
            tx.session.add(Written(id=1, text="again"))

    with pytest.raises(IntegrityError):
        await fail()
    assert [await count(sample_database, table) for table in ("note", "outbox", "audit")] == [0, 0, 0]


async def test_a_failing_callback_undoes_nothing(sample_database: Database) -> None:
    later: list[int] = []
    async with sample_database.transaction() as tx:
        await fill(tx)
        tx.after_commit(lambda: later[0])
        tx.after_commit(lambda: later.append(1))
    assert await count(sample_database, "note") == 2
    assert later == [1]


async def test_a_cancelled_transaction_leaves_nothing_and_gives_its_connection_back(sample_database: Database) -> None:
    started = asyncio.Event()

    async def work() -> None:
        async with sample_database.transaction() as tx:
            await fill(tx)
            started.set()
            await asyncio.sleep(60)

    for _ in range(12):  # more than the pool has
        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        started.clear()
    assert await count(sample_database, "note") == 0


async def test_mapped_rows_and_raw_rows_see_each_other(sample_database: Database) -> None:
    async with sample_database.transaction() as tx:
        tx.session.add(Written(id=1, text="mapped"))
        await tx.session.flush()
        assert await tx.conn.fetchval("SELECT text FROM note WHERE id = 1") == "mapped"
        await tx.conn.execute("INSERT INTO note (id, text) VALUES (2, 'raw')")
        found = (await tx.session.exec(select(Written).order_by(Written.id))).all()
        assert [(note.id, note.text) for note in found] == [(1, "mapped"), (2, "raw")]
        found[1].text = "changed at commit"
    assert await sample_database.pool.fetchval("SELECT text FROM note WHERE id = 2") == "changed at commit"


async def test_a_restarted_database_costs_no_request(
    sample_database: Database, postgres_server: EmbeddedPostgres
) -> None:
    async with sample_database.transaction(), sample_database.transaction():
        await count(sample_database, "note")
    admin = await postgres_server.connect()
    await admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'sample_app'")
    await admin.close()
    async with sample_database.transaction() as tx:
        await fill(tx)
    assert await count(sample_database, "note") == 2


async def test_savepoints_of_the_raw_connection_nest(sample_database: Database) -> None:
    async with sample_database.transaction() as tx:
        await tx.conn.execute("INSERT INTO note (id, text) VALUES (1, 'kept')")
        with pytest.raises(asyncpg.UniqueViolationError):
            async with tx.conn.transaction():
                await tx.conn.execute("INSERT INTO note (id, text) VALUES (1, 'again')")
        assert await tx.session.scalar(text("SELECT text FROM note")) == "kept"
    assert await count(sample_database, "note") == 1


async def test_events_keep_their_order_and_business_time(sample_database: Database) -> None:
    async with sample_database.transaction() as tx:
        now = tx.now
        for partition in range(PARTITIONS):
            tx.emit_to(event(tx, partition), partition)
        with pytest.raises(ValueError, match="no partition"):
            tx.emit_to(event(tx), PARTITIONS)
    rows = await sample_database.pool.fetch("SELECT * FROM outbox ORDER BY seq")
    assert [row["partition"] for row in rows] == list(range(PARTITIONS))
    assert now.isoformat().replace("+00:00", "Z").encode() in rows[0]["payload"]


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (None, ("all", "", "")),
        (Scope("all"), ("all", "", "")),
        (Scope("branch", branch="B01'; DROP TABLE note--"), ("branch", "B01'; DROP TABLE note--", "")),
        (Scope("customer", customer=UUID(int=1)), ("customer", "", str(UUID(int=1)))),
    ],
)
async def test_the_scope_lasts_as_long_as_the_transaction(
    sample_database: Database, scope: Scope | None, seen: tuple[str, str, str]
) -> None:
    settings = "SELECT current_setting('app.scope', true), current_setting('app.branch', true),"
    settings += " current_setting('app.customer', true)"
    async with sample_database.transaction(scope) as tx:
        assert tuple(await tx.conn.fetchrow(settings)) == seen
        pid = await tx.conn.fetchval("SELECT pg_backend_pid()")
    async with sample_database.transaction(Scope("branch", branch="other")) as tx:
        assert await tx.conn.fetchval("SELECT pg_backend_pid()") == pid
        assert (await tx.conn.fetchrow(settings))[1] == "other"


async def test_a_request_never_waits_long_a_worker_may(
    sample_database: Database, postgres_server: EmbeddedPostgres
) -> None:
    asked = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
    asked += " current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')"
    async with sample_database.transaction() as tx:
        assert tuple(await tx.conn.fetchrow(asked)) == ("5s", "2s", "10s", "UTC")
    assert tuple(await sample_database.pool.fetchrow(asked)) == ("5s", "2s", "10s", "UTC")
    worker = Database(postgres_server.url("sample_worker", "sample"), limits=WORKER_LIMITS)
    await worker.open()
    async with worker.transaction() as tx:
        assert (await tx.conn.fetchrow(asked))[0] == "0"
    await worker.close()


async def test_roles_have_their_own_rights(sample_database: Database, postgres_server: EmbeddedPostgres) -> None:
    worker = Database(postgres_server.url("sample_worker", "sample"))
    await worker.open()
    async with sample_database.transaction() as tx:
        await fill(tx)
    for database in (sample_database, worker):
        for forbidden in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit", "TRUNCATE audit", "DROP TABLE note"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await database.pool.execute(forbidden)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await sample_database.pool.execute("CREATE TABLE made_by_app (a int)")
    await worker.pool.execute("CREATE TABLE made_by_worker (a int)")
    await worker.pool.execute("TRUNCATE note")
    await worker.close()


async def test_migrations_go_up_down_and_up_again(empty_database: EmbeddedPostgres, sample_service: Service) -> None:
    owner = empty_database.url("sample_owner", "sample")

    async def tables() -> set[str]:
        connection = await asyncpg.connect(owner)
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        await connection.close()
        return {row["tablename"] for row in rows}

    await migrations.run(sample_service, owner)
    await migrations.run(sample_service, owner)
    assert await tables() == {*KIT_TABLES, "note", "proposal", "alembic_version"}
    await migrations.run(sample_service, owner, "-1")
    await migrations.run(sample_service, owner, "base")
    assert await tables() == {"alembic_version"}
    await asyncio.gather(*(migrations.run(sample_service, owner) for _ in range(3)))
    assert await tables() == {*KIT_TABLES, "note", "proposal", "alembic_version"}


async def fill_plainly(tx: Transaction) -> None:
    await tx.conn.execute("INSERT INTO note (id, text) VALUES (1, 'by conn')")
    tx.emit_to(event(tx), 3)
    await tx.audit("note.written", "note", 1)


async def test_a_plain_transaction_commits_once_at_the_end_and_has_no_session(sample_database: Database) -> None:
    called: list[int] = []
    async with sample_database.plain_transaction(30) as tx:
        await fill_plainly(tx)
        tx.after_commit(lambda: called.append(1))
        assert await tx.conn.fetchval("SELECT current_setting('app.scope')") == "all"
        assert await tx.conn.fetchval("SHOW idle_in_transaction_session_timeout") == "30s"
        assert await count(sample_database, "note") == 0
        with pytest.raises(RuntimeError, match="no session"):
            _ = tx.session
    assert [await count(sample_database, table) for table in ("note", "outbox", "audit")] == [1, 1, 1]
    assert called == [1]


@pytest.mark.parametrize("how", ["raises", "is cancelled", "is cut off"])
async def test_a_plain_transaction_that_fails_leaves_nothing_and_a_clean_pool(
    sample_database: Database, how: str
) -> None:
    async def fail() -> None:
        async with asyncio.timeout(0.3), sample_database.plain_transaction(30) as tx:
            await fill_plainly(tx)
            if how == "raises":
                raise ValueError
            if how == "is cut off":
                own = await tx.conn.fetchval("SELECT pg_backend_pid()")
                await sample_database.pool.fetchval("SELECT pg_terminate_backend($1)", own)
            await tx.conn.execute("SELECT pg_sleep(5)")

    # Cut off between two statements, the driver says so in one of three ways.
    gone = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    with pytest.raises((ValueError, TimeoutError, *gone)):
        await fail()
    assert [await count(sample_database, table) for table in ("note", "outbox", "audit")] == [0, 0, 0]
    async with sample_database.plain_transaction(30) as tx:
        await fill_plainly(tx)
    assert await count(sample_database, "note") == 1
