"""Every test says itself what must hold: an assertion, or the error that must come."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
ENDS = {"raises", "warns", "fail"}


def written(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def asserts(test: ast.AST) -> bool:
    calls = (node.func for node in ast.walk(test) if isinstance(node, ast.Call))
    return any(isinstance(node, ast.Assert) for node in ast.walk(test)) or any(
        isinstance(call, ast.Attribute) and call.attr in ENDS for call in calls
    )


def test_every_test_asserts() -> None:
    silent = [
        f"{file.relative_to(TESTS)}:{test.lineno} {test.name}"
        for file in sorted(TESTS.rglob("test_*.py"))
        for test in written(ast.parse(file.read_text()))
        if not asserts(test)
    ]
    assert silent == []


def test_one_that_asserts_nothing_is_found() -> None:
    (test,) = written(ast.parse("def test_x():\n    check()\n"))
    assert not asserts(test)
