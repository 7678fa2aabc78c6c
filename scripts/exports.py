"""The public names of a library, one a line: what others build on, pinned where review sees each change of it."""

import ast
from collections.abc import Iterator
from pathlib import Path


def exports(folder: Path, package: str) -> str:
    """`module: name(argument, …)` for every public function, class and constant that a package's modules define."""
    lines = [
        f"{'.'.join(_parts(path, folder))}: {name}"
        for path in sorted((folder / package).rglob("*.py"))
        if "generated" not in path.parts and path.stem not in ("__main__", "env")
        for name in _names(ast.parse(path.read_text(encoding="utf-8")))
    ]
    return "\n".join(lines) + "\n"


def _parts(path: Path, folder: Path) -> tuple[str, ...]:
    parts = path.relative_to(folder).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                yield f"{name}({', '.join(_arguments(node.args))})"
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield name
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
                        yield f"{name}.{inner.name}({', '.join(_arguments(inner.args)[1:])})"
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if not name.startswith("_"):
                    yield name


def _arguments(arguments: ast.arguments) -> list[str]:
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    names += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    return names + [f"{a.arg}=" for a in arguments.kwonlyargs] + (["**"] if arguments.kwarg else [])
