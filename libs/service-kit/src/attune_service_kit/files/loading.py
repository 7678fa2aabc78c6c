"""Read a mapping file, and say what is wrong with it by file, line and key."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from pydantic import ValidationError

from attune_contracts.datasets import IMPORT_ORDER
from attune_service_kit import value_texts
from attune_service_kit.errors import Invalid
from attune_service_kit.files import yaml_texts
from attune_service_kit.files.formats import format_problem
from attune_service_kit.files.mapping import DatasetMapping, Mapping
from attune_service_kit.files.sources import Condition, Source, Words, suggestion
from attune_service_kit.files.targets import ALLOWED, PATTERNS, Target, derived_options, mappable, options, required

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One fault of a mapping: its place, and in both languages what is wrong and what is allowed."""

    path: Path_
    words: Words
    line: int | None = None

    def told(self, file: str | None) -> Words:
        """The fault with its place."""
        key = ".".join(map(str, self.path)) or ("" if self.line else "mapping")
        en = [*([file] if file else []), *([f"line {self.line}"] if self.line else []), *([key] if key else [])]
        zh = [*([file] if file else []), *([f"第 {self.line} 行"] if self.line else []), *([key] if key else [])]
        return Words(": ".join([*en, self.words.en]), "：".join([*zh, self.words.zh]))


class MappingError(Invalid):
    """The mapping cannot be used; `problems` says why, line by line."""

    code = "mapping_invalid"
    shown = (
        "line 12: datasets.parties.columns.birth_date.century: is needed",
        "映射文件有误：\n第 12 行：datasets.parties.columns.birth_date.century：必须给出",
    )

    def __init__(self, problems: list[Problem], file: str | None = None) -> None:
        self.problems = problems
        told = [problem.told(file) for problem in problems]
        super().__init__("\n".join(en for en, _ in told), "\n".join(["映射文件有误：", *(zh for _, zh in told)]))


