"""No change of triggers, models, campaigns, policies or parameters by one person: each operation, or why not.

Somebody once could train a model with `promote` and so let it answer without anybody else: what lets something happen
is under maker-checker, whatever its path.
"""

from functools import cache
from importlib import import_module

from fastapi.routing import RouteContext

from attune_contracts.access import ROLE_SCOPES
from attune_contracts.catalog import SERVICES
from attune_service_kit.openapi import needs_two, operations, required_scope
from attune_service_kit.service import create_app, documentation_settings

# What the bank decides, as scopes and as paths name it.
DECIDED = {"triggers", "models", "campaigns", "policies", "parameters", "offers", "scripts"}
ALONE = {
    "trainings-start": "a version that is trained answers nobody; a training that would promote it proposes it",
    "scorings-start": "scores anew with the versions that answer already",
    "model-files-put": "bytes that nobody has looked at",
    "models-upload": "what is uploaded is looked at, and answers nobody until somebody lets it",
    "models-shadow": "scores that no decision sees",
    "models-retire": "takes a version away and puts none in its place: a bad model is stopped at once",
    "models-rollback": "back to what two persons have let answer before: a bad model is stopped at once",
    "models-compare": "computes a result of what has happened",
    "models-contributions": "explains what is answered; nobody is answered otherwise",
    "models-watch-start": "looks at what has happened; nobody is answered otherwise",
    "trainings-validate": "keeps nothing",
    "triggers-validate": "keeps nothing",
    "triggers-create": "a draft, which judges nothing until two persons let it",
    "triggers-add-version": "a draft, which judges nothing until two persons let it",
    "triggers-discard": "a draft, which judges nothing and never will",
    "campaigns-measure": "computes a result of what has happened",
}


@cache
def writes() -> tuple[tuple[str, RouteContext, str], ...]:
    """Every operation that writes: its service, route and scope."""
    services = {name: import_module(f"{name}.app").SERVICE for name in SERVICES}
    return tuple(
        (name, route, str(required_scope(route.dependant)))
        for name, service in services.items()
        for route in operations(create_app(service, documentation_settings(service)))
        if (route.methods or set()) - {"GET", "HEAD"}
    )


def decides(route: RouteContext, scope: str) -> bool:
    """Whether the operation changes what the bank decides."""
    noun, _, verb = scope.partition(":")
    return (noun in DECIDED and verb != "approve") or str(route.path).split("/")[2] in DECIDED


def test_every_change_of_what_the_bank_decides_needs_two_persons_or_says_why_not() -> None:
    found = {str(r.operation_id): needs_two(r.dependant) is not None for _, r, s in writes() if decides(r, s)}
    assert {name for name, two in found.items() if not two} == ALONE.keys()
    assert sum(found.values()) == 13


def test_each_service_with_such_changes_has_a_scope_of_its_own_to_approve_them() -> None:
    for name in {name for name, route, _ in writes() if needs_two(route.dependant)}:
        approvals = import_module(f"{name}.app").SERVICE.approvals
        by_path = {str(route.path).rpartition(":")[2]: scope for n, route, scope in writes() if n == name}
        assert (by_path["approve"], by_path["reject"]) == (approvals.scope, approvals.scope), name


def test_no_role_approves_what_it_may_propose() -> None:
    approving = {scope for _, route, scope in writes() if str(route.path).endswith(":approve")}
    proposing = {scope for _, route, scope in writes() if needs_two(route.dependant)} | {"proposals:write"}
    assert approving >= {"campaigns:approve", "models:approve", "parameters:approve", "triggers:approve"}
    assert [role for role, scopes in ROLE_SCOPES.items() if scopes & approving and scopes & proposing] == []
    assert [role for role, scopes in ROLE_SCOPES.items() if scopes & approving] == ["approver"]
