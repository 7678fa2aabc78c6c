"""Opportunities as lists and counts. Whoever serves customers sees the treated only: the arm never shows (X11)."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from attune_service_kit.auth import Caller
from attune_service_kit.errors import NotFound
from attune_service_kit.paging import by_time
from attune_service_kit.reads import Queryable
from campaign.visibility import parameters, sees_arms, visible


@dataclass(frozen=True)
class OpportunityFilter:
    """Which opportunities; None asks nothing."""

    state: str | None = None
    trigger: str | None = None
    customer_id: UUID | None = None
    branch: str | None = None
    first: date | None = None
    last: date | None = None
    standing: bool | None = None
    assigned: bool | None = None


# Whose it is while it waits: the employee's whose task it lies in, or in whose hand that task is.
_ASSIGNEE = """(
    SELECT CASE WHEN k.state = 'claimed' THEN k.claimed_by ELSE k.employee_id END
    FROM task k WHERE k.id = t.task_id AND k.state IN ('open', 'claimed') AND t.state IN ('open', 'escalated'))"""
_WHERE = f"""
FROM opportunity t
WHERE {visible("t", 1)} AND ($4::boolean OR t.arm = 'treated')
  AND ($5::text IS NULL OR t.state = $5) AND ($6::text IS NULL OR t.trigger = $6)
  AND ($7::uuid IS NULL OR t.customer_id = $7)
  AND ($8::text IS NULL
       OR EXISTS (SELECT FROM branch_scope b WHERE b.ancestor = $8 AND b.branch = t.branch_id))
  AND ($9::date IS NULL OR t.business_date >= $9) AND ($10::date IS NULL OR t.business_date <= $10)
  AND ($11::boolean IS NULL OR (t.withdrawn_at IS NULL) = $11)
  AND ($12::boolean IS NULL OR ({_ASSIGNEE} IS NOT NULL) = $12)"""

# Ids are time-ordered.
_LISTS = by_time(f"""
SELECT t.*, {_ASSIGNEE} AS assignee {_WHERE}
  AND ($13::uuid IS NULL OR t.id {{beyond}} $13)
ORDER BY t.id {{order}} LIMIT $14""")


async def opportunities(
    conn: Queryable, caller: Caller, wanted: OpportunityFilter, sort: str, after: UUID | None, limit: int
) -> list[Any]:
    """One page in the order of their opening, or the other way round."""
    return list(await conn.fetch(_LISTS[sort], *_arguments(caller, wanted), after, limit))


async def counts(conn: Queryable, caller: Caller, wanted: OpportunityFilter) -> dict[str, int]:
    """How many, by state."""
    query = f"SELECT t.state, count(*) {_WHERE} GROUP BY t.state ORDER BY t.state"
    return {row[0]: row[1] for row in await conn.fetch(query, *_arguments(caller, wanted))}


async def opportunity(conn: Queryable, caller: Caller, opportunity_id: UUID) -> Any:
    """One opportunity; NotFound outside the scope."""
    query = f"SELECT t.*, {_ASSIGNEE} AS assignee {_WHERE} AND t.id = $13"
    row = await conn.fetchrow(query, *_arguments(caller, OpportunityFilter()), opportunity_id)
    if row is None:
        raise NotFound("there is no such opportunity", "商机不存在")
    return row


def _arguments(caller: Caller, wanted: OpportunityFilter) -> tuple[object, ...]:
    scope = parameters(caller.scope)
    asked = (
        wanted.state,
        wanted.trigger,
        wanted.customer_id,
        wanted.branch,
        wanted.first,
        wanted.last,
        wanted.standing,
        wanted.assigned,
    )
    return *scope, sees_arms(caller), *asked