def load_mapping(mapping: Path | str | dict[str, Any]) -> Mapping:
    """Return the mapping behind a file's path or a mapping object. Raises MappingError, FileNotFoundError."""
    if isinstance(mapping, dict):
        return _validated(mapping, {}, None)
    # Services get the mapping as an object; only those who read the file need the parser.
    from attune_service_kit.files.yaml_lines import read_yaml

    path = Path(mapping)
    try:
        content, lines = read_yaml(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise MappingError([Problem((), Words("the file is not UTF-8", "文件不是 UTF-8 编码"))], path.name) from error
    except ValueError as error:
        raise MappingError([_no_yaml(str(error))], path.name) from error
    return _validated(content, lines, path.name)


def _no_yaml(reason: str) -> Problem:
    found = re.fullmatch(r"(?:line (\d+): )?(.*)", reason, re.DOTALL)
    line, said = found.groups() if found else (None, reason)
    return Problem((), Words(said, f"不是可读取的 YAML：{yaml_texts.of_yaml(said)}"), int(line) if line else None)


def _validated(content: Any, lines: dict[Path_, int], file: str | None) -> Mapping:
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        problems = [_problem(fault, content) for fault in error.errors(include_url=False)]
        raise MappingError([_placed(p, lines) for p in problems], file) from error
    problems = [_placed(p, lines) for p in _check(mapping, content)]
    if problems:
        raise MappingError(problems, file)
    return mapping


def _problem(fault: Any, content: Any) -> Problem:
    path: Path_ = tuple(part for part in fault["loc"] if not (isinstance(part, str) and "[" in part))
    if fault["type"] == "unknown_key":
        path = (*path, fault["ctx"]["key"])
    path = _existing(path, content)
    return Problem(path, _words(path, fault))


def _words(path: Path_, fault: Any) -> Words:
    """What is wrong, in the words of the file and not of its reader."""
    kind: str = fault["type"]
    if path == ("datasets",) and kind in ("missing", "dict_type", "too_short"):
        one, known = "DATASET: {file: …, columns: …}", ", ".join(IMPORT_ORDER)
        return Words(
            f"write at least one dataset: {one}; there are {known}", f"至少写一个数据集：{one}；可用的有 {known}"
        )
    if path[:1] == ("datasets",) and len(path) == 2 and kind in ("tuple_type", "model_type", "too_short"):
        part = "{file: …, columns: …}"
        en = f"write where it comes from: {part}, or a list of such parts"
        return Words(en, f"请写明来源：{part}，或此类部分的列表")
    if kind == "missing":
        return Words("is needed", "必须给出")
    if kind in _EXPECTED:
        expected = _COLUMN if path[-2:-1] == ("columns",) else _EXPECTED[kind]
        found = _found(fault["input"])
        return Words(f"{expected.en} is expected, this is {found.en}", f"应为{expected.zh}，此处是{found.zh}")
    said = str(fault["msg"])
    return Words(said, fault.get("ctx", {}).get("zh") or value_texts.of_value(fault))


_COLUMN = Words("a column's name, or a mapping,", "列名或键值映射")
_EXPECTED = {
    "dict_type": Words("a mapping (key: value)", "键值映射（key: value）"),
    "model_type": Words("a mapping (key: value)", "键值映射（key: value）"),
    "tuple_type": Words("a list", "列表"),
    "string_type": Words("a text", "文本"),
}
_KINDS = {
    dict: Words("a mapping", "键值映射"),
    list: Words("a list", "列表"),
    tuple: Words("a list", "列表"),
    bool: Words("true or false", " true 或 false"),
}


def _found(value: Any) -> Words:
    return Words("empty", "空值") if value is None else _KINDS.get(type(value), Words("a text", "文本"))


def _existing(path: Path_, content: Any) -> Path_:
    """Cut the names that pydantic adds for the members of a union: they are no keys of the file."""
    kept: list[str | int] = []
    for part in path:
        known = _has(content, part)
        if known:
            content = content[part]
        # One item may stand for a list of one: then its place in the list is no place of the file.
        if known or (isinstance(part, str) and part not in ("str", "bool", "Source")):
            kept.append(part)
    return tuple(kept)


def _has(content: Any, part: str | int) -> bool:
    if isinstance(content, list):
        return isinstance(part, int) and part < len(content)
    return isinstance(content, dict) and part in content


def _placed(problem: Problem, lines: dict[Path_, int]) -> Problem:
    for length in range(len(problem.path), -1, -1):
        if line := lines.get(problem.path[:length]):
            return replace(problem, line=line)
    return problem


def _check(mapping: Mapping, content: Any) -> Iterator[Problem]:
    for name, parts in mapping.datasets.items():
        path: Path_ = ("datasets", name)
        if name not in IMPORT_ORDER:
            allowed, like = ", ".join(IMPORT_ORDER), suggestion(name, IMPORT_ORDER)
            en, zh = f"no such dataset; allowed are {allowed}", f"没有该数据集；可用的有 {allowed}"
            yield Problem(path, Words(en + like.en, zh + like.zh))
            continue
        listed = isinstance(content["datasets"][name], list)
        for index, part in enumerate(parts):
            yield from _check_part(name, part, (*path, index) if listed else path)


def _check_part(name: str, part: DatasetMapping, path: Path_) -> Iterator[Problem]:
    known = mappable(name)
    given = [set(part.columns)] if part.rows is None else [set(row) for row in part.rows]
    for number, columns in enumerate(given):
        place: Path_ = (*path, "columns") if part.rows is None else (*path, "rows", number)
        for column in sorted(columns - set(known)):
            yield Problem((*place, column), _no_column(name, column, list(known)))
        missing = [column for column in required(name) if column not in columns]
        if missing:
            needed = ", ".join(missing)
            yield Problem(place, Words(f"{name} needs {needed}", f"{name} 还需要 {needed}"))
    for column, source in part.columns.items():
        if column in known:
            yield from _check_source((*path, "columns", column), source, known[column])
            yield from _check_joins((*path, "columns", column), source, set(part.join))
    for condition in part.where or ():
        yield from _check_condition((*path, "where"), condition, set(part.join))


def _no_column(dataset: str, column: str, known: list[str]) -> Words:
    if (dataset, column) in (("parties", "customer_id"), ("accounts", "account_id")):
        en = "this id is computed: map source_id to the bank's own id"
        return Words(en, "该编号由系统计算：请将 source_id 映射为银行自己的编号")
    allowed, like = ", ".join(known), suggestion(column, known)
    en, zh = f"{dataset} has no such column; allowed are {allowed}", f"{dataset} 没有该列；可用的有 {allowed}"
    return Words(en + like.en, zh + like.zh)


def _check_source(path: Path_, source: Source, target: Target) -> Iterator[Problem]:
    fields = type(source).model_fields
    given = {name for name in source.model_fields_set if getattr(source, name) != fields[name].default}
    for option in sorted(given - options(target)):
        column = f"{target.name} ({target.type})"
        yield Problem(
            (*path, option), Words(f"{option!r} has no meaning for {column}", f"{option!r} 不适用于 {column}")
        )
    if source.column is None and source.constant is None and source.concat is None:
        for option in sorted(given & options(target) - derived_options(target)):
            en = f"{option!r} belongs to the parts that this value is made of"
            yield Problem((*path, option), Words(en, f"{option!r} 应写在组成该值的各部分上"))
    yield from _check_values(path, source, target)
    if source.format is not None and (words := format_problem(source.format, source.century, target.type)):
        yield Problem((*path, "format"), words)
    if source.zone is not None and source.zone not in available_timezones():
        like = suggestion(source.zone, available_timezones())
        yield Problem((*path, "zone"), Words(f"no such time zone{like.en}", f"没有该时区{like.zh}"))
    # The texts that are put together are no value of the column: its rules are for the whole.
    of_parts = replace(target, name=f"{target.name} ", type="VARCHAR") if source.concat else target
    for place, part in source.parts():
        yield from _check_source((*path, *place), part, of_parts)
    for name in ("plus_months", "plus_days"):
        if (later := getattr(source, name)) is not None:
            yield from _check_source((*path, name), later, Target(target.dataset, name, "INTEGER", False))


def _check_values(path: Path_, source: Source, target: Target) -> Iterator[Problem]:
    for place, value in _values(path, source):
        if words := _value_fault(value, target):
            yield Problem(place, words)


def _value_fault(value: str | bool, target: Target) -> Words | None:
    """What is wrong with a value that the mapping itself gives."""
    if isinstance(value, bool):
        if target.type == "BOOLEAN":
            return None
        return Words(
            f"{target.name} is no truth value; put quotes around a text", f"{target.name} 不是真假值；文本请加引号"
        )
    if target.type == "BOOLEAN":
        return Words(
            f"{target.name} is true or false, not {value!r}", f"{target.name} 应为 true 或 false，而不是 {value!r}"
        )
    allowed = ALLOWED.get(target.key)
    if allowed and value not in allowed:
        listed, like = ", ".join(allowed), suggestion(value, allowed)
        return Words(f"{value!r} is none of {listed}{like.en}", f"{value!r} 不在 {listed} 之中{like.zh}")
    pattern = PATTERNS.get(target.key)
    if pattern and not re.fullmatch(pattern[0], value):
        return Words(f"{value!r} is not {pattern[1].en}", f"{value!r} 应为{pattern[1].zh}")
    if len(value) > target.longest:
        return Words(f"is longer than {target.longest} characters", f"超过 {target.longest} 个字符")
    return None


def _values(path: Path_, source: Source) -> Iterator[tuple[Path_, str | bool]]:
    """Everything that the source itself puts into the column, with its place."""
    if source.constant is not None:
        yield (*path, "constant"), source.constant
    if source.otherwise is not None:
        yield (*path, "otherwise"), source.otherwise
    for code, value in (source.codes or {}).items():
        if value is not None:
            yield (*path, "codes", code), value
    for flag in source.when or ():
        yield (*path, "when", flag), flag


def _check_joins(path: Path_, source: Source, joins: set[str]) -> Iterator[Problem]:
    if source.column:
        yield from _check_label(path, source.column, joins)
    for condition in source.conditions():
        yield from _check_condition(path, condition, joins)
    for place, part in source.parts():
        yield from _check_joins((*path, *place), part, joins)


def _check_condition(path: Path_, condition: Condition, joins: set[str]) -> Iterator[Problem]:
    for label in (condition.column, condition.same_as):
        if label:
            yield from _check_label(path, label, joins)


def _check_label(path: Path_, label: str, joins: set[str]) -> Iterator[Problem]:
    alias, dot, _ = label.partition(".")
    # A dot may also belong to the column's own name; only the file itself can tell.
    if dot and joins and alias not in joins:
        there = ", ".join(sorted(joins))
        yield Problem(
            path, Words(f"no join is called {alias!r}; there are {there}", f"没有名为 {alias!r} 的关联；现有 {there}")
        )
