"""The 24/48 h clock: rows with a due moment in business time, fired in (due, id) order by the worker (X10, X35).

Beside it what waits in tasks: call-backs whose moment has come, and claims that nobody has finished.
"""

from datetime import datetime

import asyncpg
import structlog

from attune_contracts.campaign import OpportunityEscalated, OpportunityExpired
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from campaign import turns
from campaign.opportunities import close_idle_tasks

log = structlog.get_logger(__name__)

BATCH = 500
POLL_SECONDS = 1.0
"""Under the wall clock nobody tells that time has passed."""

# Only one sweeper at a time: two would fire out of order.
_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('campaign.timers'))"
_FIND = "SELECT id, task_id FROM opportunity WHERE due <= $1 ORDER BY due, id LIMIT $2"
_DUE = """
SELECT id, customer_id, state, due, expires_at, task_id, due >= expires_at OR state <> 'open' AS ends FROM opportunity
WHERE id = ANY ($2::uuid[]) AND due <= $1 ORDER BY due, id FOR UPDATE"""
_ESCALATE = "UPDATE opportunity SET state = 'escalated', due = expires_at WHERE id = ANY ($1::uuid[])"
_EXPIRE = "UPDATE opportunity SET state = 'expired', due = NULL WHERE id = ANY ($1::uuid[])"
_FLAG = "UPDATE task SET escalated = true, rank = least(rank, 1) WHERE id = ANY ($1::uuid[])"
# What somebody is at work on is left for the next round.
_WAKE = """
UPDATE task SET visible_from = NULL WHERE id IN (
    SELECT id FROM task WHERE visible_from <= $1 ORDER BY visible_from, id LIMIT $2 FOR UPDATE SKIP LOCKED)"""
_LAPSE = """
UPDATE task SET state = 'open', claimed_by = NULL, claimed_until = NULL WHERE id IN (
    SELECT id FROM task WHERE state = 'claimed' AND claimed_until <= clock_timestamp() ORDER BY claimed_until, id
    LIMIT $1 FOR UPDATE SKIP LOCKED)"""


async def run(runtime: Runtime) -> None:
    """Sweep whenever business time moves on; the worker's background task."""
    while True:
        try:
            await sweep(runtime, runtime.clock.now())
            await wake(runtime, runtime.clock.now())
        except (asyncpg.PostgresError, OSError) as error:
            # The rows stay due: the next round fires them.
            log.warning("sweep_failed", error=type(error).__name__)
        await runtime.clock.advanced(POLL_SECONDS)


async def sweep(runtime: Runtime, now: datetime) -> int:
    """Fire everything due at `now`, batch by batch; return how many timers fired."""
    fired = 0
    while True:
        async with runtime.worker_database.transaction() as tx:
            count = await _fire(tx, now)
        if not count:
            return fired
        fired += count


async def wake(runtime: Runtime, now: datetime) -> int:
    """Put back on their lists the tasks whose moment has come and those whose claim has lapsed; return how many."""
    woken = 0
    while True:
        async with runtime.worker_database.transaction() as tx:
            statuses = await tx.conn.execute(_WAKE, now, BATCH), await tx.conn.execute(_LAPSE, BATCH)
        count = sum(int(status.rpartition(" ")[2]) for status in statuses)
        woken += count
        if count < BATCH:
            return woken


async def _fire(tx: Transaction, now: datetime) -> int:
    if not await tx.conn.fetchval(_TURN):
        return 0
    await turns.share(tx.conn)
    # The tasks first, then what waits in them: whoever completes one of them has the same order.
    found = await tx.conn.fetch(_FIND, now, BATCH)
    await turns.lock_tasks(tx.conn, (r["task_id"] for r in found))
    due = await tx.conn.fetch(_DUE, now, [r["id"] for r in found])
    if not due:
        return 0
    # An escalation starts the next timer, which may be due before others of this batch: those wait for the next one.
    next_timer = min((r["expires_at"] for r in due if not r["ends"]), default=now)
    rows = [r for r in due if r["due"] <= next_timer]
    ending, escalating = [r for r in rows if r["ends"]], [r for r in rows if not r["ends"]]
    await tx.conn.execute(_ESCALATE, [r["id"] for r in escalating])
    await tx.conn.execute(_FLAG, [r["task_id"] for r in escalating if r["task_id"]])
    await tx.conn.execute(_EXPIRE, [r["id"] for r in ending])
    await close_idle_tasks(tx.conn, (r["task_id"] for r in ending), now)
    for row in rows:
        event = OpportunityExpired if row["ends"] else OpportunityEscalated
        tx.emit(event(customer_id=row["customer_id"], opportunity_id=row["id"]), time=row["due"])
    return len(rows)
