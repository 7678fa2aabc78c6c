"""What is kept no longer than needed: an hourly task of the worker deletes what is past its time (R-06)."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import structlog

from attune_service_kit.runtime import Runtime
from customer_360 import timeline

log = structlog.get_logger(__name__)

EVERY_SECONDS = 3600
AT_ONCE = 10_000

_PURGES = {
    "timeline": "DELETE FROM timeline_entry WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM timeline_entry WHERE at < $1 LIMIT $2))",
    "tags": "DELETE FROM tag WHERE ctid = ANY (ARRAY(SELECT ctid FROM tag WHERE expires_on < $1 LIMIT $2))",
    "visits": "DELETE FROM visit WHERE ctid = ANY (ARRAY(SELECT ctid FROM visit WHERE until < $1 LIMIT $2))",
    "opportunities": "DELETE FROM open_opportunity WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM open_opportunity WHERE expires_at < $1 LIMIT $2))",
}


async def run(runtime: Runtime) -> None:
    """Purge each hour, as long as the worker runs."""
    while True:
        try:
            await purge(runtime)
        except (asyncpg.PostgresError, OSError) as error:
            log.warning("purge_failed", error=type(error).__name__)  # the next round comes
        await asyncio.sleep(EVERY_SECONDS)


async def purge(runtime: Runtime) -> dict[str, int]:
    """Delete what is past its time, in small transactions; return how much of each."""
    before: dict[str, date | datetime] = {
        "timeline": timeline.oldest(runtime),
        "tags": runtime.clock.business_date(),
        "visits": datetime.now(UTC) - timedelta(days=1),  # wall time, as the visits themselves
        "opportunities": runtime.clock.now(),
    }
    return {what: await _purge(runtime, statement, before[what]) for what, statement in _PURGES.items()}


async def _purge(runtime: Runtime, statement: str, before: date | datetime) -> int:
    total = 0
    while True:
        status: str = await runtime.worker_database.pool.execute(statement, before, AT_ONCE)
        deleted = int(status.rpartition(" ")[2])
        total += deleted
        if deleted < AT_ONCE:
            return total
