"""Reading a trigger file: YAML in, a checked definition out, or every fault with its line and column. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as Folder
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from attune_expressions.catalogue import Catalogue, standard
from attune_expressions.condition import Condition, parse
from attune_expressions.own_fields import OwnField, Unreadable, meaning, read_folder
from attune_expressions.refusals import Refused
from attune_service_kit.files import yaml_faults
from attune_service_kit.files.yaml_faults import Fault, Node, Path, Place
from attune_service_kit.files.yaml_lines import read_yaml
from attune_service_kit.settings import ServiceSettings
from eventing import fact_fields
from eventing.definition import SHAPES, Definition, Opportunity, Source, Texts
from eventing.settings import EventingSettings

LONGEST = 64 * 1024
MOST_FAULTS = 20

# Where conditions stand in a file.
CONDITIONS: tuple[Path, ...] = (
    ("where",), ("sequence", "first"), ("sequence", "then"), ("absence", "after"), ("absence", "without"),
    ("change", "share_of"), ("behaviour", "unless"),
)  # fmt: skip
_PARTS: dict[str, type[BaseModel]] = {
    **SHAPES,
    "fields": OwnField,
    "title": Texts,
    "meaning": Texts,
    "opportunity": Opportunity,
}


class TriggerFileRefused(Exception):
    """The file is no trigger; nothing of it is kept."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"line {fault.line}, column {fault.column}: {fault.en}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class TriggerFile:
    """A file that was read: its definition, its content as it is stored, and its conditions by key."""

    definition: Definition
    content: dict[str, Any]
    conditions: dict[str, Condition]


@lru_cache(maxsize=8)
def own_fields(folder: Folder | None) -> fact_fields.Own:
    """A bank's own fields of facts, from its folder as it was when first read; OwnFieldsRefused."""
    return () if folder is None else read_folder(folder, fact_fields.all_catalogues(), read_yaml)


def check(settings: ServiceSettings) -> None:
    """Read the bank's own fields once, before anything starts; OwnFieldsRefused."""
    if isinstance(settings, EventingSettings):
        own_fields(settings.fields_folder)


def read(text: str, digits: int = 2, own: fact_fields.Own = ()) -> TriggerFile:
    """Read a trigger file (YAML, so JSON too) in a base currency of so many decimals; TriggerFileRefused.

    Of the bank's own fields those that it reads become part of it, so a version keeps its meaning whatever becomes of
    them. Those that the file has itself go before.
    """
    if len(text.encode()) > LONGEST:
        raise TriggerFileRefused([Fault(1, 1, "", "a trigger file has at most 64 KB", "触发器文件不得超过 64 KB")])
    try:
        content, _ = read_yaml(text)
    except (ValueError, RecursionError) as error:
        raise TriggerFileRefused([yaml_faults.no_yaml(error)]) from None
    if not isinstance(content, dict):
        raise TriggerFileRefused([Fault(1, 1, "", "a trigger file is a mapping of keys", "触发器文件应为键值映射")])
    places = yaml_faults.places(text)
    try:
        definition = Definition.model_validate(content)
    except ValidationError as error:
        faults = [_fault(dict(one), places) for one in error.errors(include_url=False, include_input=False)]
        raise TriggerFileRefused(sorted(faults, key=lambda f: (f.line, f.column))[:MOST_FAULTS]) from None
    _check_fields(definition, places, digits)
    stands = {field.name for field in definition.fields}
    more = tuple(field for field in own if field.name not in stands)
    known = definition.model_copy(update={"fields": definition.fields + more})
    conditions = _conditions(known, content, places, text.splitlines(), digits)
    named = {field.name for condition in conditions.values() for field in condition.fields}
    if read := [field for field in more if field.name in named]:
        fields = (*definition.fields, *read)
        content = content | {"fields": [field.model_dump(exclude_defaults=True) for field in fields]}
        definition = definition.model_copy(update={"fields": fields})
    return TriggerFile(definition, content, conditions)


# --- the definition's faults -----------------------------------------------------------------------------------------


