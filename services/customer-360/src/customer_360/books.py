"""Lists: customers by the bank's id, a manager's book of business, branches."""

from typing import Any
from uuid import UUID

import asyncpg

from attune_service_kit.database import Scope
from attune_service_kit.errors import NotFound
from attune_service_kit.runtime import Runtime
from customer_360 import visibility

_SUMMARY = "p.customer_id, p.source, p.source_id, p.party_kind, i.name, p.branch_id, p.manager_id"

_BY_SOURCE_ID = f"""
SELECT {_SUMMARY} FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.source_id = $1 AND ($2::text IS NULL OR p.source = $2) AND {visibility.of_customers("p", 3)}
ORDER BY p.source LIMIT 200
"""  # noqa: S608 - the condition is this package's own text
_EMPLOYEE = f"""
SELECT true FROM employee e WHERE e.employee_id = $1 AND {visibility.of_branches("e", 2)}
"""  # noqa: S608 - the condition is this package's own text
_BOOK = f"""
SELECT {_SUMMARY} FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.manager_id = $1 AND {visibility.of_customers("p", 2)} AND ($5::uuid IS NULL OR p.customer_id > $5)
ORDER BY p.customer_id LIMIT $6
"""  # noqa: S608 - the condition is this package's own text
_BRANCHES = f"""
SELECT b.branch_id, b.parent_id, b.name FROM branch b
WHERE {visibility.of_branches("b", 1)} AND ($4::text IS NULL OR b.branch_id > $4) ORDER BY b.branch_id LIMIT $5
"""  # noqa: S608 - the condition is this package's own text

Rows = list[dict[str, Any]]


async def by_source_id(runtime: Runtime, scope: Scope, source_id: str, source: str | None) -> Rows:
    """Customers in scope with this bank id, of one source system or of all."""
    return _rows(await runtime.database.pool.fetch(_BY_SOURCE_ID, source_id, source, *visibility.arguments(scope)))


async def book_of(runtime: Runtime, scope: Scope, employee_id: str, after: UUID | None, limit: int) -> Rows:
    """Up to `limit` customers of a manager, in the order of their ids; NotFound if the scope knows no such employee."""
    seen = visibility.arguments(scope)
    if not await runtime.database.pool.fetchval(_EMPLOYEE, employee_id, *seen):
        raise NotFound("no such employee", "员工不存在")
    return _rows(await runtime.database.pool.fetch(_BOOK, employee_id, *seen, after, limit))


async def branches(runtime: Runtime, scope: Scope, after: str | None, limit: int) -> Rows:
    """Up to `limit` branches in scope, in the order of their ids."""
    return _rows(await runtime.database.pool.fetch(_BRANCHES, *visibility.arguments(scope), after, limit))


def _rows(records: list[asyncpg.Record]) -> Rows:
    return [dict(record) for record in records]
