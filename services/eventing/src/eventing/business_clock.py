"""Business time under the clock `events`: the largest time on the ledger's stream, told to everybody (X1)."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from attune_service_kit import clock
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from attune_service_kit.runtime import Runtime

# A new business date is told at once; inside a day a step of a minute, at most five times a second of wall time.
STEP = timedelta(minutes=1)
PAUSE = 0.2
# Batches of several partitions see the new day within a moment of each other: one message says it for all of them.
GATHER = 0.02

_STORED = "SELECT max(event_time) FROM ledger_partition"


class WallClock(Conflict):
    """The home runs on the wall clock: nobody moves that."""

    code = "wall_clock"


class BackInTime(Conflict):
    """Business time never goes back."""

    code = "back_in_time"


class Pulse:
    """The largest business time that the stream has brought, and the task that tells it."""

    def __init__(self) -> None:
        self.seen = clock.BEGINNING
        self._moved = asyncio.Event()

    def observe(self, moment: datetime) -> None:
        """A committed batch went up to this moment."""
        if moment > self.seen:
            self.seen = moment
            self._moved.set()

    async def run(self, runtime: Runtime) -> None:
        """Tell the time as it moves on. Runs for ever; does nothing on the wall clock."""
        if runtime.clock.kind != "events":
            return
        stored = await runtime.worker_database.pool.fetchval(_STORED)
        self.observe(stored or clock.BEGINNING)
        told = float("-inf")
        self._moved.set()  # a task that is started again may have something left to tell
        while True:
            await self._moved.wait()
            self._moved.clear()
            await asyncio.sleep(GATHER)
            if not self._new_day(runtime):
                await asyncio.sleep(max(0.0, told + PAUSE - time.monotonic()))
            if self.seen - runtime.clock.now() >= STEP or self._new_day(runtime):
                async with runtime.worker_database.transaction() as tx:
                    await clock.advance(runtime, tx, self.seen)
                told = time.monotonic()

    def _new_day(self, runtime: Runtime) -> bool:
        return self.seen > runtime.clock.now() and runtime.clock.date_of(self.seen) > runtime.clock.business_date()


async def advance(runtime: Runtime, tx: Transaction, to: datetime) -> datetime:
    """An operator moves business time on; refuses the wall clock and any way back. Returns business time."""
    if runtime.clock.kind != "events":
        raise WallClock("this home runs on the wall clock", "本实例使用真实时钟")
    moment = to.astimezone(UTC)
    if moment < runtime.clock.now():
        raise BackInTime("business time never goes back", "业务时间不能倒退")
    await clock.advance(runtime, tx, moment)
    return moment
