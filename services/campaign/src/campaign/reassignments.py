"""Giving a task to somebody else: the head of the branch, to whoever takes tasks in it (M-34)."""

from typing import Any
from uuid import UUID

from attune_contracts.campaign import OpportunityAssigned
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound
from campaign import contacts, tasks
from campaign.tasks import Task
from campaign.visibility import parameters

CHANNEL = "relationship_manager"
TAKE_TASKS = frozenset({"relationship_manager", "branch_manager"})

# Both are in the caller's own part of the tree.
_EMPLOYEE = """
SELECT e.role FROM employee e
WHERE e.employee_id = $4 AND ($1::text = 'all' OR $1 = 'branch' AND $3::uuid IS NULL AND EXISTS (
    SELECT FROM branch_scope s WHERE s.ancestor = $2::text AND s.branch = e.branch_id))"""
_GIVE = """
UPDATE task SET employee_id = $2, channel = $3, state = 'open', claimed_by = NULL, claimed_until = NULL,
                kept_for = NULL, visible_from = CASE WHEN call_back_at > $4 THEN visible_from END
WHERE id = $1"""
_OPPORTUNITIES = """
UPDATE opportunity SET channel = $2 WHERE task_id = $1 AND state IN ('open', 'escalated') RETURNING id, customer_id"""


class NoTasks(Invalid):
    """The employee's post takes no tasks."""

    code = "employee_takes_no_tasks"


async def reassign(tx: Transaction, caller: Caller, task_id: UUID, employee_id: str) -> Task:
    """Give an open task, or one whose claim has lapsed, to an employee of the branch, who works on it as a manager.

    NotFound (task or employee, outside the branch too), Forbidden, TaskTaken, NoTasks.
    """
    row = await tasks.lock(tx, caller, task_id)
    if row["state"] != "open" and not (row["state"] == "claimed" and row["lapsed"]):
        raise tasks.taken(row)
    employee = await tx.conn.fetchrow(_EMPLOYEE, *parameters(caller.scope), employee_id)
    if employee is None:
        raise NotFound("there is no such employee", "员工不存在")
    if employee["role"] not in TAKE_TASKS:
        raise NoTasks("this employee takes no tasks", "该员工不承接任务")
    await tx.conn.execute(_GIVE, task_id, employee_id, CHANNEL, tx.now)
    await _change_contact(tx, row)
    for opportunity in await tx.conn.fetch(_OPPORTUNITIES, task_id, CHANNEL):
        tx.emit(
            OpportunityAssigned(
                customer_id=opportunity["customer_id"],
                opportunity_id=opportunity["id"],
                task_id=task_id,
                channel=CHANNEL,
                employee_id=employee_id,
            )
        )
    detail = {"from": row["employee_id"], "to": employee_id}
    await tx.audit("task.reassigned", "task", task_id, detail=detail)
    return await tasks.told(tx.conn, task_id)


async def _change_contact(tx: Transaction, row: Any) -> None:
    """What was held was held for the old channel: the claim asks the policy about the new one."""
    await contacts.release(tx.conn, [row["contact_id"]])
    await tx.conn.execute(
        "UPDATE contact SET channel = $2 WHERE id = $1 AND state <> 'confirmed'", row["contact_id"], CHANNEL
    )
