"""Lists: customers by the bank's id, a manager's book of business, branches."""

from typing import Any
from uuid import UUID

from attune_service_kit.database import Scope
from attune_service_kit.errors import NotFound
from attune_service_kit.runtime import Runtime
from customer_360 import visibility
from customer_360.masking import Sight
from customer_360.summaries import NOT_MERGED, SUMMARY, Summaries, opened

_BY_SOURCE_ID = f"""
SELECT {SUMMARY} FROM {visibility.ANSWERING} LEFT JOIN party_identity i USING (customer_id)
WHERE p.customer_id IN (
        SELECT coalesce(a.customer_id, r.customer_id)
        FROM party r LEFT JOIN party_alias a ON a.alias_id = r.customer_id
        WHERE r.source_id = $1 AND ($2::text IS NULL OR r.source = $2))
  AND ({visibility.of_records(3)} OR {visibility.AT_HAND})
ORDER BY p.source, p.customer_id LIMIT 200
"""  # noqa: S608 - the condition is this package's own text
_EMPLOYEE = f"""
SELECT true FROM employee e WHERE e.employee_id = $1 AND {visibility.of_branches("e", 2)}
"""  # noqa: S608 - the condition is this package's own text
_BOOK = f"""
SELECT {SUMMARY} FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.manager_id = $1 AND {NOT_MERGED} AND {visibility.of_customers("p", 2)}
  AND ($5::uuid IS NULL OR p.customer_id > $5)
ORDER BY p.customer_id LIMIT $6
"""  # noqa: S608 - the condition is this package's own text
_BRANCHES = f"""
SELECT b.branch_id, b.parent_id, b.name FROM branch b
WHERE {visibility.of_branches("b", 1)} AND ($4::text IS NULL OR b.parent_id = $4)
  AND ($5::text IS NULL OR b.branch_id > $5)
ORDER BY b.branch_id LIMIT $6
"""  # noqa: S608 - the condition is this package's own text

Rows = list[dict[str, Any]]


async def by_source_id(runtime: Runtime, scope: Scope, sight: Sight, source_id: str, source: str | None) -> Summaries:
    """Customers in scope with this bank id, of one source system or of all."""
    seen = visibility.arguments(scope)
    return opened(runtime, sight, await runtime.database.reads(scope).fetch(_BY_SOURCE_ID, source_id, source, *seen))


async def book_of(
    runtime: Runtime, scope: Scope, sight: Sight, employee_id: str, after: UUID | None, limit: int
) -> Summaries:
    """Up to `limit` customers of a manager, in the order of their ids; NotFound if the scope knows no such employee."""
    seen = visibility.arguments(scope)
    if not await runtime.database.reads(scope).fetchval(_EMPLOYEE, employee_id, *seen):
        raise NotFound("no such employee", "员工不存在")
    return opened(runtime, sight, await runtime.database.reads(scope).fetch(_BOOK, employee_id, *seen, after, limit))


async def branches(runtime: Runtime, scope: Scope, parent: str | None, after: str | None, limit: int) -> Rows:
    """Up to `limit` branches in scope, all or those directly below one, in the order of their ids."""
    records = await runtime.database.reads(scope).fetch(_BRANCHES, *visibility.arguments(scope), parent, after, limit)
    return [dict(record) for record in records]
