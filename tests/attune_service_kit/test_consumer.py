"""One event, one effect, in order; what cannot be applied is set aside and lost to nobody (X5, P-05 … P-09)."""

import asyncio
from dataclasses import replace
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from attune_contracts.envelope import envelope, nats_subject
from attune_contracts.identifiers import new_id, partition
from attune_service_kit.consumer import Consumers, Event, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.messaging import Message
from attune_service_kit.runtime import Runtime
from attune_service_kit.testing import Publish, RunningService, StartService, eventually, provision_streams


def customer_of(number: int) -> UUID:
    """A new customer of a given partition."""
    while partition(found := uuid4()) != number:
        continue
    return found


async def effects(service: RunningService) -> list[int]:
    """The numbers of the applied orders, in the order of application."""
    rows = await service.runtime.worker_database.pool.fetch("SELECT number FROM effect ORDER BY id")
    return [row["number"] for row in rows]


async def settled(service: RunningService) -> None:
    """Return when outbox and consumers have nothing left to do."""

    async def quiet() -> bool:
        waiting = await service.runtime.worker_database.pool.fetchval(
            "SELECT count(*) FROM outbox WHERE published_at IS NULL"
        )
        consumers = service.runtime.consumers
        return not waiting and consumers is not None and all(p.pending == 0 for p in await consumers.pending())

    await eventually(quiet, 60, what="a settled service")


async def quarantined(service: RunningService) -> list[dict[str, Any]]:
    """What is set aside, in order."""
    return [
        dict(r)
        for r in await service.runtime.worker_database.pool.fetch("SELECT * FROM quarantine ORDER BY created_at")
    ]


async def send(service: RunningService, *messages: tuple[str, bytes]) -> None:
    """Put raw messages on the stream as the user `sample`."""
    broker = service.runtime.broker
    assert broker is not None
    for subject, payload in messages:
        await broker.publish(Message(subject, payload, str(new_id()), "EVT"))


async def test_every_event_is_applied_once_and_each_customers_in_order(
    start_service: StartService, delivery: ModuleType
) -> None:
    service = await start_service(delivery.SERVICE)
    customers = [uuid4() for _ in range(20)]
    for start in range(0, 600, 100):
        async with service.runtime.database.transaction() as tx:
            tx.emit(*(delivery.OrderPlaced(customer_id=customers[n % 20], number=n) for n in range(start, start + 100)))
    await settled(service)
    rows = await service.runtime.worker_database.pool.fetch("SELECT customer, number FROM effect ORDER BY id")
    assert sorted(row["number"] for row in rows) == list(range(600))
    for customer in customers:
        numbers = [row["number"] for row in rows if row["customer"] == customer]
        assert numbers == sorted(numbers)


async def test_the_same_event_three_times_has_one_effect(start_service: StartService, delivery: ModuleType) -> None:
    service = await start_service(delivery.SERVICE)
    order = delivery.OrderPlaced(customer_id=customer_of(1), number=7)
    event = envelope(order, time=service.runtime.clock.now())
    subject, payload = nats_subject(order.TYPE, 1), event.model_dump_json().encode()
    await send(service, *[(subject, payload)] * 3)
    await settled(service)
    assert await effects(service) == [7]


