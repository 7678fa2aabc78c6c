"""A condition: its text read once, checked whole, and what it reads. Everything else works on what stands here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlglot import Dialect, exp
from sqlglot.errors import SqlglotError

from attune_contracts.features import Level
from attune_expressions.catalogue import Catalogue
from attune_expressions.fields import Field
from attune_expressions.literals import in_range
from attune_expressions.reading import Reader
from attune_expressions.refusals import Position, Refused, position
from attune_expressions.text_scan import check_text
from attune_expressions.token_scan import Names, check_tokens, too_deep
from attune_expressions.tree import Const, FieldRef, Node, Parameter, Value, children, leaves, rebuilt

DEEPEST_TREE = 80
_DUCKDB = Dialect.get_or_raise("duckdb")


class BadParameter(ValueError):
    """A value for a parameter that is missing, not declared, of another type or beyond its bounds."""


@dataclass(frozen=True)
class Condition:
    """What is TRUE, FALSE or NULL of a row; it matches where it is TRUE. `digits` are the currency's decimals."""

    text: str
    root: Node
    fields: tuple[Field, ...]
    """Those that it reads, in the order of their first appearance."""
    parameters: tuple[str, ...]
    """Those that have no value yet."""
    digits: int = 2

    @property
    def level(self) -> Level:
        """The highest data level (JR/T 0171) of what it reads."""
        return max((field.level for field in self.fields), default="C1")

    def bind(self, values: Mapping[str, Value]) -> "Condition":
        """The condition with values for all its parameters; BadParameter."""
        if missing := set(self.parameters) ^ set(values):
            raise BadParameter(f"{', '.join(sorted(missing))}: neither missing nor more than is declared")
        return Condition(self.text, _bound(self.root, values), self.fields, (), self.digits)


def parse(text: str, catalogue: Catalogue, parameters: Mapping[str, Field] | None = None) -> Condition:
    """Read a condition over the catalogue's fields and the declared parameters; Refused."""
    declared = dict(parameters or {})
    raw = _statement(text, catalogue, declared)
    reader = Reader(text, catalogue, declared)
    root = _bounded(text, reader.condition(raw))
    found = leaves(root)
    fields = dict.fromkeys(leaf.name for leaf in found if isinstance(leaf, FieldRef)) | dict.fromkeys(reader.own)
    named = dict.fromkeys(leaf.name for leaf in found if isinstance(leaf, Parameter))
    return Condition(text, root, tuple(catalogue.fields[name] for name in fields), tuple(named), catalogue.digits)


def parse_value(text: str, catalogue: Catalogue) -> Node:
    """Read a value over the catalogue's fields, of whatever type; Refused."""
    raw = _statement(text, catalogue, {})
    return _bounded(text, Reader(text, catalogue, {}).read(raw))


def _statement(text: str, catalogue: Catalogue, declared: Mapping[str, Field]) -> exp.Expression:
    check_text(text)
    tokens = check_tokens(text, Names(catalogue.fields, declared))
    try:
        statements = _DUCKDB.parser().parse(tokens, text)
    except SqlglotError as error:
        raise Refused("syntax", "the condition cannot be read here", "条件在此处无法解析", _place(error)) from None
    except RecursionError:
        raise too_deep(text, 0) from None
    if len(statements) != 1 or statements[0] is None:
        raise Refused("syntax", "one condition is wanted", "应为一个条件", position(text, 0))
    return statements[0]


def _bounded(text: str, root: Node) -> Node:
    if _depth(root) > DEEPEST_TREE:
        raise too_deep(text, 0)
    return root


def _place(error: SqlglotError) -> Position:
    """Where the parser stopped; it counts columns to a token's end."""
    details = getattr(error, "errors", None) or [{}]
    line, column = details[0].get("line"), details[0].get("col")
    shown = len(details[0].get("highlight") or "")
    return Position(line, max(column - shown + 1, 1)) if line and column else Position(1, 1)


def _depth(node: Node) -> int:
    """By levels, not by descending: it is what bounds those who descend."""
    level, depth = [node], 0
    while level and depth <= DEEPEST_TREE:
        level, depth = [child for above in level for child in children(above)], depth + 1
    return depth


def _bound(node: Node, values: Mapping[str, Value]) -> Node:
    if isinstance(node, Parameter):
        return _constant(node, values[node.name])
    below = children(node)
    return rebuilt(node, tuple(_bound(child, values) for child in below)) if below else node


def _constant(parameter: Parameter, value: Value) -> Const:
    wanted: dict[str, type] = {"bool": bool, "fixed": int, "float": float, "text": str, "date": date, "ts": datetime}
    base = parameter.shape.base
    if value is not None and (type(value) is not wanted[base] or not in_range(value, parameter.shape)):
        raise BadParameter(f"{parameter.name}: {base} within its bounds")
    return Const(parameter.shape, value)
