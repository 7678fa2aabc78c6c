"""No state without its event, no event without its state; a relay in order, for ever (P-03 … P-05)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from attune_service_kit import outbox, reconcile
from attune_service_kit.database import Database
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.messaging import Broker
from attune_service_kit.relay import Publishers, Relay, _end_if_silent
from attune_service_kit.testing import StartService, eventually, provision_streams
from attune_service_kit.testing_credentials import nats_seed


@pytest.fixture
async def database(
    postgres_server: EmbeddedPostgres, make_database: Callable[..., Awaitable[str]], delivery: ModuleType
) -> AsyncIterator[Database]:
    """The sample service's database, as its worker."""
    database = Database(postgres_server.url("sample_worker", await make_database(delivery.SERVICE)))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def relay(database: Database, streams: EmbeddedNats) -> AsyncIterator[Relay]:
    """The relay's leader, moved by hand."""
    broker = Broker(streams.url, user="sample", seed=nats_seed("sample"), name="relay")
    await broker.start()
    await broker.ready()
    connection = await database.connect()
    yield Relay(connection, Publishers(broker))
    await broker.stop()
    await connection.close()


async def stream_ids(server: EmbeddedNats, stream: str = "EVT") -> list[dict[str, Any]]:
    """Every envelope in the stream, in order, with its headers: read as the user `provision`."""

    from attune_service_kit.nats_client import connect
    from attune_service_kit.nats_rights import PROVISION_USER, inbox_prefix

    client = await connect(
        server.url,
        nats_seed(PROVISION_USER),
        inbox_prefix=inbox_prefix(PROVISION_USER),
    )
    js = client.jetstream()
    found = []
    state = (await js.stream_info(stream)).state
    for seq in range(max(state.first_seq, 1), state.last_seq + 1):
        stored = await js.get_msg(stream, seq)
        found.append({**orjson.loads(stored.data or b"{}"), "headers": stored.headers, "nats": stored.subject})
    await client.close()
    return found


async def place(database: Database, delivery: ModuleType, count: int, customers: int = 7) -> list[Any]:
    """Place orders of some customers in one transaction."""
    people = [uuid4() for _ in range(customers)]
    orders = [delivery.OrderPlaced(customer_id=people[n % customers], number=n) for n in range(count)]
    async with database.transaction() as tx:
        tx.emit(*orders)
    return orders


async def test_a_rolled_back_transaction_leaves_no_event(database: Database, delivery: ModuleType) -> None:
    async def change_my_mind() -> None:
        async with database.transaction() as tx:
            tx.emit(delivery.OrderPlaced(customer_id=uuid4(), number=1))
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError):
        await change_my_mind()
    assert (await outbox.lag(database.pool)).rows == 0


@pytest.mark.parametrize("count", [5, 60])
async def test_events_reach_the_stream_in_order_and_are_marked(
    database: Database, relay: Relay, streams: EmbeddedNats, delivery: ModuleType, count: int
) -> None:
    orders = await place(database, delivery, count)
    assert (await outbox.lag(database.pool)).rows == count
    assert await relay.publish_once() == (count, count)
    assert await relay.publish_once() == (0, 0)
    stored = await stream_ids(streams)
    for customer in {order.customer_id for order in orders}:
        numbers = [e["data"]["number"] for e in stored if e["subject"] == str(customer)]
        assert numbers == [order.number for order in orders if order.customer_id == customer]
    rows = await database.pool.fetch("SELECT event_id::text, js_seq FROM outbox ORDER BY seq")
    assert {row["event_id"]: row["js_seq"] for row in rows} == {e["id"]: n for n, e in enumerate(stored, 1)}


async def test_a_customer_waits_behind_an_event_that_cannot_be_stored(
    database: Database, relay: Relay, streams: EmbeddedNats, delivery: ModuleType
) -> None:
    orders = await place(database, delivery, 21)
    blocked = orders[3].customer_id
    await database.pool.execute("UPDATE outbox SET payload = repeat('x', 140000)::bytea WHERE seq = 4")
    found, stored = await relay.publish_once()
    assert (found, stored) == (21, 18)
    assert str(blocked) not in {e["subject"] for e in await stream_ids(streams)}
    await database.pool.execute("UPDATE outbox SET payload = '{}' WHERE seq = 4")
    assert await relay.publish_once() == (3, 3)


