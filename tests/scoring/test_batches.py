"""A snapshot's batches: in order whatever each takes, few at a time; and the rows that renewals start from as sent."""

import asyncio
import gc
import threading
import time
import tracemalloc
from collections.abc import Iterator
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
import pytest

from attune_service_kit.database import Database
from attune_service_kit.testing import StartService
from scoring import feature_rows
from scoring.app import SERVICE
from scoring.jobs import batches
from scoring.jobs.batches import Batch


class Reading:
    """Batches that count how many have been read and not yet taken."""

    def __init__(self, count: int) -> None:
        self.count, self.read, self.taken, self.most = count, 0, 0, 0

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self.count):
            self.read += 1
            self.most = max(self.most, self.read - self.taken)
            yield Batch(pa.array([str(number)]), np.full((1, 1), float(number)), {})


async def test_batches_come_in_order_and_few_are_held() -> None:
    reading, threads = Reading(40), set[int]()

    def work(batch: Batch) -> float:
        threads.add(threading.get_ident())
        time.sleep(0.004 if batch.values[0, 0] % 3 == 0 else 0.001)
        return float(batch.values[0, 0]) * 2

    told = []
    async for batch, doubled in batches.in_turn(iter(reading), work):
        reading.taken += 1
        told.append((batch.customers[0].as_py(), doubled))
        await asyncio.sleep(0)
    assert told == [(str(number), number * 2.0) for number in range(40)]
    assert reading.most <= batches.CORES + 1
    assert len(threads) > 1


async def test_a_batch_that_fails_stops_the_reading() -> None:
    reading = Reading(100)

    def work(batch: Batch) -> None:
        if batch.values[0, 0] == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        [reading async for _ in batches.in_turn(iter(reading), work)]
    assert reading.read < 10


async def test_rows_are_stored_to_the_bit(start_service: StartService) -> None:
    service = await start_service(SERVICE, worker=False)
    people = [uuid4() for _ in range(3)]
    values = np.array([[0.1, np.nan, -0.0], [1e308, -5e-324, 2**53 + 1.0], [np.nan, np.nan, np.nan]])
    worker = Database(service.settings.worker_database_url)
    await worker.open()
    async with worker.transaction() as tx:
        slot = await feature_rows.empty_slot(tx.conn)
        await feature_rows.copy_rows(tx.conn, slot, [str(person) for person in people], values)
        await feature_rows.copy_rows(tx.conn, slot, [], values[:0])
        found = await tx.conn.fetch("SELECT customer_id, values FROM feature_row WHERE slot = $1", slot)
    await worker.close()
    stored = {UUID(int=row["customer_id"].int): np.array(row["values"]).tobytes() for row in found}
    assert stored == {person: line.tobytes() for person, line in zip(people, values, strict=True)}


async def test_rows_that_are_stored_leave_nothing_in_memory(start_service: StartService) -> None:
    service = await start_service(SERVICE, worker=False)
    people, values = [str(uuid4()) for _ in range(5_500)], np.random.default_rng(1).random((5_500, 40))
    worker = Database(service.settings.worker_database_url)
    await worker.open()
    async with worker.transaction() as tx:
        slot = await feature_rows.empty_slot(tx.conn)
        # Cycles are collected late where much lives long: what waits for that is memory that grows.
        gc.disable()
        tracemalloc.start()
        try:
            await feature_rows.copy_rows(tx.conn, slot, people, values)
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            gc.enable()
        stored = await tx.conn.fetchval("SELECT count(*) FROM feature_row WHERE slot = $1", slot)
        last = await tx.conn.fetchval("SELECT values FROM feature_row WHERE customer_id = $1", UUID(people[-1]))
    await worker.close()
    assert stored == 5_500
    assert last == values[-1].tolist()
    assert left < 1_000_000
