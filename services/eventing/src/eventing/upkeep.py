"""What a worker does besides: tell the time, send on what waited for its account, close days (X1, X6, X19)."""

import asyncio
from datetime import UTC, date, datetime

import structlog

from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from eventing import handlers, intake

log = structlog.get_logger(__name__)

RELEASE_SECONDS = 1.0
CLOSE_SECONDS = 5.0

# A day is closed once business time has left it; whatever has gathered for a quarter of an hour of wall time goes, too.
_DUE = """
SELECT EXISTS (SELECT 1 FROM posting WHERE NOT in_lake AND business_date < $1)
    OR EXISTS (SELECT 1 FROM posting WHERE NOT in_lake AND received_at < now() - interval '15 minutes')
    OR EXISTS (SELECT 1 FROM behaviour WHERE NOT in_lake AND business_date < $1)
    OR EXISTS (SELECT 1 FROM behaviour WHERE NOT in_lake AND received_at < now() - interval '15 minutes')"""


def sender(runtime: Runtime) -> intake.Sender:
    """How postings get their moment here."""
    wall = runtime.settings.clock == "wall"
    return intake.Sender(runtime.settings.zone, datetime.now(UTC) if wall else None)


async def tell_time(runtime: Runtime) -> None:
    """Background task: business time, told as the ledger moves it."""
    await handlers.ledger(runtime).pulse.run(runtime)


async def release_pending(runtime: Runtime) -> None:
    """Background task: postings whose account has arrived go to the stream."""
    while True:
        async with runtime.worker_database.transaction() as tx:
            released = await intake.release(tx, sender(runtime))
        if released:
            log.info("postings_released", count=released)
        else:
            await asyncio.sleep(RELEASE_SECONDS)


async def close_days(runtime: Runtime) -> None:
    """Background task: start the day's close when one is due."""
    while True:
        async with runtime.worker_database.transaction() as tx:
            await start_close(runtime, tx, runtime.clock.business_date())
        await asyncio.sleep(CLOSE_SECONDS)


async def start_close(runtime: Runtime, tx: Transaction, today: date) -> bool:
    """Start the job `day_close` if a day before `today` is not in the lake yet; return whether that is so."""
    due = bool(await tx.conn.fetchval(_DUE, today))
    if due:
        await runtime.jobs.start(tx, "day_close", {}, key="day_close")
    return due
