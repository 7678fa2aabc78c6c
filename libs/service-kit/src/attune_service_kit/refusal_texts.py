"""The words with which the code refuses, found where it says them: what the documents show is what callers read."""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from attune_service_kit.errors import Refusal

KIT = __name__.partition(".")[0]


@dataclass(frozen=True)
class Words:
    """One refusal as it is raised somewhere."""

    module: str
    called: str
    en: str
    zh: str


def words(refusal: type[Refusal], endpoint: str) -> tuple[str, str] | None:
    """The English and Chinese text of a refusal, as said nearest to the endpoint's module; None if nobody says it.

    Its own `shown` comes first. Nearest: the endpoint's own module, its twin of the same name, the rest of the service,
    the kit.
    """
    if refusal.shown is not None:
        return refusal.shown
    service, stem = endpoint.partition(".")[0], endpoint.rpartition(".")[2]
    said = [w for package in dict.fromkeys((service, KIT)) for w in _said_in(package) if w.called == refusal.__name__]
    if not said:
        return None
    order = {w: (w.module != endpoint, w.module.rpartition(".")[2] != stem) for w in said}
    nearest = min(said, key=lambda w: order[w])
    return nearest.en, nearest.zh


@cache
def _said_in(package: str) -> tuple[Words, ...]:
    """Every refusal that the loaded modules of a package construct, in the order of their names."""
    modules = [module for name, module in sorted(sys.modules.items()) if name.partition(".")[0] == package]
    return tuple(found for module in modules for found in _said_by(module))


def _said_by(module: ModuleType) -> Iterator[Words]:
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError):  # a namespace package has no text
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):  # a refusal that brings its own words: super().__init__("…", "…")
            for call in (n for n in ast.walk(node) if isinstance(n, ast.Call) and _name(n.func) == "__init__"):
                if texts := _texts(call):
                    yield Words(module.__name__, node.name, *texts)
        elif isinstance(node, ast.Call) and (texts := _texts(node)):
            yield Words(module.__name__, _name(node.func), *texts)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(call: ast.Call) -> tuple[str, str] | None:
    """The first two arguments, if they are an English and a Chinese text."""
    if len(call.args) < 2:
        return None
    en, zh = _text(call.args[0]), _text(call.args[1])
    return (en, zh) if en and zh and en.isascii() and not zh.isascii() else None


def _text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(p.value) if isinstance(p, ast.Constant) else "..." for p in parts)
    return None
