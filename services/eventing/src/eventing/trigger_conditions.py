"""What a condition needs at least of a fact, read from its tree: a smallest amount, one of some codes (X36). Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from attune_expressions.condition import Condition
from attune_expressions.tree import Between, Compare, Const, FieldRef, InList, Logic, Node

AMOUNT = "amount_minor"


class Needs(NamedTuple):
    """Without an amount of at least `floor` and one of the codes in `column` it is not TRUE; no column: any code."""

    floor: int = 0
    column: str = ""
    codes: tuple[str, ...] = ()


def needs(condition: Condition | None) -> Needs:
    """What the conjuncts at the top ask for; the first code that is asked for counts."""
    floor, column = 0, ""
    codes: tuple[str, ...] = ()
    for node in _conjuncts(condition.root) if condition is not None else ():
        floor = max(floor, _floor(node))
        found = _codes(node)
        if found is not None and not column:
            column, codes = found
    return Needs(floor, column, codes)


def asks_new_money(condition: Condition | None) -> bool:
    """Whether the condition is TRUE of new money only, by a conjunct at the top."""
    nodes = _conjuncts(condition.root) if condition is not None else ()
    return any(isinstance(node, FieldRef) and node.column == "new_money" for node in nodes)


def same_but_for_amount(condition: Condition, other: Condition) -> int | None:
    """The smallest amount that `condition` asks for beside what `other` says; None if it says anything else."""
    known = set(_conjuncts(other.root))
    more = [node for node in _conjuncts(condition.root) if node not in known]
    floors = [_floor(node) for node in more]
    alike = known <= set(_conjuncts(condition.root)) and all(_is_floor(node) for node in more)
    return max(floors, default=0) if alike else None


def _is_floor(node: Node) -> bool:
    return isinstance(node, Compare) and node.op in (">=", ">", "<=", "<") and _floor(node) > 0


def _conjuncts(node: Node) -> Iterable[Node]:
    if isinstance(node, Logic) and node.op == "and":
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node


def _floor(node: Node) -> int:
    """The smallest amount for which a conjunct can be TRUE; 0 if it says nothing of it."""
    match node:
        case Compare(">=" | ">", FieldRef(column="amount_minor", shape=shape), Const() as least):
            return least.stored + (node.op == ">") if shape.scale == 0 and least.value is not None else 0
        case Compare("<=" | "<", Const() as least, FieldRef(column="amount_minor", shape=shape)):
            return least.stored + (node.op == "<") if shape.scale == 0 and least.value is not None else 0
        case Compare("=", FieldRef(column="amount_minor", shape=shape), Const() as exact):
            return exact.stored if shape.scale == 0 else 0
        case Between(FieldRef(column="amount_minor", shape=shape), Const() as low, _):
            return low.stored if shape.scale == 0 else 0
        case _:
            return 0


def _codes(node: Node) -> tuple[str, tuple[str, ...]] | None:
    match node:
        case Compare("=", FieldRef() as field, Const(value=str() as code)):
            return field.column, (code,)
        case InList(FieldRef() as field, values) if all(isinstance(value.value, str) for value in values):
            return field.column, tuple(str(value.value) for value in values)
        case _:
            return None
