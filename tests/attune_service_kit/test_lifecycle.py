"""How a process ends."""

import asyncio

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
    await asyncio.wait_for(lifecycle._cancel(tasks), 5)
    assert forgotten
    assert all(task.cancelled() for task in tasks)
