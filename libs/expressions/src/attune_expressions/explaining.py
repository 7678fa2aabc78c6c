"""Why a row matches or not: the condition as a sentence, what of it held with which values, what would flip it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from attune_expressions.condition import Condition
from attune_expressions.flips import Change, nearest_change
from attune_expressions.one_row import Row, compiled_value, value_of
from attune_expressions.phrases import Language, Phrases
from attune_expressions.tree import FieldRef, HasTag, Logic, Node, Not, leaves


@dataclass(frozen=True)
class Part:
    """One statement of the condition; `held` is None where what it asks is not known."""

    text: str
    held: bool | None
    values: dict[str, str]
    """By label, as they are read."""


@dataclass(frozen=True)
class Explanation:
    """The sentence; of a row also whether it matched, each part, and the nearest change that would flip that."""

    sentence: str
    matched: bool | None = None
    parts: tuple[Part, ...] = ()
    change: str | None = None
    """None without a row, and where nothing that one could name would flip it."""


def explain(condition: Condition, language: Language, row: Row | None = None) -> Explanation:
    """The condition in words; with a row, what it was of the row and why."""
    fields = {field.name: field for field in condition.fields}
    phrases = Phrases(fields, condition.digits, language)
    sentence = phrases.said(condition.root)
    if row is None:
        return Explanation(sentence)
    parts = tuple(_part(phrases, node, denied, row) for node, denied in _statements(condition.root, False))
    changes = nearest_change(condition, row)
    joint = "，且" if language == "zh" else " and "
    told = joint.join(_told(phrases, language, change, row) for change in changes) if changes else None
    return Explanation(sentence, compiled_value(condition)(row) is True, parts, told)


def _statements(node: Node, denied: bool) -> Iterator[tuple[Node, bool]]:
    """The statements that AND, OR and NOT are made of, each with whether it is denied."""
    match node:
        case Logic():
            for part in node.parts:
                yield from _statements(part, denied)
        case Not():
            yield from _statements(node.of, not denied)
        case _:
            yield node, denied


def _part(phrases: Phrases, node: Node, denied: bool, row: Row) -> Part:
    held = value_of(node)(row)
    read = {leaf.name: leaf for leaf in leaves(node) if isinstance(leaf, FieldRef)}
    values = {phrases.label(name): phrases.value(row[leaf.column], leaf.shape) for name, leaf in read.items()}
    return Part(phrases.said(node, denied=denied), held if held is None else held is not denied, values)


def _told(phrases: Phrases, language: Language, change: Change, row: Row) -> str:
    field = change.field
    label = phrases.label(field.name)
    if isinstance(change.of, HasTag):
        return phrases.said(change.of, denied=not change.value)
    now = phrases.value(row[field.column], field.shape)
    wanted = _other(language) if change.anything else phrases.value(change.value, field.shape)
    return f"{label}为 {wanted}（现为 {now}）" if language == "zh" else f"{label} were {wanted} (now {now})"


def _other(language: Language) -> Any:
    return "其他值" if language == "zh" else "something else"
