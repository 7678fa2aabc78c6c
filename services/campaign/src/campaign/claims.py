"""Taking a task: for a while, so that one which nobody finishes comes back; and the best one of a queue (M-13)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden
from campaign import contact_history, contacts, tasks
from campaign.contact_policy import free_from
from campaign.contacts import ContactRefused
from campaign.plans import Plans
from campaign.sql import Conn
from campaign.tasks import QUEUE_CHANNELS, Task
from campaign.texts import POLICY
from campaign.visibility import parameters, visible

MOST_TRIED = 20
"""Tasks that one call looks at: whom the policy forbids to contact now is put off, and the next is tried."""
KEPT = timedelta(minutes=30)
"""So long after its moment a call-back is kept for whom it was agreed with; then anybody may make it."""

# As long as the contact's reservation, by wall time.
_CLAIM = """
UPDATE task SET state = 'claimed', claimed_by = $2, claimed_until = clock_timestamp() + interval '15 minutes',
                visible_from = NULL
WHERE id = $1"""
_HELD = f"""
SELECT t.* FROM task t
WHERE {visible("t", 1)} AND t.state = 'claimed' AND t.claimed_by = $4 AND t.claimed_until > clock_timestamp()
  AND ($5::text IS NULL OR t.channel = $5)
ORDER BY t.rank, -t.campaign_priority, t.due_at, t.id LIMIT 1 FOR UPDATE OF t"""  # noqa: S608 - a condition of ours
# $4 who asks, $5 a channel or any, $6 the queue's channels or none, $7 whether whatever the branch has, $8 business
# time, $9 those put off already. What others have in hand is passed over, not waited for.
_BEST = f"""
SELECT t.* FROM task t
WHERE {visible("t", 1)}
  AND (t.state = 'open' OR (t.state = 'claimed' AND t.claimed_until <= clock_timestamp()))
  AND ($5::text IS NULL OR t.channel = $5)
  AND (t.employee_id = $4 OR t.channel = ANY ($6::text[]) OR $7)
  AND (t.visible_from IS NULL OR t.visible_from <= $8)
  AND (t.kept_for IS NULL OR t.kept_for = $4 OR t.call_back_at <= $8 - $10::interval)
  AND t.id <> ALL ($9::uuid[])
ORDER BY t.rank, -t.campaign_priority, t.due_at, t.id LIMIT 1 FOR UPDATE OF t SKIP LOCKED"""  # noqa: S608 - a condition of ours
_STILL_FREE = """
SELECT contact_id FROM task
WHERE id = $1 AND (state = 'open' OR state = 'claimed' AND (claimed_by = $2 OR claimed_until <= clock_timestamp()))
FOR UPDATE"""
_PUT_OFF = """
UPDATE task SET visible_from = $2, state = 'open', claimed_by = NULL, claimed_until = NULL WHERE id = $1"""


@dataclass(frozen=True)
class Next:
    """The task that was taken, or why there is none: the queue is empty, or the policy forbids those that wait."""

    task: Task | None
    reason: str | None
    put_off: int


class _PutOff(Exception):
    """Leaves the savepoint: what was locked for this task is let go."""


async def claim(tx: Transaction, plan: Plans, caller: Caller, task_id: UUID, zone: str) -> Task:
    """Take a task for 15 minutes, its contact with it; claiming it again renews both.

    NotFound, Forbidden, TaskTaken, ContactRefused.
    """
    row = await tasks.lock(tx, caller, task_id)
    mine = row["state"] == "claimed" and (row["claimed_by"] == caller.subject or row["lapsed"])
    if row["state"] != "open" and not mine:
        raise tasks.taken(row)
    await renew(tx, plan, row, zone)
    return await _take(tx, caller, task_id)


async def take_next(tx: Transaction, plan: Plans, caller: Caller, channel: str | None, zone: str) -> Next:
    """Take the best task that is free: what one has in hand already, then call-backs, escalated ones, the rest by due.

    Forbidden for who works on no list.
    """
    queue = sorted(QUEUE_CHANNELS) if "call_centre" in caller.roles else []
    branch = "branch_manager" in caller.roles
    if not (queue or branch or "relationship_manager" in caller.roles):
        raise Forbidden("you work on no list of tasks", "您没有任务列表")
    scope = parameters(caller.scope)
    held = await tx.conn.fetchrow(_HELD, *scope, caller.subject, channel)
    reason: str | None = None
    if held is not None:
        reason = await _ask(tx, plan, held, zone)
        if reason is None:
            return Next(await _take(tx, caller, held["id"]), None, 0)
    put_off: dict[UUID, Any] = {} if held is None else {held["id"]: held}
    while len(put_off) < MOST_TRIED:
        asked = caller.subject, channel, queue, branch, tx.now, list(put_off), KEPT
        row: Any = None
        try:
            async with tx.conn.transaction():
                row = await tx.conn.fetchrow(_BEST, *scope, *asked)
                if row is None:
                    break
                reason = await _ask(tx, plan, row, zone)
                if reason is not None:
                    raise _PutOff
        except _PutOff:
            put_off[row["id"]] = row
            continue
        await _put_off(tx, plan, caller, put_off, zone)
        return Next(await _take(tx, caller, row["id"]), None, len(put_off))
    await _put_off(tx, plan, caller, put_off, zone)
    return Next(None, reason, len(put_off))


async def renew(tx: Transaction, plan: Plans, row: Any, zone: str) -> None:
    """Reserve the task's contact afresh; ContactRefused."""
    reason = await _ask(tx, plan, row, zone)
    if reason is not None:
        raise ContactRefused(POLICY[reason]["en"], POLICY[reason]["zh"], reason=reason)


async def _ask(tx: Transaction, plan: Plans, row: Any, zone: str) -> str | None:
    wish = await contacts.wish_of(tx.conn, row["contact_id"], tx.now)
    (reason,) = await contacts.reserve(tx.conn, plan.policy, [wish], zone=zone)
    return reason


async def _take(tx: Transaction, caller: Caller, task_id: UUID) -> Task:
    await tx.conn.execute(_CLAIM, task_id, caller.subject)
    await tx.audit("task.claimed", "task", task_id)
    return await tasks.told(tx.conn, task_id)


async def _put_off(tx: Transaction, plan: Plans, caller: Caller, rows: dict[UUID, Any], zone: str) -> None:
    """Hide tasks whose customers may not be contacted now until they may, at the longest until they are due."""
    for row in rows.values():
        # It was let go with its savepoint: somebody may have taken it since.
        if await tx.conn.fetchval(_STILL_FREE, row["id"], caller.subject) is None:
            continue
        # Nobody is about to be contacted: the reservation of the task's making must not stand in its own way.
        await contacts.release(tx.conn, [row["contact_id"]])
        free = await _allowed_from(tx.conn, plan, row, tx.now, zone)
        later = max(row["due_at"], tx.now + timedelta(hours=1))
        until = later if free is None else min(free, later)
        await tx.conn.execute(_PUT_OFF, row["id"], until)
        await tx.audit("task.put_off", "task", row["id"], detail={"until": until})


async def _allowed_from(conn: Conn, plan: Plans, row: Any, now: datetime, zone: str) -> datetime | None:
    past, suppressions = await contact_history.of(conn, row["customer_id"], now)
    free = free_from(plan.policy, past, row["channel"], now, zone, suppressions)
    return None if free is None or free <= now else free
