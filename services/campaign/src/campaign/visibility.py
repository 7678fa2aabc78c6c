"""Who sees which rows, as SQL (X23): list queries name the branches themselves, row security is the net below."""

from attune_service_kit.auth import Caller
from attune_service_kit.database import Scope

# Held-out and treated must look alike to whoever serves customers: only these roles may tell them apart (X11).
ARM_ROLES = frozenset({"marketer", "auditor", "operator"})


def visible(alias: str, first: int) -> str:
    """A condition on `alias`.branch_id and .customer_id over three parameters, see `parameters`."""
    kind, branch, customer = (f"${first + i}" for i in range(3))
    return (
        f"({kind}::text = 'all'"
        f" OR ({kind} = 'branch' AND EXISTS (SELECT FROM branch_scope s"
        f" WHERE s.ancestor = {branch}::text AND s.branch = {alias}.branch_id))"
        f" OR ({kind} = 'customer' AND {alias}.customer_id = {customer}::uuid))"
    )


def visible_here(alias: str, first: int) -> str:
    """`visible`, or a customer of another branch whom the caller has before them now (X23, wall time)."""
    visit = f"v.customer_id = {alias}.customer_id AND v.subject = current_setting('app.subject', true)"
    return f"({visible(alias, first)} OR EXISTS (SELECT FROM visit v WHERE {visit} AND v.until > now()))"


def parameters(scope: Scope) -> tuple[object, ...]:
    """The three parameters of `visible`."""
    return scope.kind, scope.branch, scope.customer


def sees_arms(caller: Caller) -> bool:
    """Whether the caller may know who is held out."""
    return bool(caller.roles & ARM_ROLES)
