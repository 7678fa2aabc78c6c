"""Reading a training's specification: YAML in, what `POST /v1/trainings` takes out, or every fault's place. Pure.

A file names the data that it learns from by `path`; whoever sends the bytes says under which id (`file_id`, `sha256`).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from attune_service_kit.files import yaml_faults
from attune_service_kit.files.yaml_faults import Fault, Node, Path
from attune_service_kit.files.yaml_lines import read_yaml
from scoring.features import NUMERIC
from scoring.spec import TrainingSpec

MOST_FAULTS = 20
DESCRIBED: tuple[Path, ...] = (("file",), ("purchases", "file"))
"""Where a file that is learned from is described."""
SENT: dict[str, str] = {"file_id": str(UUID(int=0)), "sha256": "0" * 64}
"""What is known of such a file only once it has been sent, and stands in for it until then."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True)
class SpecFile:
    """A file that was read: the training, its content as JSON (without `path`), and the path that it names."""

    spec: TrainingSpec
    content: dict[str, Any]
    path: str | None


class SpecFileRefused(Exception):
    """The file is no training's specification."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"line {fault.line}, column {fault.column}: {fault.en}" for fault in faults))
        self.faults = faults


def read(text: str) -> SpecFile:
    """Read a specification (YAML, so JSON too); raises SpecFileRefused with every fault."""
    try:
        content, _ = read_yaml(text)
    except (ValueError, RecursionError) as error:
        raise SpecFileRefused([yaml_faults.no_yaml(error)]) from None
    if not isinstance(content, dict):
        raise SpecFileRefused([Fault(1, 1, "", "a specification is a mapping of keys", "训练说明应为键值映射")])
    places = yaml_faults.places(text)
    content = _typed(content, (), places)
    faults: list[Fault] = []
    paths: list[str | None] = []
    whole = content
    for at in DESCRIBED:
        if (described := _at(content, at)) is not None:
            faults += _misplaced(described, at, places)
            paths.append(described.get("path"))
            described = {key: value for key, value in described.items() if key not in ("path", *SENT)}
            content, whole = _with(content, at, described), _with(whole, at, described | SENT)
    try:
        spec = TrainingSpec.model_validate(whole)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        # A name's likeness costs something: of thousands of faults only those are looked at that are told.
        first = sorted((dict(one) for one in told), key=lambda one: _place(yaml_faults.of_error(one, places)))
        faults += [fault for one in first[:MOST_FAULTS] for fault in _faults(one, content, places)]
    if faults:
        raise SpecFileRefused(sorted(faults, key=_place)[:MOST_FAULTS])
    return SpecFile(spec, content, next((path for path in paths if path is not None), None))


def keys_at(schema: Mapping[str, Any], path: Path) -> set[str]:
    """The keys that a JSON Schema knows at a place."""
    nodes = [dict(schema)]
    for step in path:
        nodes = [below for node in nodes for below in _below(_resolved(node, schema), step)]
    return {key for node in nodes for part in _resolved(node, schema) for key in part.get("properties", {})}


@cache
def file_schema() -> dict[str, Any]:
    """The JSON Schema of a file: a training's, but for the data, which is named by its path."""
    schema = TrainingSpec.model_json_schema()
    for part in schema["$defs"].values():
        for named in part.get("properties", {}).values():
            named |= {"additionalProperties": False} if "patternProperties" in named else {}
    for name in ("FileData", "PurchaseFile"):
        part = schema["$defs"][name]
        part["description"] = "The file that is learned from; `path` is from where the specification lies, or `--data`."
        part["required"] = [key for key in part["required"] if key not in SENT]
        part["properties"] = {key: value for key, value in part["properties"].items() if key not in SENT}
        part["properties"]["path"] = {"type": "string", "minLength": 1, "maxLength": 1000, "title": "Path"}
    return schema


