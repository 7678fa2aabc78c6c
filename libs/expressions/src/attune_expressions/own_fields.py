"""A bank's own fields: each says by `is` what it is, in the condition language over the fields that are there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic import Field as Said

from attune_contracts.features import Level
from attune_contracts.names import nearest
from attune_expressions.catalogue import Catalogue, name_fault
from attune_expressions.condition import parse_value
from attune_expressions.fields import NAME, Field
from attune_expressions.refusals import Refused
from attune_expressions.tree import FieldRef, Node, leaves
from attune_expressions.types import WORDS

Grain = Literal["posting", "event", "customer"]
Lines = Mapping[tuple[str | int, ...], int]
ReadYaml = Callable[[str], tuple[Any, Lines]]
"""Content and the line of every key; ValueError with a line where it is no YAML."""
Label = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Note = Annotated[str, StringConstraints(max_length=500)]


class OwnField(BaseModel):
    """A field that a bank adds, as a folder or a file says it.

    `posting` and `event` are read of facts by triggers, `customer` is read by offers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    name: Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
    type: Literal["bool", "int", "money", "float", "text", "date", "ts"]
    zh: Label
    en: Label
    is_: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Said(alias="is")
    grain: Grain = "posting"
    meaning: Note = ""
    unit: Note = ""
    owner: Label = "bank"
    freshness: Note = ""
    level: Level = "C2"
    purpose: Note = ""

    @property
    def field(self) -> Field:
        """The field that conditions name."""
        return Field(
            self.name, self.type, self.zh, self.en, self.meaning, self.unit, self.grain, self.owner, self.freshness,
            self.level, self.purpose,
        )  # fmt: skip


class Unreadable(ValueError):
    """Why a field of the bank's own cannot be: in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


class OwnFieldsRefused(ValueError):
    """Fields of a folder that cannot be: file, line and reason of each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def extended(catalogue: Catalogue, own: Iterable[OwnField]) -> Catalogue:
    """The catalogue and those of a bank's own fields that can be read over it."""
    meanings: dict[str, Node] = {}
    fields: list[Field] = []
    for one in own:
        try:
            meanings[one.name] = meaning(one, catalogue)
        except Unreadable:
            continue
        fields.append(one.field)
    return replace(catalogue.with_fields(fields), meanings=meanings)


def meaning(own: OwnField, catalogue: Catalogue) -> Node:
    """What a field stands for, over a catalogue without a bank's own; Unreadable."""
    if (fault := name_fault(own.name)) is not None:
        raise Unreadable(fault, "该名称是条件语言的保留字")
    if own.name in catalogue.fields:
        raise Unreadable(f"there is a field {own.name} already", f"字段 {own.name} 已存在")
    try:
        found = parse_value(own.is_, catalogue)
    except Refused as refused:
        raise Unreadable(f"is: {refused}", f"is：{refused.zh}") from None
    read = [catalogue.fields[leaf.name] for leaf in leaves(found) if isinstance(leaf, FieldRef)]
    if not read:
        raise Unreadable("is: it reads no field", "is 未读取任何字段")
    shape, wanted = found.shape, own.field.shape
    if (shape.base, shape.money) != (wanted.base, wanted.money):
        en, zh = ("an amount", "金额") if shape.money else WORDS[shape.base]
        raise Unreadable(f"is: it is {en}, not of type {own.type}", f"is 的结果为{zh}，与类型 {own.type} 不符")
    if (level := max(field.level for field in read)) > own.level:
        raise Unreadable(f"its level is {level} at least: so is what it reads", f"级别至少为 {level}，与所读字段一致")
    return found


def read_folder(folder: Path, over: Mapping[Grain, Sequence[Catalogue]], read_yaml: ReadYaml) -> tuple[OwnField, ...]:
    """The fields of every `*.yaml` of a folder, in the order of the files' names; OwnFieldsRefused with all faults.

    Each is readable over one at least of the catalogues that `over` has for its grain. Fields of a grain that it does
    not name are another service's: their form is looked at, and they are not returned.
    """
    if not folder.is_dir():
        raise OwnFieldsRefused([f"{folder}: there is no such folder"])
    faults: list[str] = []
    found: dict[str, tuple[OwnField, str]] = {}
    for path in sorted(folder.glob("*.yaml")):
        for place, one in _of_file(path, read_yaml):
            fault = one if isinstance(one, str) else _fault(one, over, found)
            if fault is not None:
                faults.append(f"{place}: {fault}")
            elif isinstance(one, OwnField):
                found[one.name] = (one, place)
    if faults:
        raise OwnFieldsRefused(faults)
    return tuple(one for one, _ in found.values() if one.grain in over)


def _of_file(path: Path, read_yaml: ReadYaml) -> Iterator[tuple[str, OwnField | str]]:
    """Each field with its place, or what is wrong there."""
    try:
        content, lines = read_yaml(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        yield str(path), str(error)
        return
    listed = content.get("fields") if isinstance(content, dict) and set(content) == {"fields"} else None
    if not isinstance(listed, list):
        yield str(path), "it holds one key, `fields`, with a list"
        return
    for index, raw in enumerate(listed):
        try:
            yield f"{path}, line {lines['fields', index]}", OwnField.model_validate(raw)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                where: tuple[str | int, ...] = ("fields", index, *one["loc"])
                line = next(lines[where[:end]] for end in range(len(where), 0, -1) if where[:end] in lines)
                key = str(one["loc"][-1]) if one["loc"] else ""
                yield f"{path}, line {line}", _said(one["type"], one["msg"], key)


def _said(kind: str, message: str, key: str) -> str:
    if kind == "missing":
        why = "missing; it says what the field is, over the fields that are there" if key == "is" else "missing"
        return f"{key} is {why}"
    if kind == "extra_forbidden":
        near = nearest(key, [field.alias or name for name, field in OwnField.model_fields.items()])
        return f"unknown key {key}" + (f"; did you mean {near}?" if near else "")
    return f"{key}: {message[:1].lower()}{message[1:]}" if key else "a field is a mapping of keys"


def _fault(
    one: OwnField, over: Mapping[Grain, Sequence[Catalogue]], found: Mapping[str, tuple[OwnField, str]]
) -> str | None:
    if one.name in found:
        return f"{one.name} is at {found[one.name][1]} already"
    if any(one.name in catalogue.fields for catalogues in over.values() for catalogue in catalogues):
        return f"{one.name}: there is a field of this name already"
    reasons: list[str] = []
    for catalogue in over.get(one.grain, ()):
        try:
            meaning(one, catalogue)
        except Unreadable as unreadable:
            reasons.append(unreadable.en)
        else:
            return None
    return f"{one.name}: {reasons[0]}" if reasons else None
