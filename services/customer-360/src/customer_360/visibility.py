"""Whose rows a caller may see (X23): the condition that every customer query carries, and its three arguments."""

from uuid import UUID

from attune_service_kit.database import Scope


def of_customers(party: str, first: int) -> str:
    """The condition on a `party` alias; its arguments are `$first` to `$first + 2`, see `arguments`."""
    own = f"${first} = 'customer' AND {party}.customer_id = ${first + 2}::uuid"
    return f"(${first} = 'all' OR {_in_branch(party, first)} OR {own})"


def of_branches(row: str, first: int) -> str:
    """The same for branches and employees: a customer's token sees none of them in lists."""
    return f"(${first} = 'all' OR {_in_branch(row, first)} AND ${first + 2}::uuid IS NULL)"


def _in_branch(row: str, first: int) -> str:
    scope = f"SELECT 1 FROM branch_scope s WHERE s.ancestor = ${first + 1}::text AND s.branch = {row}.branch_id"  # noqa: S608
    return f"${first} = 'branch' AND EXISTS ({scope})"


def arguments(scope: Scope) -> tuple[str, str | None, UUID | None]:
    """The values for the condition's three places."""
    return scope.kind, scope.branch, scope.customer
