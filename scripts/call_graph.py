"""Which functions of a service a function reaches, by the names that it mentions. A rough graph: for lints."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Module:
    """One module: its functions and classes, and what its names stand for."""

    name: str
    tree: ast.Module
    functions: dict[str, ast.AST] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)  # name here → its full name


def modules(folder: Path, package: str) -> dict[str, Module]:
    """Every module of a package but its migrations."""
    found = {}
    for path in sorted((folder / package).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if "migrations" not in parts:
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = _module(name, ast.parse(path.read_text(encoding="utf-8")))
    return found


def _module(name: str, tree: ast.Module) -> Module:
    module = Module(name, tree)
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(source), names=names, level=0):
                module.imported |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in names}
            case ast.Import(names=names):
                module.imported |= {alias.asname or alias.name: alias.name for alias in names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            module.functions[node.name] = node
        elif isinstance(node, ast.Assign) and _is_change(node.value):  # what two persons make: it names its functions
            module.functions |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
    return module


def _is_change(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Change"


def reached(start: str, graph: Mapping[str, Module]) -> set[str]:
    """The full names of everything that `module.function` mentions, directly or through what it mentions."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module, function = _found(name, graph)
        if module is not None and function is not None:
            waiting += _mentions(function, module, graph)
    return seen


def _found(name: str, graph: Mapping[str, Module]) -> tuple[Module | None, ast.AST | None]:
    owner, _, last = name.rpartition(".")
    module = graph.get(owner)
    return (module, module.functions.get(last)) if module else (None, None)


def _mentions(function: ast.AST, module: Module, graph: Mapping[str, Module]) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if module.imported.get(owner) in graph:
                yield f"{module.imported[owner]}.{attribute}"
            case ast.Name(id=name) if name in module.imported:
                yield module.imported[name]
            case ast.Name(id=name):
                yield f"{module.name}.{name}"
