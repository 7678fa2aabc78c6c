"""Batches of several partitions in one transaction: together when all is well, each for itself when it is not."""

from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from tests.attune_service_kit.test_consumer import customer_of, effects, quarantined, send, settled

from attune_contracts.envelope import envelope, nats_subject
from attune_contracts.identifiers import PARTITIONS
from attune_service_kit.consumer import Event, Subscription, plans
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from attune_service_kit.testing import Publish, RunningService, StartService


@pytest.fixture
def calls() -> list[list[Event]]:
    """What the handler was called with."""
    return []


@pytest.fixture
async def service(start_service: StartService, delivery: ModuleType, calls: list[list[Event]]) -> RunningService:
    """The sample, all of its partitions gathered for a while."""

    async def all_of(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
        calls.append(events)
        await delivery.apply(runtime, tx, events)

    subscription = Subscription("EVT", {delivery.OrderPlaced: all_of}, batch_handler=all_of, gather=0.3)
    return await start_service(replace(delivery.SERVICE, subscriptions=[subscription]), retry_seconds=(0.01,))


def orders(delivery: ModuleType, **behave: str) -> list[Any]:
    """Three orders a partition, one partition after the other; `behave` by number, as in p4="fail"."""
    customers = [customer_of(number) for number in range(PARTITIONS)]
    return [
        delivery.OrderPlaced(customer_id=customers[n % PARTITIONS], number=n, behave=behave.get(f"p{n}", "well"))
        for n in range(3 * PARTITIONS)
    ]


async def test_what_waits_is_one_transaction_and_each_partition_keeps_its_order(
    service: RunningService, publish: Publish, delivery: ModuleType, calls: list[list[Event]]
) -> None:
    # The first one begins at once; what comes behind it is gathered.
    await publish(*orders(delivery))
    await settled(service)
    assert len(calls) <= 3
    assert max(len({event.partition for event in call}) for call in calls) > 1
    applied = await effects(service)
    assert sorted(applied) == list(range(3 * PARTITIONS))
    for number in range(PARTITIONS):
        assert [n for n in applied if n % PARTITIONS == number] == [number, number + 8, number + 16]


async def test_one_partitions_fault_is_nobody_elses(
    service: RunningService, publish: Publish, delivery: ModuleType
) -> None:
    await publish(*orders(delivery, p4="fail", p9="refuse"))
    await settled(service)
    assert sorted(await effects(service)) == [n for n in range(3 * PARTITIONS) if n not in (4, 9)]
    assert [held["seq"] for held in sorted(await quarantined(service), key=lambda held: held["seq"])] == [5, 10]


async def test_of_events_with_a_key_of_their_own_the_inbox_has_no_row_and_the_handler_hears_all(
    start_service: StartService, publish: Publish, delivery: ModuleType, calls: list[list[Event]]
) -> None:
    async def all_of(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
        calls.append(events)
        await delivery.apply(runtime, tx, events)

    subscription = Subscription(
        "EVT", {delivery.OrderPlaced: all_of}, batch_handler=all_of, gather=0.3, plain=True,
        keyed=lambda event: event.data["number"] > 1,
    )  # fmt: skip
    service = await start_service(replace(delivery.SERVICE, subscriptions=[subscription]), retry_seconds=(0.01,))
    said = []
    for number in (1, 2, 3):
        order = delivery.OrderPlaced(customer_id=customer_of(number), number=number)
        event = envelope(order, time=service.runtime.clock.now())
        said.append((nats_subject(order.TYPE, number), event.model_dump_json().encode()))
    await publish(delivery.OrderPlaced(customer_id=customer_of(4), number=4, behave="fail"))
    await send(service, *said, *said)
    await settled(service)
    # The one whose key nobody keeps came once; of the others only their handler can tell.
    assert sorted(await effects(service)) == [1, 2, 2, 3, 3]
    rows = await service.runtime.worker_database.pool.fetch("SELECT consumer FROM inbox")
    assert [row["consumer"] for row in rows] == ["EVT.p1"]
    assert len(await quarantined(service)) == 1


def test_who_leaves_out_the_inbox_has_plain_transactions(delivery: ModuleType) -> None:
    subscription = Subscription("EVT", {delivery.OrderPlaced: delivery.apply}, keyed=lambda event: True)
    service = replace(delivery.SERVICE, subscriptions=[subscription])
    with pytest.raises(ValueError, match="leaves out the inbox"):
        plans(cast(Runtime, SimpleNamespace(service=service, clock=SimpleNamespace(kind="wall"))))


def test_who_gathers_without_a_handler_of_batches_is_refused(delivery: ModuleType) -> None:
    subscription = Subscription("EVT", {delivery.OrderPlaced: delivery.apply}, gather=0.1)
    service = replace(delivery.SERVICE, subscriptions=[subscription])
    with pytest.raises(ValueError, match="without a handler of batches"):
        plans(cast(Runtime, SimpleNamespace(service=service, clock=SimpleNamespace(kind="wall"))))