async def test_a_failing_event_is_retried_then_set_aside_and_its_successors_follow_in_order(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    service = await start_service(delivery.SERVICE)
    one, other = customer_of(3), customer_of(3)
    await publish(
        delivery.OrderPlaced(customer_id=one, number=1),
        delivery.OrderPlaced(customer_id=one, number=2, behave="fail"),
        delivery.OrderPlaced(customer_id=one, number=3),
        delivery.OrderPlaced(customer_id=other, number=4),
    )
    await settled(service)
    assert await effects(service) == [1, 3, 4]
    [held] = await quarantined(service)
    assert (held["seq"], held["type"], held["subject"], held["state"]) == (
        2,
        delivery.OrderPlaced.TYPE,
        str(one),
        "held",
    )
    assert "this order cannot be applied today" in held["error"]
    assert orjson.loads(held["payload"])["data"]["number"] == 2


async def test_an_event_that_can_never_be_applied_is_set_aside_at_once(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    service = await start_service(delivery.SERVICE, retry_seconds=(600.0,))
    await publish(delivery.OrderPlaced(customer_id=uuid4(), number=1, behave="refuse"))
    await settled(service)
    assert len(await quarantined(service)) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"{not json",
        b"[]",
        b"null",
        b'{"id": 5}',
        b"\xff\xfe",
        b'{"type": "sample.order.placed.v1", "id": "x", "subject": "s", "time": "2026-01-01T00:00:00Z", "data": {}}',
        b'{"type": "sample.order.placed.v1", "id": "8f1c0a52-0000-4000-8000-000000000001", "subject": "s",'
        b' "time": "2026-01-01T00:00:00", "data": {}}',
        b'{"type": "eventing.detection.raised.v1", "id": "8f1c0a52-0000-4000-8000-000000000001", "subject": "s",'
        b' "time": "2026-01-01T00:00:00Z", "data": {}}',
    ],
    ids=["broken", "list", "null", "bare", "bytes", "no-uuid", "no-zone", "foreign-type"],
)
async def test_what_is_no_event_is_set_aside_and_stops_nothing(
    start_service: StartService, publish: Publish, delivery: ModuleType, payload: bytes
) -> None:
    service = await start_service(delivery.SERVICE)
    await send(service, (nats_subject(delivery.OrderPlaced.TYPE, 4), payload))
    await publish(delivery.OrderPlaced(customer_id=customer_of(4), number=1))
    await settled(service)
    assert await effects(service) == [1]
    [held] = await quarantined(service)
    assert held["payload"] == payload


