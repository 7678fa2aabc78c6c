"""Tasks: who is to contact whom. Claimed before the contact, completed with what came of it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from attune_contracts.campaign import ContactMade
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Forbidden, NotFound
from attune_service_kit.reads import Queryable
from campaign import contacts
from campaign.consent_withdrawals import WITHDRAWN
from campaign.contacts import ContactRefused
from campaign.opportunities import act
from campaign.plans import Plans
from campaign.texts import POLICY
from campaign.visibility import parameters, visible

Disposition = Literal["reached", "not_reached", "refused", "promised"]
TaskState = Literal["open", "claimed", "done", "closed"]

# The queue's staff see to the app's messages too: they belong to no single employee.
QUEUE_CHANNELS = frozenset({"call_centre", "mobile"})


class TaskTaken(Conflict):
    """The task is claimed by somebody else, done or closed."""

    code = "task_not_available"


@dataclass(frozen=True)
class Task:
    """A task as its employee sees it."""

    id: UUID
    customer_id: UUID
    branch_id: str | None
    campaign: str
    channel: str
    employee_id: str | None
    state: str
    disposition: str | None
    escalated: bool
    claimed_by: str | None
    business_date: date
    created_at: datetime
    due_at: datetime
    opportunity_ids: list[UUID]


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks to list; None asks nothing."""

    employee_id: str | None = None
    channel: str | None = None
    state: str | None = None


_LIST = f"""
SELECT t.*, ARRAY(SELECT o.id FROM opportunity o WHERE o.task_id = t.id ORDER BY o.id) AS opportunity_ids
FROM task t
WHERE {visible("t", 1)}
  AND ($4::text IS NULL OR t.employee_id = $4) AND ($5::text IS NULL OR t.channel = $5)
  AND ($6::text IS NULL OR t.state = $6) AND ($7::uuid IS NULL OR t.id > $7)
ORDER BY t.id LIMIT $8"""  # noqa: S608 - a condition of ours
_LOCK = f"SELECT t.* FROM task t WHERE {visible('t', 1)} AND t.id = $4 FOR UPDATE OF t"  # noqa: S608 - of ours
# Read once the task is locked: an opportunity that has just joined is seen.
_JOINED = "SELECT id FROM opportunity WHERE task_id = $1 ORDER BY id"


async def list_tasks(conn: Queryable, caller: Caller, wanted: TaskFilter, after: UUID | None, limit: int) -> list[Task]:
    """Tasks in the caller's scope, oldest first; a relationship manager sees their own book only."""
    employee = caller.subject if "relationship_manager" in caller.roles else wanted.employee_id
    rows = await conn.fetch(_LIST, *parameters(caller.scope), employee, wanted.channel, wanted.state, after, limit)
    return [_task(row) for row in rows]


def may_act(caller: Caller, channel: str, employee_id: str | None) -> bool:
    """Whether the caller may work on such a task: its manager, the head of the branch, or the queue's staff."""
    if "relationship_manager" in caller.roles and employee_id == caller.subject:
        return True
    if "branch_manager" in caller.roles:
        return True
    return "call_centre" in caller.roles and channel in QUEUE_CHANNELS


async def claim(tx: Transaction, plan: Plans, caller: Caller, task_id: UUID, zone: str) -> Task:
    """Take a task: its contact is reserved afresh for 15 minutes. NotFound, Forbidden, TaskTaken, ContactRefused."""
    row = await _lock(tx, caller, task_id)
    if row["state"] != "open" and not (row["state"] == "claimed" and row["claimed_by"] == caller.subject):
        raise _taken(row)
    await _renew(tx, plan, row, zone)
    await tx.conn.execute("UPDATE task SET state = 'claimed', claimed_by = $2 WHERE id = $1", task_id, caller.subject)
    await tx.audit("task.claimed", "task", task_id)
    return _task(row | {"state": "claimed", "claimed_by": caller.subject})


async def complete(
    tx: Transaction, plan: Plans, caller: Caller, task_id: UUID, disposition: Disposition, zone: str
) -> Task:
    """Say what came of it: the contact is confirmed or released, its opportunities are acted on.

    An open task is claimed on the way. NotFound, Forbidden, TaskTaken, ContactRefused.
    """
    row = await _lock(tx, caller, task_id)
    if row["state"] == "open":
        await _renew(tx, plan, row, zone)
    elif not (row["claimed_by"] == caller.subject and (row["state"] == "claimed" or _ended_meanwhile(row))):
        raise _taken(row)
    await _settle_contact(tx, plan, row, disposition)
    await act(tx, row["opportunity_ids"], disposition, tx.now)
    await tx.conn.execute(
        "UPDATE task SET state = 'done', disposition = $2, completed_at = $3, claimed_by = $4 WHERE id = $1",
        task_id,
        disposition,
        tx.now,
        caller.subject,
    )
    await tx.audit("task.completed", "task", task_id, detail={"disposition": disposition})
    return _task(row | {"state": "done", "disposition": disposition, "claimed_by": caller.subject})


async def _lock(tx: Transaction, caller: Caller, task_id: UUID) -> dict[str, Any]:
    row = await tx.conn.fetchrow(_LOCK, *parameters(caller.scope), task_id)
    if row is None:
        raise NotFound("there is no such task", "任务不存在")
    if not may_act(caller, row["channel"], row["employee_id"]):
        raise Forbidden("this task is somebody else's", "该任务不属于您")
    return dict(row) | {"opportunity_ids": [r[0] for r in await tx.conn.fetch(_JOINED, task_id)]}


async def _renew(tx: Transaction, plan: Plans, row: Any, zone: str) -> None:
    wish = await contacts.wish_of(tx.conn, row["contact_id"], tx.now)
    (reason,) = await contacts.reserve(tx.conn, plan.policy, [wish], zone=zone)
    if reason is not None:
        raise ContactRefused(POLICY[reason]["en"], POLICY[reason]["zh"], reason=reason)


async def _settle_contact(tx: Transaction, plan: Plans, row: Any, disposition: Disposition) -> None:
    if disposition == "not_reached":
        await contacts.release(tx.conn, [row["contact_id"]])
        return
    wish = await contacts.wish_of(tx.conn, row["contact_id"], tx.now)
    await contacts.confirm(tx.conn, plan.policy, wish, disposition)
    tx.emit(
        ContactMade(
            customer_id=row["customer_id"],
            contact_id=row["contact_id"],
            opportunity_id=row["opportunity_ids"][0] if row["opportunity_ids"] else None,
            channel=row["channel"],
            disposition=disposition,
        )
    )


def _ended_meanwhile(row: Any) -> bool:
    """The customer has withdrawn consent after the claim: a contact that took place all the same stays a fact."""
    return bool(row["state"] == "closed" and row["disposition"] == WITHDRAWN)


def _taken(row: Any) -> TaskTaken:
    return TaskTaken("the task is not available any more", "任务已不可用", state=row["state"])


def _task(row: Any) -> Task:
    return Task(**{name: row[name] for name in Task.__dataclass_fields__})
