"""Batches of several partitions in one transaction: those that wait share what it costs."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from attune_service_kit.applying import Applier, Part
from attune_service_kit.cancellation import stop_if_cancelled
from attune_service_kit.consumer import Plan
from attune_service_kit.failpoints import failpoint
from attune_service_kit.position import Positions
from attune_service_kit.reader import Delivered
from attune_service_kit.telemetry import describe
from attune_service_kit.turns import Turns

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

log = structlog.get_logger(__name__)

# While PostgreSQL works on one transaction the process works on another.
_AT_ONCE = 3
# What was published at one time comes in several reads from the wire, a moment apart.
_MOMENT = 0.002

More = Callable[[int], list[Delivered]]
"""Returns what has come of a partition meanwhile, at most so many messages."""


@dataclass(slots=True)
class _Waiting:
    part: Part
    more: More
    done: asyncio.Future[bool]


class Together:
    """Takes batches of one plan's partitions, as many as wait, into one transaction."""

    def __init__(self, runtime: "Runtime", plan: Plan, applier: Applier, positions: Positions, turns: Turns) -> None:
        self._plan = plan
        self._applier = applier
        self._positions = positions
        self._turns = turns
        self._waiting: list[_Waiting] = []
        self._came = asyncio.Event()
        self._free = asyncio.Semaphore(min(_AT_ONCE, runtime.settings.pool_size))

    async def applied(self, part: Part, more: More) -> bool:
        """Apply a batch with those of other partitions, and what has come behind it until they begin.

        False: nothing of it is done, and it had better go alone. The fault may be another partition's.
        """
        waiting = _Waiting(part, more, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._came.set()
        return await waiting.done

    async def run(self) -> None:
        """Work until cancelled."""
        begun = 0.0
        async with asyncio.TaskGroup() as group:
            while True:
                await self._came.wait()
                await self._free.acquire()
                early = begun + (self._plan.gather or 0.0) - time.monotonic()
                # One that comes alone waits for a moment only, many not at all.
                if sum(len(w.part.messages) for w in self._waiting) < self._plan.batch // 4:
                    await asyncio.sleep(max(early, _MOMENT))
                begun = time.monotonic()
                group.create_task(self._carry(self._take()))

    def _take(self) -> list[_Waiting]:
        """Those that wait longest, until the batch is full, each with what has come behind it."""
        taken: list[_Waiting] = []
        room = self._plan.batch
        while self._waiting and room > 0 and (not taken or len(self._waiting[0].part.messages) <= room):
            first = self._waiting.pop(0)
            if first.done.done():  # cancelled
                continue
            first.part.messages += first.more(max(room - len(first.part.messages), 0))
            room -= len(first.part.messages)
            taken.append(first)
        if not self._waiting:
            self._came.clear()
        return taken

    async def _carry(self, taken: list[_Waiting]) -> None:
        parts = [waiting.part for waiting in taken]
        done = False
        try:
            if parts:
                async with self._turns.shared():
                    await self._positions.mark_all([(p.consumer, p.messages[0].seq, p.last) for p in parts])
                    failpoint("consumer.after_mark")
                    await self._applier.commit(parts)
            done = True
        except Exception as error:
            stop_if_cancelled()
            log.warning("batches_failed", count=len(parts), exception=describe(error))
        finally:
            self._free.release()
            for waiting in taken:
                if not waiting.done.done():
                    waiting.done.set_result(done)
