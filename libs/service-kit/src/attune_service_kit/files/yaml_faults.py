"""Every fault of a YAML file with its line and column, its reason in both languages, the nearest name. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from attune_contracts.names import nearest
from attune_service_kit import value_texts
from attune_service_kit.files import yaml_texts
from attune_service_kit.files.yaml_lines import NotYaml

Path = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(frozen=True)
class Fault:
    """One fault: where in the file (both from 1), under which key, and the reason in both languages."""

    line: int
    column: int
    key: str
    en: str
    zh: str


@dataclass(frozen=True)
class Node:
    """Where a key and its value begin, from 0, and how a text is written."""

    key: Place
    value: Place
    style: str | None = None


def places(text: str) -> dict[Path, Node]:
    """Where every key and item of a YAML text stands; the text has been read as YAML before."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return {} if root is None else dict(_places(root, ()))


def _places(node: yaml.Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            yield below, Node(_mark(key), _mark(value), getattr(value, "style", None))
            yield from _places(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            below = (*path, index)
            yield below, Node(_mark(item), _mark(item), getattr(item, "style", None))
            yield from _places(item, below)


def _mark(node: yaml.Node) -> Place:
    return node.start_mark.line, node.start_mark.column


def no_yaml(error: ValueError | RecursionError) -> Fault:
    """The fault of a text that `read_yaml` cannot read."""
    found = error if isinstance(error, NotYaml) else NotYaml("nested too deep")
    en, zh = f"it is no YAML of ours: {found.why}", f"不是可读取的 YAML：{yaml_texts.of_yaml(found.why)}"
    return Fault(found.line, found.column, "", en, zh)


def of_error(error: Mapping[str, Any], known: Mapping[Path, Node], keys: Iterable[str] = ()) -> Fault:
    """The fault that an error of pydantic's is; `keys`: what may stand where an unknown one does."""
    path = (*error["loc"], *getattr(error.get("ctx", {}).get("error"), "at", ()))
    found = (known[path[:end]] for end in range(len(path), 0, -1) if path[:end] in known)
    node = next(found, Node((0, 0), (0, 0)))
    line, column = node.key if error["type"] == "extra_forbidden" or path not in known else node.value
    en, zh = _reason(error, path, keys)
    return Fault(line + 1, column + 1, ".".join(str(step) for step in path), en, zh)


def like(name: str, keys: Iterable[str]) -> tuple[str, str]:
    """What is added to a reason, in both languages, where a name is nearly one of these."""
    near = nearest(name, keys)
    return (f"; did you mean {near}?", f"；是否为 {near}？") if near else ("", "")


def _reason(error: Mapping[str, Any], path: Path, keys: Iterable[str]) -> tuple[str, str]:
    match error["type"]:
        case "extra_forbidden":
            hint, hint_zh = like(str(path[-1]), keys)
            return f"unknown key {path[-1]}{hint}", f"未知的键 {path[-1]}{hint_zh}"
        case "missing":
            return f"{path[-1]} is missing", f"缺少 {path[-1]}"
        case "value_error":
            misfit = error["ctx"]["error"]
            return str(misfit), str(getattr(misfit, "zh", value_texts.of_value(error)))
        case "tuple_type" | "list_type":
            return "this is a list", value_texts.of_value(error)
        case "model_type":
            return "this is a mapping of keys", value_texts.of_value(error)
        case _:
            said = str(error["msg"])
            # YAML's words for them are small.
            said = said.replace("True", "true").replace("False", "false")
            return said[:1].lower() + said[1:], value_texts.of_value(error)
