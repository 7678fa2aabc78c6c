"""YAML with the line of every key, and without YAML's guesses: `NO`, `012` and `1:30` stay texts as written."""

from typing import Any

import yaml

Lines = dict[tuple[str | int, ...], int]

_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
_DEEPEST = 20


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Return the content and the line of every key and item; ValueError with a line if it is no plain YAML."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{place}{getattr(error, 'problem', None) or 'cannot be read as YAML'}") from error
    lines: Lines = {}
    return _content(node, (), lines, set()), lines


def _content(node: Any, path: tuple[str | int, ...], lines: Lines, seen: set[int]) -> Any:
    if node is None:
        return None
    if len(path) > _DEEPEST:
        raise ValueError(f"line {node.start_mark.line + 1}: nested too deep")
    if id(node) in seen:
        # A few aliases of aliases are gigabytes once written out.
        raise ValueError(f"line {node.start_mark.line + 1}: anchors and aliases are not admitted")
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
            raise ValueError(f"line {line}: a key is a text")
        if key in content:
            raise ValueError(f"line {line}: {key!r} stands here twice")
        lines[(*path, key)] = line
        content[key] = _content(value_node, (*path, key), lines, seen)
    return content