def _fault(error: dict[str, Any], places: dict[Path, Node]) -> Fault:
    return yaml_faults.of_error(error, places, _keys(tuple(error["loc"])[:-1]))


def _keys(path: Path) -> Iterable[str]:
    model = Definition if not path else _PARTS.get(str(path[0]))
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _check_fields(definition: Definition, places: dict[Path, Node], digits: int) -> None:
    known = fact_fields.catalogue(definition.on, digits)
    faults: list[Fault] = []
    for index, field in enumerate(definition.fields):
        try:
            meaning(field, known)
        except Unreadable as unreadable:
            line, column = places["fields", index].key
            faults.append(Fault(line + 1, column + 1, f"fields.{index}", unreadable.en, unreadable.zh))
    if faults:
        raise TriggerFileRefused(faults)


# --- its conditions --------------------------------------------------------------------------------------------------


def _conditions(
    definition: Definition, content: dict[str, Any], places: dict[Path, Node], lines: list[str], digits: int
) -> dict[str, Condition]:
    found: dict[str, Condition] = {}
    faults: list[Fault] = []
    for path in CONDITIONS:
        text = _at(content, path)
        if text is None:
            continue
        key = ".".join(str(step) for step in path)
        try:
            found[key] = fact_fields.read(text, definition.on, digits, definition.fields)
        except Refused as refused:
            line, column = _inside(places[path], refused.at.line, refused.at.column, lines)
            told = _of_the_customer(text, definition, digits) or _of_other_facts(text, definition, digits)
            en, zh = told or (refused.en, refused.zh)
            faults.append(Fault(line, column, key, en, zh))
    if faults:
        raise TriggerFileRefused(faults)
    return found


def _at(content: dict[str, Any], path: Path) -> str | None:
    value: Any = content
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return cast("str | None", value)


def _inside(node: Node, line: int, column: int, lines: list[str]) -> Place:
    """Where in the file a place of a condition is; both from 1, of a text as well as of the file.

    Of a text that YAML has folded, the line that it begins on.
    """
    first, start = node.value
    if node.style in ("|", ">"):
        beneath = [text for text in lines[first + 1 :] if text.strip()]
        indent = len(beneath[0]) - len(beneath[0].lstrip()) if beneath else 0
        return (first + 1 + line, indent + column) if node.style == "|" else (first + 2, indent + 1)
    if line > 1 or (first + 1 < len(lines) and column > len(lines[first]) - start):
        return first + 1, start + 1
    return first + 1, start + column + (node.style is not None)


def _of_other_facts(text: str, definition: Definition, digits: int) -> tuple[str, str] | None:
    """The reason where a condition would be one of a trigger that listens to something else."""
    others: tuple[Source, ...] = ("behaviours", "postings", "dates")
    for source in others:
        names = _unknown(text, definition, digits, fact_fields.catalogue((source,), digits))
        if names is not None:
            return (
                f"{names} is known of {source} only, and this trigger is on {', '.join(definition.on)}",
                f"{names} 仅见于 {source}，而该触发器的 on 为 {'、'.join(definition.on)}",
            )
    return None


def _unknown(text: str, definition: Definition, digits: int, more: Catalogue) -> str | None:
    """The fields that are only in `more`, where the condition would be one with them; None where it would not."""
    known = fact_fields.catalogue(definition.on, digits, definition.fields)
    try:
        condition = parse(text, known.with_fields(f for name, f in more.fields.items() if name not in known.fields))
    except Refused:
        return None
    return ", ".join(field.name for field in condition.fields if field.name not in known.fields) or None


def _of_the_customer(text: str, definition: Definition, digits: int) -> tuple[str, str] | None:
    """The reason where a condition would be one if a trigger could read the customer's fields."""
    names = _unknown(text, definition, digits, standard(digits).of("customer"))
    if names is None:
        return None
    return (
        f"{names} is the customer's: a trigger reads what its facts say; whom an offer suits is for the offer to ask",
        f"{names} 属于客户字段：触发器只读取事件本身的字段，产品是否适合由产品条件判断",
    )
