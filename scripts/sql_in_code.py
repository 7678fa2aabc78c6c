"""The SQL that a service's modules hold: every string of the syntax tree that is a statement, with its name."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STATEMENT = re.compile(r"^\s*(WITH|SELECT|INSERT|UPDATE|DELETE|COPY|MERGE|FROM|TRUNCATE)\b")
_BLANK = "{}"


@dataclass(frozen=True)
class Statement:
    """One string that starts as SQL does. `scoped`: a visibility condition, or a name made of one, stands in it."""

    module: str
    name: str  # the constant, or the function that holds it
    line: int
    text: str
    scoped: bool

    @property
    def where(self) -> str:
        """`campaign.listing._PAGE`."""
        return f"{self.module}.{self.name}"

    def reads(self, table: str) -> bool:
        """Whether rows of a table are selected, joined or changed."""
        return re.search(rf"\b(FROM|JOIN|UPDATE|USING)\s+(ONLY\s+)?{table}\b", self.text) is not None

    def inserts(self, table: str) -> bool:
        """Whether rows are put into a table."""
        return re.search(rf"\b(INSERT\s+INTO|COPY|MERGE\s+INTO)\s+{table}\b", self.text, re.IGNORECASE) is not None


def statements(path: Path, module: str, conditions: frozenset[str]) -> Iterator[Statement]:
    """The SQL of one file; `conditions` are the names of whatever makes a visibility condition."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    scoped = _scoped_names(tree, conditions)
    for name, node in _strings(tree):
        text = _text(node)
        if _STATEMENT.match(text):
            yield Statement(module, name, node.lineno, text, bool(_mentioned(node) & (scoped | conditions)))


def _scoped_names(tree: ast.Module, conditions: frozenset[str]) -> set[str]:
    """Names to which something with a visibility condition is assigned, directly or by way of another such name."""
    found: set[str] = set()
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    while True:
        more = {
            target.id
            for node in assigned
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and node.value and _mentioned(node.value) & (found | conditions)
        } - found
        if not more:
            return found
        found |= more


def _mentioned(node: ast.AST) -> set[str]:
    """Every name and attribute in an expression."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def _strings(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The outermost strings, each with the constant or the function that holds it; docstrings are none."""

    def visit(node: ast.AST, name: str) -> Iterator[tuple[str, ast.expr]]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for child in node.body:
                    yield from visit(child, node.name)
            case ast.Assign(targets=[ast.Name(id=target), *_]) if name == "":
                yield from visit(node.value, target)
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr()) if name == "":
                yield from visit(node.value, target)
            case ast.Expr(value=ast.Constant(value=str())):
                return
            case ast.JoinedStr() | ast.Constant(value=str()):
                yield name or "<module>", node
            case ast.BinOp(op=ast.Add()) if _text(node).strip():
                yield name or "<module>", node
            case _:
                for child in ast.iter_child_nodes(node):
                    yield from visit(child, name)

    for statement in tree.body:
        yield from visit(statement, "")


def _text(node: ast.expr) -> str:
    """The literal text, with {} for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
    return _BLANK
