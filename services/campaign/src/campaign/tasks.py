"""Tasks: who is to contact whom, as lists and one by one. Taking, working and giving them on have their own files."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Forbidden, NotFound
from attune_service_kit.reads import Queryable
from campaign.sql import one
from campaign.visibility import parameters, visible

TaskState = Literal["open", "claimed", "done", "closed"]
Sort = Literal["created_at", "-created_at", "due_at", "priority"]
Priority = Literal["call_back", "escalated", "normal"]

# The queue's staff see to the app's messages too: they belong to no single employee.
QUEUE_CHANNELS = frozenset({"call_centre", "mobile"})
PRIORITIES: tuple[Priority, ...] = ("call_back", "escalated", "normal")
"""By rank: what was agreed with the customer comes first, then what has waited longest."""


class TaskTaken(Conflict):
    """The task is claimed by somebody else, done or closed."""

    code = "task_not_available"


class Task(BaseModel, frozen=True):
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
    priority: Priority
    campaign_priority: int
    attempts: int
    claimed_by: str | None
    claimed_until: datetime | None
    kept_for: str | None
    call_back_at: datetime | None
    visible_from: datetime | None
    business_date: date
    created_at: datetime
    due_at: datetime
    completed_at: datetime | None
    opportunity_ids: list[UUID]


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks to list; None asks nothing. `waiting`: only those that hide until later, else all but those."""

    employee_id: str | None = None
    channel: str | None = None
    state: str | None = None
    campaign: str | None = None
    customer_id: UUID | None = None
    branch: str | None = None
    escalated: bool | None = None
    mine: bool = False
    waiting: bool = False


_COLUMNS = """
t.*, ARRAY(SELECT o.id FROM opportunity o WHERE o.task_id = t.id ORDER BY o.id) AS opportunity_ids"""
_LIST = f"""
SELECT {_COLUMNS} FROM task t
WHERE {visible("t", 1)}
  AND ($4::text IS NULL OR t.employee_id = $4) AND ($5::text IS NULL OR t.channel = $5)
  AND ($6::text IS NULL OR t.state = $6) AND ($7::text IS NULL OR t.campaign = $7)
  AND ($8::uuid IS NULL OR t.customer_id = $8)
  AND ($9::text IS NULL
       OR EXISTS (SELECT FROM branch_scope b WHERE b.ancestor = $9 AND b.branch = t.branch_id))
  AND ($10::boolean IS NULL OR t.escalated = $10)
  AND ($11::text IS NULL OR $11 IN (t.employee_id, t.kept_for, t.claimed_by))
  AND (t.visible_from IS NOT NULL AND t.visible_from > $12) = $13"""  # noqa: S608 - a condition of ours
_ONE = f"SELECT {_COLUMNS} FROM task t WHERE {visible('t', 1)} AND t.id = $4"  # noqa: S608 - of ours
_LOCK = f"""
SELECT t.*, t.claimed_until <= clock_timestamp() AS lapsed
FROM task t WHERE {visible("t", 1)} AND t.id = $4 FOR UPDATE OF t"""  # noqa: S608 - a condition of ours
# Read once the task is locked: an opportunity that has just joined is seen.
_JOINED = "SELECT id FROM opportunity WHERE task_id = $1 ORDER BY id"

# The orders that a list may have: key, and where the next page begins.
_ORDERS: dict[Sort, tuple[str, str]] = {
    "created_at": ("t.id", "t.id > $15"),
    "-created_at": ("t.id DESC", "t.id < $15"),
    "due_at": ("t.due_at, t.id", "(t.due_at, t.id) > ($16::timestamptz, $15)"),
    "priority": (
        "t.rank, -t.campaign_priority, t.due_at, t.id",
        "(t.rank, -t.campaign_priority, t.due_at, t.id) > ($17::smallint, -$18::smallint, $16::timestamptz, $15)",
    ),
}
_LISTS = {
    sort: f"{_LIST} AND ($15::uuid IS NULL OR $16::timestamptz IS NULL OR $17::smallint IS NULL"
    f" OR $18::smallint IS NULL OR {after}) ORDER BY {order} LIMIT $14"
    for sort, (order, after) in _ORDERS.items()
}

Place = tuple[UUID, datetime, int, int]
"""Where a page ended: a task's id, its due moment, its rank and its campaign's priority."""


async def list_tasks(
    conn: Queryable, caller: Caller, wanted: TaskFilter, sort: Sort, now: datetime, after: Place | None, limit: int
) -> list[Task]:
    """Tasks in the caller's scope; a relationship manager sees their own book only."""
    own = "relationship_manager" in caller.roles
    rows = await conn.fetch(
        _LISTS[sort],
        *parameters(caller.scope),
        caller.subject if own else wanted.employee_id,
        wanted.channel,
        wanted.state,
        wanted.campaign,
        wanted.customer_id,
        wanted.branch,
        wanted.escalated,
        caller.subject if wanted.mine else None,
        now,
        wanted.waiting,
        limit,
        *(after or (None, None, None, None)),
    )
    return [task_of(row) for row in rows]


def place_of(task: Any) -> list[Any]:
    """What a cursor keeps of the last task of a page."""
    return [task.id, task.due_at, PRIORITIES.index(task.priority), task.campaign_priority]


async def get(conn: Queryable, caller: Caller, task_id: UUID) -> Task:
    """One task of the caller's list; NotFound."""
    row = await conn.fetchrow(_ONE, *parameters(caller.scope), task_id)
    own = "relationship_manager" in caller.roles
    if row is None or (own and row["employee_id"] != caller.subject):
        raise NotFound("there is no such task", "任务不存在")
    return task_of(row)


def may_act(caller: Caller, channel: str, employee_id: str | None) -> bool:
    """Whether the caller may work on such a task: its manager, the head of the branch, or the queue's staff."""
    if "relationship_manager" in caller.roles and employee_id == caller.subject:
        return True
    if "branch_manager" in caller.roles:
        return True
    return "call_centre" in caller.roles and channel in QUEUE_CHANNELS


async def lock(tx: Transaction, caller: Caller, task_id: UUID) -> dict[str, Any]:
    """The task's row, locked, with its opportunities; NotFound outside the scope, Forbidden if somebody else's."""
    row = await tx.conn.fetchrow(_LOCK, *parameters(caller.scope), task_id)
    if row is None:
        raise NotFound("there is no such task", "任务不存在")
    if not may_act(caller, row["channel"], row["employee_id"]):
        raise Forbidden("this task is somebody else's", "该任务不属于您")
    return await joined(tx.conn, row)


async def joined(conn: Queryable, row: Any) -> dict[str, Any]:
    """A locked task's row with the opportunities that lie in it."""
    return dict(row) | {"opportunity_ids": [r[0] for r in await conn.fetch(_JOINED, row["id"])]}


async def told(conn: Queryable, task_id: UUID) -> Task:
    """A task as it stands after a change."""
    return task_of(await one(conn, f"SELECT {_COLUMNS} FROM task t WHERE t.id = $1", task_id))  # noqa: S608 - ours


def taken(row: Any) -> TaskTaken:
    """The refusal of a task that somebody else has, or that is over."""
    return TaskTaken("the task is not available any more", "任务已不可用", state=row["state"])


def task_of(row: Any) -> Task:
    """A row with its opportunities as a task."""
    values = {name: row[name] for name in Task.model_fields if name != "priority"}
    return Task(**values, priority=PRIORITIES[row["rank"]])