def _typed(value: Any, path: Path, places: Mapping[Path, Node]) -> Any:
    """The content with JSON's numbers where a plain text is one; what is in quotes stays a text."""
    if isinstance(value, dict):
        return {key: _typed(one, (*path, key), places) for key, one in value.items()}
    if isinstance(value, list):
        return [_typed(one, (*path, index), places) for index, one in enumerate(value)]
    if isinstance(value, str) and places[path].style is None and _NUMBER.fullmatch(value):
        number = json.loads(value)
        return number if isfinite(number) else value
    return value


def _at(content: dict[str, Any], path: Path) -> dict[str, Any] | None:
    value: Any = content
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def _with(content: dict[str, Any], path: Path, value: dict[str, Any]) -> dict[str, Any]:
    first, *rest = path
    return content | {str(first): _with(content[str(first)], tuple(rest), value) if rest else value}


def _misplaced(described: Mapping[str, Any], at: Path, places: Mapping[Path, Node]) -> list[Fault]:
    """The faults of a described file that the training itself does not know."""
    found = [
        yaml_faults.of_error({"type": "extra_forbidden", "loc": (*at, key)}, places, {"path"})
        for key in SENT if key in described
    ]  # fmt: skip
    path = described.get("path")
    if "path" in described and not (isinstance(path, str) and 0 < len(path) <= 1000):
        error = {"type": "string_type", "loc": (*at, "path"), "msg": "Input should be a valid string"}
        found.append(yaml_faults.of_error(error, places))
    return found


def _faults(error: dict[str, Any], content: dict[str, Any], places: Mapping[Path, Node]) -> Iterable[Fault]:
    """The faults that an error of the training is; of a list of features one for each that is none."""
    path: Path = tuple(error["loc"])
    context: dict[str, Any] = error.get("ctx", {})
    if error["type"] == "feature_unusable":
        for index, name in enumerate(content["features"]):
            if name in context["names"]:
                line, column = places[*path, index].value
                en, zh = yaml_faults.like(name, NUMERIC)
                yield Fault(line + 1, column + 1, f"features.{index}", f"{name} is no numeric or boolean feature{en}",
                            f"{name} 不是数值或布尔型特征{zh}")  # fmt: skip
    elif error["type"] == "literal_error":
        fault = yaml_faults.of_error(error, places)
        en, zh = yaml_faults.like(str(_value(content, path)), re.findall(r"'([^']*)'", context["expected"]))
        yield replace(fault, en=fault.en + en, zh=fault.zh + zh)
    elif error["type"] == "string_type" and isinstance(_value(content, path), int | float):
        fault = yaml_faults.of_error(error, places)
        yield replace(fault, en=f"{fault.en}; write it in quotes", zh=f"{fault.zh}，请加引号")
    elif error["type"] == "too_short" and _value(content, path):
        return  # there are items; what is wrong with each is told
    elif "keys" in context:
        said = next(((*path, key) for key in context["keys"] if (*path, key) in places), path)
        yield replace(yaml_faults.of_error({**error, "loc": said}, places), zh=context["zh"])
    else:
        yield yaml_faults.of_error(error, places, keys_at(file_schema(), path[:-1]))


def _place(fault: Fault) -> tuple[int, int]:
    return fault.line, fault.column


def _value(content: Any, path: Path) -> Any:
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def _resolved(node: dict[str, Any], schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The node, or what it refers to; each of several that it may be."""
    if "$ref" in node:
        return _resolved(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in node:
        return [part for one in node["anyOf"] for part in _resolved(one, schema)]
    return [node]


def _below(parts: list[dict[str, Any]], step: str | int) -> list[dict[str, Any]]:
    found = []
    for part in parts:
        others = [*part.get("patternProperties", {}).values(), part.get("additionalProperties"), part.get("items")]
        named = [part.get("properties", {}).get(step), *others]
        found += [one for one in named if isinstance(one, dict)][:1]
    return found
