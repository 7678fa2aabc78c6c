"""What a worker does besides: tell the time, send on what waited for its account, close days (X1, X6, X19)."""

import asyncio
from datetime import UTC, date, datetime
from time import monotonic

import structlog

from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from eventing import handlers, intake

log = structlog.get_logger(__name__)

RELEASE_SECONDS = 1.0
CLOSE_SECONDS = 5.0

# A day is closed when business time leaves it; whatever has gathered for a quarter of an hour of wall time goes, too.
# What comes for a day that was closed before waits until no more of it comes: never a file for each.
_DUE_OF = """
EXISTS (SELECT FROM {table} WHERE NOT in_lake AND business_date < $1 AND ($2::date IS NULL OR business_date >= $2))
OR EXISTS (SELECT FROM {table} WHERE NOT in_lake AND received_at < now() - interval '15 minutes')
OR coalesce((SELECT max(received_at) FROM {table} WHERE NOT in_lake AND business_date < $1)
            < now() - interval '30 seconds', false)"""
DUE = f"SELECT {_DUE_OF.format(table='posting')} OR {_DUE_OF.format(table='behaviour')}"
# A close that failed, or that more has followed already, is not tried again at once.
REST_SECONDS = 60.0


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
    closed: date | None = None
    rest = 0.0
    while True:
        today = runtime.clock.business_date()
        if today != closed or monotonic() >= rest:
            async with runtime.worker_database.transaction() as tx:
                if await start_close(runtime, tx, today, closed):
                    rest = monotonic() + REST_SECONDS
            closed = today
        await asyncio.sleep(CLOSE_SECONDS)


async def start_close(runtime: Runtime, tx: Transaction, today: date, closed: date | None = None) -> bool:
    """Start the job `day_close` if a day before `today` is not in the lake yet; return whether one is due.

    Days before `closed` have been closed once: what comes of them later gathers first.
    """
    due = bool(await tx.conn.fetchval(DUE, today, closed))
    if due:
        await runtime.jobs.start(tx, "day_close", {}, key="day_close")
    return due
