"""YAML with the line of every key, and without YAML's guesses: `NO`, `012` and `1:30` stay texts as written."""

from typing import Any

import yaml

Lines = dict[tuple[str | int, ...], int]

_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
_DEEPEST = 20


class NotYaml(ValueError):
    """The text is no plain YAML: why, and where, both from 1."""

    def __init__(self, why: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}: {why}")
        self.why, self.line, self.column = why, line, column


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Return the content and the line of every key and item; NotYaml if it is no plain YAML."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _no_yaml(error, text) from error
    lines: Lines = {}
    return _content(node, (), lines, set()), lines


def _no_yaml(error: yaml.YAMLError, text: str) -> NotYaml:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        return NotYaml("a character that may not stand here", *place)
    if not isinstance(error, yaml.MarkedYAMLError):
        return NotYaml("cannot be read as YAML")
    why, mark = error.problem, error.problem_mark
    if error.context == "while scanning a quoted scalar" and why == "found unexpected end of stream":
        why, mark = "the quote that begins here is not closed", error.context_mark
    return _at(mark, why or "cannot be read as YAML")


def _at(mark: Any, why: str) -> NotYaml:
    return NotYaml(why) if mark is None else NotYaml(why, mark.line + 1, mark.column + 1)


def _content(node: Any, path: tuple[str | int, ...], lines: Lines, seen: set[int]) -> Any:
    if node is None:
        return None
    if len(path) > _DEEPEST:
        raise _at(node.start_mark, "nested too deep")
    if id(node) in seen:
        # A few aliases of aliases are gigabytes once written out.
        raise _at(node.start_mark, "anchors and aliases are not admitted")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, seen)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            items.append(_content(item, (*path, index), lines, seen))
        return items
    if isinstance(node, yaml.ScalarNode):
        plain = node.style is None
        return _CONSTANTS[node.value] if plain and node.value in _CONSTANTS else node.value
    return None


def _mapping(node: yaml.MappingNode, path: tuple[str | int, ...], lines: Lines, seen: set[int]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise _at(key_node.start_mark, "a key is a text")
        if key in content:
            raise _at(key_node.start_mark, f"{key!r} stands here twice")
        lines[(*path, key)] = line
        content[key] = _content(value_node, (*path, key), lines, seen)
    return content
