"""Whose rows a caller may see (X23). The branches are named, so that an index serves."""

from uuid import UUID

from attune_service_kit.database import Scope

BRANCHES = "ARRAY(SELECT branch FROM branch_scope WHERE ancestor = $2::text)"


def visible(alias: str) -> str:
    """The condition on rows with `branch_id` and `customer_id`; its arguments are $1 to $3, see `arguments`."""
    return (
        f"($1 = 'all' OR ($1 = 'branch' AND {alias}.branch_id = any({BRANCHES}))"
        f" OR ($1 = 'customer' AND {alias}.customer_id = $3::uuid))"
    )


def arguments(scope: Scope) -> tuple[str, str | None, UUID | None]:
    """The values for the condition's three places."""
    return scope.kind, scope.branch, scope.customer
