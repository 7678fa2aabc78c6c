"""Who waits for whom. Locks are taken in one order everywhere: tasks, then policy subjects, then opportunities.

The worker's handlers and its sweep share; the job that judges again is alone, since it goes the other way round.
"""

from collections.abc import Iterable
from uuid import UUID

from campaign.sql import Conn

_SHARE = "SELECT pg_advisory_xact_lock_shared(hashtext('campaign.judging'))"
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('campaign.judging'))"
_TASKS = "SELECT id FROM task WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE"


async def share(conn: Conn) -> None:
    """Until the commit nobody is alone."""
    await conn.execute(_SHARE)


async def alone(conn: Conn) -> None:
    """Until the commit neither handlers nor the sweep run."""
    await conn.execute(_ALONE)


async def lock_tasks(conn: Conn, task_ids: Iterable[UUID | None]) -> list[UUID]:
    """Lock tasks in their order: what the next statements see of them stays true."""
    wanted = list({t for t in task_ids if t is not None})
    if wanted:
        await conn.execute(_TASKS, wanted)
    return wanted