async def test_types_without_a_subscription_are_not_delivered(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    service = await start_service(delivery.SERVICE)
    await publish(delivery.OrderConfirmed(customer_id=uuid4(), number=1))
    await publish(delivery.OrderPlaced(customer_id=uuid4(), number=2))
    await settled(service)
    pool = service.runtime.worker_database.pool
    assert await effects(service) == [2]
    assert await pool.fetchval("SELECT count(*) FROM inbox") == 1
    assert await quarantined(service) == []


async def test_a_batch_handler_sees_types_mixed_in_order_and_hears_of_each_lease(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    seen: list[tuple[str, int]] = []
    assigned: list[int] = []

    async def whole(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
        tx.after_commit(lambda: seen.extend((e.type.split(".")[2], e.data["number"]) for e in events))

    subscription = Subscription(
        "EVT",
        {delivery.OrderPlaced: whole, delivery.OrderConfirmed: whole},
        batch_handler=whole,
        on_assigned=lambda runtime, number: assigned.append(number),
    )
    service = await start_service(replace(delivery.SERVICE, subscriptions=[subscription]))
    customer = uuid4()
    await publish(
        delivery.OrderPlaced(customer_id=customer, number=1),
        delivery.OrderConfirmed(customer_id=customer, number=2),
        delivery.OrderPlaced(customer_id=customer, number=3),
    )
    await settled(service)
    assert seen == [("placed", 1), ("confirmed", 2), ("placed", 3)]
    assert sorted(assigned) == list(range(8))


async def test_a_worker_that_stops_hands_over_at_once(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    first = await start_service(delivery.SERVICE, lease_seconds=60)
    await publish(*(delivery.OrderPlaced(customer_id=uuid4(), number=n) for n in range(20)))
    await settled(first)
    await first.stop()
    second = await start_service(delivery.SERVICE, database=first.settings.database_url.rpartition("/")[2])
    await publish(*(delivery.OrderPlaced(customer_id=uuid4(), number=n) for n in range(20, 40)))
    await settled(second)
    assert sorted(await effects(second)) == list(range(40))


async def test_two_workers_share_the_partitions_and_the_work(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    first = await start_service(delivery.SERVICE, lease_seconds=0.6)
    name = first.settings.database_url.rpartition("/")[2]
    await settled(first)
    second = await start_service(delivery.SERVICE, database=name, lease_seconds=0.6)

    def held(service: RunningService) -> int:
        consumers = service.runtime.consumers
        return sum(worker.held for worker in consumers.workers) if consumers is not None else 0

    async def shared() -> bool:
        return (held(first), held(second)) == (4, 4)

    await eventually(shared, 30, what="a fair share")
    await publish(*(delivery.OrderPlaced(customer_id=uuid4(), number=n) for n in range(60)))

    async def applied() -> bool:
        return sorted(await effects(first)) == list(range(60))

    assert await eventually(applied, 30, what="all sixty effects")


async def test_a_worker_whose_position_was_moved_writes_nothing(
    start_service: StartService, publish: Publish, delivery: ModuleType
) -> None:
    service = await start_service(delivery.SERVICE, lease_seconds=60)
    customer = customer_of(6)
    await publish(delivery.OrderPlaced(customer_id=customer, number=1, behave="slow"))
    pool = service.runtime.worker_database.pool

    async def started() -> bool:
        return bool(await pool.fetchval("SELECT inflight_from FROM position WHERE consumer = 'EVT.p6'"))

    await eventually(started)
    # Another worker takes the lease over while ours sleeps inside its handler.
    await pool.execute(
        "UPDATE position SET lease_owner = 'other', lease_until = now() + '1s' WHERE consumer = 'EVT.p6'"
    )
    await asyncio.sleep(1.7)
    assert await effects(service) == []
    await settled(service)
    assert await effects(service) == [1]


async def test_a_new_stream_resets_the_position_and_the_inbox_absorbs_the_repeats(
    start_service: StartService, publish: Publish, delivery: ModuleType, nats_server: EmbeddedNats
) -> None:
    service = await start_service(delivery.SERVICE)
    async with service.runtime.database.transaction() as tx:
        tx.emit(*(delivery.OrderPlaced(customer_id=uuid4(), number=n) for n in range(40)))
    await settled(service)
    nats_server.stop()
    import shutil

    shutil.rmtree(nats_server.store_dir)
    nats_server.start(nats_server.store_dir.parent / "nats.log")
    await nats_server.wait_ready()
    await provision_streams(nats_server, anew=False)
    async with service.runtime.database.transaction() as tx:
        tx.emit(*(delivery.OrderPlaced(customer_id=uuid4(), number=n) for n in range(40, 50)))

    async def applied() -> bool:
        return sorted(await effects(service)) == list(range(50))

    await eventually(applied, 60, what="the events behind the loss")
    broker = service.runtime.broker
    assert broker is not None

    async def filled() -> bool:
        # Fifty orders and fifty confirmations, nothing else, lie in the stream again.
        return (await broker.stream_state("EVT")).messages == 100

    await eventually(filled, 60, what="a stream filled again")
    await settled(service)
    assert sorted(await effects(service)) == list(range(50))


async def test_what_a_handler_emits_carries_the_cause_of_its_event(
    start_service: StartService, delivery: ModuleType
) -> None:
    service = await start_service(delivery.SERVICE, sample_ratio=1.0)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    order = delivery.OrderPlaced(customer_id=customer_of(0), number=1)
    pool = service.runtime.worker_database.pool
    async with service.runtime.database.transaction() as tx:
        tx.emit(order)
        tx.after_commit(lambda: None)
        await tx.session.flush()
        tx._events[:] = [replace(r, traceparent=trace, correlation_id="cause-0001") for r in tx._events]
    await settled(service)
    row = await pool.fetchrow("SELECT * FROM outbox WHERE type = $1", delivery.OrderConfirmed.TYPE)
    assert row is not None
    assert row["correlation_id"] == "cause-0001"
    assert row["traceparent"].split("-")[1] == trace.split("-")[1]
    assert row["traceparent"] != trace


async def test_a_stream_can_be_subscribed_to_once_only(start_service: StartService, delivery: ModuleType) -> None:
    twice = replace(delivery.SERVICE, subscriptions=[*delivery.SERVICE.subscriptions] * 2)
    service = await start_service(delivery.SERVICE, worker=False)
    service.runtime.service = twice
    with pytest.raises(ValueError, match="twice"):
        Consumers(service.runtime)
