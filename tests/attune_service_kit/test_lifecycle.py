"""How a process ends."""

import asyncio
from types import SimpleNamespace

import pytest

from attune_service_kit import lifecycle


async def test_a_task_that_forgets_that_it_was_cancelled_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_SECONDS", 0.05)
    forgotten = []

    async def forgetful() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if forgotten:
                    raise
                forgotten.append(True)

    tasks = [asyncio.create_task(forgetful()), asyncio.create_task(asyncio.sleep(60))]
    await asyncio.sleep(0)
    await asyncio.wait_for(lifecycle._cancel(tasks), 30)
    assert forgotten
    assert all(task.cancelled() for task in tasks)


async def test_a_cancellation_that_nobody_asked_for_ends_no_background_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncpg, closing a lost connection, awaits a waiter that it has cancelled itself."""
    begun = asyncio.Queue[int]()

    async def work(_runtime: object) -> None:
        await begun.put(begun.qsize())
        waiter = asyncio.get_running_loop().create_future()
        waiter.cancel()
        await waiter

    task = asyncio.create_task(lifecycle._forever(work, None))  # type: ignore[arg-type] # it asks nothing of it
    for _ in range(2):
        await asyncio.wait_for(begun.get(), 30)
    task.cancel()
    await asyncio.wait([task], timeout=30)
    assert task.cancelled()


async def test_a_task_that_has_lived_long_is_started_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    lives, now, pauses = [1.0, 1.0, 100.0, 1.0], [0.0], list[float]()

    async def work(_runtime: object) -> None:
        if lives:
            now[0] += lives.pop(0)
            raise ConnectionError("the line is bad")

    async def noted(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(lifecycle, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("attune_service_kit.lifecycle.asyncio.sleep", noted)
    await lifecycle._forever(work, None)  # type: ignore[arg-type] # it asks nothing of it
    assert pauses == [0.5, 1.0, 0.5, 1.0]