async def test_a_repeat_after_a_lost_mark_is_stored_once(
    database: Database, relay: Relay, streams: EmbeddedNats, delivery: ModuleType
) -> None:
    await place(database, delivery, 20)
    await relay.publish_once()
    await database.pool.execute("UPDATE outbox SET published_at = NULL, js_seq = NULL WHERE seq > 5")
    assert await relay.publish_once() == (15, 15)
    assert len(await stream_ids(streams)) == 20
    assert [r["js_seq"] for r in await database.pool.fetch("SELECT js_seq FROM outbox ORDER BY js_seq")] == [
        *range(1, 21)
    ]


async def test_one_of_two_workers_leads_and_the_other_takes_over(
    start_service: StartService, delivery: ModuleType
) -> None:
    first = await start_service(delivery.SERVICE)
    name = first.settings.database_url.rpartition("/")[2]
    second = await start_service(delivery.SERVICE, database=name)
    pool = second.runtime.worker_database.pool

    async def leaders() -> int:
        return int(
            await pool.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND objid = hashtext('attune.relay')::oid"
            )
        )

    assert await eventually(leaders) == 1
    await first.stop()
    await place(second.runtime.database, delivery, 3)

    async def published() -> bool:
        return (await outbox.lag(pool)).rows == 0

    await eventually(published)
    assert await leaders() == 1


async def test_a_lost_stream_is_filled_again(
    database: Database, relay: Relay, streams: EmbeddedNats, delivery: ModuleType
) -> None:
    await place(database, delivery, 30)
    await relay.publish_once()
    await reconcile.run(relay.connection, relay.publishers)
    before = {e["id"] for e in await stream_ids(streams)}
    await provision_streams(streams)
    assert await stream_ids(streams) == []
    await reconcile.run(relay.connection, relay.publishers)
    assert await relay.publish_once() == (30, 30)
    assert {e["id"] for e in await stream_ids(streams)} == before
    await reconcile.run(relay.connection, relay.publishers)
    assert await relay.publish_once() == (0, 0)


async def test_trace_and_cause_travel_as_headers(
    database: Database, relay: Relay, streams: EmbeddedNats, delivery: ModuleType
) -> None:
    await place(database, delivery, 1)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await database.pool.execute("UPDATE outbox SET traceparent = $1, correlation_id = 'cause-0001'", trace)
    await relay.publish_once()
    [event] = await stream_ids(streams)
    assert event["headers"]["traceparent"] == trace
    assert event["headers"]["Attune-Correlation-Id"] == "cause-0001"
    assert event["headers"]["Nats-Msg-Id"] == event["id"]


async def test_old_rows_are_purged_but_never_an_unpublished_one(database: Database, delivery: ModuleType) -> None:
    await place(database, delivery, 4)
    await database.pool.execute(
        "UPDATE outbox SET created_at = now() - interval '20 days',"
        " published_at = CASE WHEN seq <= 2 THEN now() - interval '15 days' END"
    )
    await database.pool.execute("INSERT INTO inbox VALUES ('EVT.p0', $1, now() - interval '15 days')", uuid4())
    connection: asyncpg.Connection = await database.connect()
    await outbox.purge(connection)
    assert await connection.fetchval("SELECT array_agg(seq ORDER BY seq) FROM outbox") == [3, 4]
    assert await connection.fetchval("SELECT count(*) FROM inbox") == 0
    await connection.close()


async def test_a_commit_wakes_the_relay(database: Database, delivery: ModuleType) -> None:
    woken = asyncio.Event()
    connection: asyncpg.Connection = await database.connect()
    await connection.add_listener(outbox.CHANNEL, lambda *_: woken.set())
    await place(database, delivery, 2)
    async with asyncio.timeout(60):
        await woken.wait()
    await connection.close()
    assert woken.is_set()


async def test_a_leader_frozen_inside_a_statement_loses_the_lock(database: Database) -> None:
    """Frozen between two messages of one statement its session is not idle: its transaction's time ends it."""
    frozen, next_one = await database.connect(), await database.connect()
    await _end_if_silent(frozen, 0.1)
    assert await frozen.fetchval("SELECT pg_try_advisory_lock(17)")
    await frozen.execute("BEGIN")

    async def free() -> bool:
        return bool(await next_one.fetchval("SELECT pg_try_advisory_lock(17)"))

    assert not await free()
    await eventually(free)
    await next_one.close()
