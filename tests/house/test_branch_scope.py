"""No customer query without branch scope (X23): whoever asks over HTTP gets rows of their own scope only.

A teller of one branch once saw another's customer because a query was keyed by an id that the caller had brought. So of
every operation, all SQL that its code can reach is read from the syntax tree: what touches a table with customers in it
carries a visibility condition, or is keyed by ids that a scoped query of the same operation has found before.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import call_graph
from attune_contracts.access import ROLE_SCOPES, WHOLE_BANK_ROLES
from attune_contracts.catalog import SERVICES
from attune_service_kit.openapi import operations, required_scope
from attune_service_kit.service import create_app, documentation_settings
from sql_in_code import Statement, statements

ROOT = Path(__file__).parents[2]
KEYED = re.compile(r"\b\w*(id|ids|key)\s*(=|<>)\s*(any|ANY)?\s*\(?\s*\$\d|= ANY ?\(m\.ids\)")

# Statements over customers that are neither scoped nor keyed, and why each may be.
ARMS_ONLY = "whoever may tell the arms apart sees the whole bank; everybody else is refused"
ONE_READER = "one reader feeds every stream; `task_feed.concerns` decides what each is told, see test_task_feed"
FREE = {
    "campaign.assignments._PAGE": ARMS_ONLY,
    "campaign.task_feed._READ": ONE_READER,
    "campaign.task_feed._POSITION": ONE_READER,
}
# Operations that reach unscoped statements without a scoped one, and why each may.
TRUSTED = {
    "campaign.api.campaigns.list_assignments": ARMS_ONLY,
    "campaign.api.task_stream.stream": ONE_READER,
}


@cache
def conditions(service: str) -> frozenset[str]:
    """What makes a visibility condition: the names of the service's visibility.py that come down to the branch tree."""
    file = ROOT / "services" / service.replace("_", "-") / "src" / service / "visibility.py"
    if not file.exists():
        return frozenset()
    defined: dict[str, set[str]] = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        names = [node.name] if isinstance(node, ast.FunctionDef) else []
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        words = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        words |= {"branch_scope"} if "branch_scope" in ast.unparse(node) else set()
        defined |= {name: words - {name} for name in names}
    known = {"branch_scope"}
    while more := {name for name, words in defined.items() if words & known} - known:
        known |= more
    return frozenset(known - {"branch_scope"})


def holders(service: str) -> list[str]:
    """The service's tables that hold rows of single customers."""
    tables = importlib.import_module(f"{service}.app").SERVICE.metadata.tables.values()
    return [table.name for table in tables if "customer_id" in table.columns]


def written(service: str) -> dict[str, list[Statement]]:
    """The service's SQL by the full name of the constant or function that holds it."""
    folder = ROOT / "services" / service.replace("_", "-") / "src"
    found: dict[str, list[Statement]] = {}
    for module in call_graph.modules(folder, service):
        path = folder.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for statement in statements(file, module, conditions(service)):
            found.setdefault(statement.where, []).append(statement)
    return found


@dataclass(frozen=True)
class Operation:
    """One operation, and the SQL that its code can reach: over customers, and whether any of it asks for the scope."""

    name: str
    scope: str
    touching: tuple[Statement, ...]
    asks: bool

    @property
    def watched(self) -> bool:
        """Whether anybody may call it who does not see the whole bank."""
        return not {role for role, scopes in ROLE_SCOPES.items() if self.scope in scopes} <= WHOLE_BANK_ROLES


@cache
def reachable(service: str) -> tuple[Operation, ...]:
    """Every operation of the service's own."""
    return tuple(_reachable(service))


def _reachable(service: str) -> Iterator[Operation]:
    folder = ROOT / "services" / service.replace("_", "-") / "src"
    graph, sql, tables = call_graph.modules(folder, service), written(service), holders(service)
    declared = importlib.import_module(f"{service}.app").SERVICE
    for route in operations(create_app(declared, documentation_settings(declared))):
        module = route.endpoint.__module__
        if module in graph:
            names = call_graph.reached(f"{module}.{route.endpoint.__name__}", graph)
            reached = [statement for name in sorted(names) for statement in sql.get(name, ())]
            # `FROM {}`: a table that another module names.
            touching = [s for s in reached if s.reads(r"\{\}") or any(map(s.reads, tables))]
            yield Operation(
                f"{module}.{route.endpoint.__name__}",
                str(required_scope(route.dependant)),
                tuple(touching),
                any(s.scoped for s in reached),
            )


@pytest.mark.parametrize("service", SERVICES)
def test_what_an_operation_reaches_is_scoped_or_keyed(service: str) -> None:
    free = {
        statement.where: " ".join(statement.text.split())[:100]
        for operation in reachable(service)
        for statement in operation.touching
        if operation.watched and not statement.scoped and not KEYED.search(statement.text)
    }
    assert {where: text for where, text in free.items() if where not in FREE} == {}


@pytest.mark.parametrize("service", SERVICES)
def test_an_operation_on_customers_asks_for_the_scope(service: str) -> None:
    unasked = {
        operation.name: [statement.where for statement in operation.touching]
        for operation in reachable(service)
        if operation.touching and operation.watched and not operation.asks
    }
    assert {operation: where for operation, where in unasked.items() if operation not in TRUSTED} == {}


def test_the_conditions_are_found_where_they_are_made() -> None:
    assert {"of_customers", "of_answering", "of_branches"} <= conditions("customer_360")
    assert all(conditions(service) for service in ("campaign", "eventing"))
    assert "arguments" not in conditions("customer_360")


def test_the_lint_sees_the_operations_and_every_exception_is_still_one() -> None:
    everything = [operation for service in SERVICES for operation in reachable(service)]
    watched = [operation for operation in everything if operation.watched and operation.touching]
    assert len(watched) >= 15
    assert set(FREE) <= {statement.where for operation in everything for statement in operation.touching}
    assert set(TRUSTED) <= {operation.name for operation in everything}


@pytest.mark.parametrize(
    ("source", "scoped", "keyed"),
    [
        ('_Q = "SELECT * FROM party p WHERE p.name = $1"', False, False),
        ('_Q = "SELECT * FROM party WHERE customer_id = $1"', False, True),
        ('_Q = "SELECT * FROM party WHERE customer_id = ANY ($1::uuid[])"', False, True),
        ("_Q = f\"SELECT * FROM party p WHERE {of_customers('p', 1)}\"", True, False),
        ("_W = of_customers('p', 1)\n_Q = f'SELECT * FROM party p WHERE {_W}'", True, False),
        ("def page(tail):\n    return 'SELECT * FROM party' + tail", False, False),
    ],
)
def test_planted_queries_are_told_apart(tmp_path: Path, source: str, scoped: bool, keyed: bool) -> None:
    file = tmp_path / "planted.py"
    file.write_text(source)
    [statement] = statements(file, "planted", conditions("customer_360"))
    assert statement.reads("party")
    assert (statement.scoped, KEYED.search(statement.text) is not None) == (scoped, keyed)
