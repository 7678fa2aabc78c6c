"""Read a mapping file, and say what is wrong with it by file, line and key."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from pydantic import ValidationError

from attune_contracts.datasets import IMPORT_ORDER
from attune_service_kit.errors import Invalid
from attune_service_kit.files.formats import format_problem
from attune_service_kit.files.mapping import DatasetMapping, Mapping
from attune_service_kit.files.sources import Condition, Source, suggestion
from attune_service_kit.files.targets import ALLOWED, PATTERNS, Target, derived_options, mappable, options, required

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One fault of a mapping: its place, the key and what is allowed."""

    path: Path_
    text: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{'.'.join(map(str, self.path)) or 'mapping'}: {self.text}"


class MappingError(Invalid):
    """The mapping cannot be used; `problems` says why, line by line."""

    code = "mapping_invalid"
    shown = "line 12: parties.birth_date: no such column", "映射文件有误:\nline 12: parties.birth_date: no such column"

    def __init__(self, problems: list[Problem], file: str | None = None) -> None:
        self.problems = problems
        texts = [f"{file}: {problem}" if file else str(problem) for problem in problems]
        super().__init__("\n".join(texts), "映射文件有误:\n" + "\n".join(texts))


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
        raise MappingError([Problem((), "the file is not UTF-8")], path.name) from error
    except ValueError as error:
        raise MappingError([Problem((), str(error))], path.name) from error
    return _validated(content, lines, path.name)


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


def _words(path: Path_, fault: Any) -> str:
    """What is wrong, in the words of the file and not of its reader."""
    kind: str = fault["type"]
    if path == ("datasets",) and kind in ("missing", "dict_type", "too_short"):
        return f"write at least one dataset: DATASET: {{file: …, columns: …}}; there are {', '.join(IMPORT_ORDER)}"
    if path[:1] == ("datasets",) and len(path) == 2 and kind in ("tuple_type", "model_type", "too_short"):
        return "write where it comes from: {file: …, columns: …}, or a list of such parts"
    if kind == "missing":
        return "is needed"
    if kind in _EXPECTED:
        expected = "a column's name, or a mapping," if path[-2:-1] == ("columns",) else _EXPECTED[kind]
        return f"{expected} is expected, this is {_found(fault['input'])}"
    return str(fault["msg"])


_EXPECTED = {
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "tuple_type": "a list",
    "string_type": "a text",
}


def _found(value: Any) -> str:
    if value is None:
        return "empty"
    return {dict: "a mapping", list: "a list", tuple: "a list", bool: "true or false"}.get(type(value), "a text")


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
            return Problem(problem.path, problem.text, line)
    return problem


def _check(mapping: Mapping, content: Any) -> Iterator[Problem]:
    for name, parts in mapping.datasets.items():
        path: Path_ = ("datasets", name)
        if name not in IMPORT_ORDER:
            text = f"no such dataset; allowed are {', '.join(IMPORT_ORDER)}{suggestion(name, IMPORT_ORDER)}"
            yield Problem(path, text)
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
            yield Problem(place, f"{name} needs {', '.join(missing)}")
    for column, source in part.columns.items():
        if column in known:
            yield from _check_source((*path, "columns", column), source, known[column])
            yield from _check_joins((*path, "columns", column), source, set(part.join))
    for condition in part.where or ():
        yield from _check_condition((*path, "where"), condition, set(part.join))


def _no_column(dataset: str, column: str, known: list[str]) -> str:
    if (dataset, column) in (("parties", "customer_id"), ("accounts", "account_id")):
        return "this id is computed: map source_id to the bank's own id"
    return f"{dataset} has no such column; allowed are {', '.join(known)}{suggestion(column, known)}"


def _check_source(path: Path_, source: Source, target: Target) -> Iterator[Problem]:
    fields = type(source).model_fields
    given = {name for name in source.model_fields_set if getattr(source, name) != fields[name].default}
    for option in sorted(given - options(target)):
        yield Problem((*path, option), f"{option!r} has no meaning for {target.name} ({target.type})")
    if source.column is None and source.constant is None and source.concat is None:
        for option in sorted(given & options(target) - derived_options(target)):
            yield Problem((*path, option), f"{option!r} belongs to the parts that this value is made of")
    yield from _check_values(path, source, target)
    if source.format is not None and (text := format_problem(source.format, source.century, target.type)):
        yield Problem((*path, "format"), text)
    if source.zone is not None and source.zone not in available_timezones():
        yield Problem((*path, "zone"), f"no such time zone{suggestion(source.zone, available_timezones())}")
    # The texts that are put together are no value of the column: its rules are for the whole.
    of_parts = replace(target, name=f"{target.name} ", type="VARCHAR") if source.concat else target
    for place, part in source.parts():
        yield from _check_source((*path, *place), part, of_parts)
    for name in ("plus_months", "plus_days"):
        if (later := getattr(source, name)) is not None:
            yield from _check_source((*path, name), later, Target(target.dataset, name, "INTEGER", False))


def _check_values(path: Path_, source: Source, target: Target) -> Iterator[Problem]:
    allowed = ALLOWED.get(target.key)
    for place, value in _values(path, source):
        if allowed and isinstance(value, str) and value not in allowed:
            yield Problem(place, f"{value!r} is none of {', '.join(allowed)}{suggestion(value, allowed)}")
        pattern = PATTERNS.get(target.key)
        if pattern and isinstance(value, str) and not re.fullmatch(pattern[0], value):
            yield Problem(place, f"{value!r} is not {pattern[1]}")
        if isinstance(value, str) and len(value) > target.longest:
            yield Problem(place, f"is longer than {target.longest} characters")
        if target.type == "BOOLEAN" and not isinstance(value, bool):
            yield Problem(place, f"{target.name} is true or false, not {value!r}")
        if target.type != "BOOLEAN" and isinstance(value, bool):
            yield Problem(place, f"{target.name} is no truth value; put quotes around a text")


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
        yield Problem(path, f"no join is called {alias!r}; there are {', '.join(sorted(joins))}")
