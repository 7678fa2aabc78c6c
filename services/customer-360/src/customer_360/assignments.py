"""Every customer has a manager (M-83): who has none, and giving many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from attune_service_kit.auth import Caller
from attune_service_kit.database import Scope, Transaction
from attune_service_kit.errors import Invalid, NotFound
from attune_service_kit.runtime import Runtime
from customer_360 import profiles, timeline, visibility
from customer_360.masking import Sight
from customer_360.summaries import NOT_MERGED, SUMMARY, Summaries, opened

MOST = 500

# Without a manager, or with one whom the staff list does not know any more.
_UNASSIGNED = "(p.manager_id IS NULL OR NOT employee_known(p.manager_id))"
_BELOW = "ARRAY(SELECT s.branch FROM branch_scope s WHERE s.ancestor = $1)"
_PAGE = f"""
SELECT {SUMMARY} FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.branch_id = ANY ({_BELOW}) AND {NOT_MERGED} AND {_UNASSIGNED} AND {visibility.of_customers("p", 2)}
  AND ($5::uuid IS NULL OR p.customer_id > $5)
ORDER BY p.customer_id LIMIT $6
"""  # noqa: S608 - conditions of this package
_BRANCH = f"SELECT true FROM branch b WHERE b.branch_id = $1 AND {visibility.of_branches('b', 2)}"  # noqa: S608
_REPORT = f"""
SELECT b.branch_id, b.name, count(p.customer_id) AS customers,
       count(p.customer_id) FILTER (WHERE p.manager_id IS NULL) AS without_manager,
       count(p.customer_id) FILTER (WHERE p.manager_id IS NOT NULL AND NOT employee_known(p.manager_id)) AS manager_left
FROM branch b LEFT JOIN party p ON p.branch_id = b.branch_id AND {NOT_MERGED}
WHERE {visibility.of_branches("b", 1)} AND ($4::text IS NULL OR b.branch_id > $4)
  AND b.branch_id = ANY (ARRAY(
      SELECT n.branch_id FROM branch n WHERE {visibility.of_branches("n", 1)} AND ($4::text IS NULL OR n.branch_id > $4)
        AND ($5::text IS NULL OR EXISTS (SELECT FROM branch_scope s WHERE s.ancestor = $5 AND s.branch = n.branch_id))
      ORDER BY n.branch_id LIMIT $6))
GROUP BY b.branch_id, b.name ORDER BY b.branch_id
"""  # noqa: S608 - conditions of this package
_EMPLOYEES = f"""
SELECT e.employee_id FROM employee e WHERE e.employee_id = ANY ($1::text[]) AND {visibility.of_branches("e", 2)}
"""  # noqa: S608 - conditions of this package
_LOCK = f"""
SELECT p.customer_id, p.manager_id FROM party p
WHERE p.customer_id = ANY ($5::uuid[]) AND p.branch_id = ANY ({_BELOW}) AND {NOT_MERGED}
  AND {visibility.of_customers("p", 2)}
ORDER BY p.customer_id FOR UPDATE OF p
"""  # noqa: S608 - conditions of this package
_MOVE = """
UPDATE party p SET manager_id = a.manager_id, version = p.version + 1, updated_at = $3
FROM unnest($1::uuid[], $2::text[]) AS a (customer_id, manager_id)
WHERE p.customer_id = ANY ($1::uuid[]) AND p.customer_id = a.customer_id RETURNING p.customer_id, p.version"""


class UnknownBranch(NotFound):
    """No such branch, or none of the caller's."""

    code = "unknown_branch"


class UnknownCustomers(Invalid):
    """Some customers are not there, or do not belong to the branch; `at` tells their places in the request."""

    code = "unknown_customers"


class UnknownEmployees(Invalid):
    """Some managers are not among the staff whom the caller sees; `at` tells their places in the request."""

    code = "unknown_employees"


class AssignedTwice(Invalid):
    """One customer is given to two managers."""

    code = "assigned_twice"


@dataclass(frozen=True)
class Assignment:
    """A customer and their manager to be."""

    customer_id: UUID
    manager_id: str


async def unassigned(
    runtime: Runtime, scope: Scope, sight: Sight, branch_id: str, after: UUID | None, limit: int
) -> Summaries:
    """Customers of a branch and those below it who have no manager, by id; UnknownBranch."""
    reads, seen = runtime.database.reads(scope), visibility.arguments(scope)
    if not await reads.fetchval(_BRANCH, branch_id, *seen):
        raise UnknownBranch("no such branch", "机构不存在")
    return opened(runtime, sight, await reads.fetch(_PAGE, branch_id, *seen, after, limit))


async def report(
    runtime: Runtime, scope: Scope, branch: str | None, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """For each branch that the caller sees, by id: how many customers, and how many have nobody.

    `branch` leaves those that are neither it nor below it.
    """
    rows = await runtime.database.reads(scope).fetch(_REPORT, *visibility.arguments(scope), after, branch, limit)
    return [dict(row) for row in rows]


async def assign(tx: Transaction, caller: Caller, branch_id: str, wanted: Sequence[Assignment]) -> int:
    """Give customers of a branch to managers, all or none; return how many have moved.

    Refuses with UnknownBranch, AssignedTwice, UnknownCustomers or UnknownEmployees.
    """
    seen = visibility.arguments(caller.scope)
    if not await tx.conn.fetchval(_BRANCH, branch_id, *seen):
        raise UnknownBranch("no such branch", "机构不存在")
    if len({a.customer_id for a in wanted}) != len(wanted):
        raise AssignedTwice("one customer is given to two managers", "同一客户被分配给多名经理")
    staff = {row[0] for row in await tx.conn.fetch(_EMPLOYEES, sorted({a.manager_id for a in wanted}), *seen)}
    if strangers := [n for n, a in enumerate(wanted) if a.manager_id not in staff]:
        raise UnknownEmployees("some managers are not among your staff", "部分客户经理不存在", at=strangers)
    rows = await tx.conn.fetch(_LOCK, branch_id, *seen, [a.customer_id for a in wanted])
    managers = {row["customer_id"]: row["manager_id"] for row in rows}
    if strangers := [n for n, a in enumerate(wanted) if a.customer_id not in managers]:
        raise UnknownCustomers("some customers do not belong to the branch", "部分客户不属于该机构", at=strangers)
    moving = [a for a in wanted if managers[a.customer_id] != a.manager_id]
    await _move(tx, moving)
    detail = {"branch": branch_id, "customers": len(moving)}
    await tx.audit("customers.assigned", "branch", branch_id, detail=detail)
    return len(moving)


async def _move(tx: Transaction, moving: Sequence[Assignment]) -> None:
    ids = [a.customer_id for a in moving]
    rows = await tx.conn.fetch(_MOVE, ids, [a.manager_id for a in moving], tx.now)
    fields = {"fields": ["manager_id"]}
    await timeline.add(
        tx,
        [timeline.Entry(row["customer_id"], "profile", str(row["version"]), tx.now, "changed", fields) for row in rows],
    )
    for state in await profiles.states(tx, ids):
        tx.emit(state)
    for row in rows:
        await tx.audit("profile.changed", "party", row["customer_id"], version=row["version"], detail=fields)
