"""What is wrong with a value of a YAML file, in Chinese; pydantic says it in English. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_OTHER = "取值不符合要求"
# By pydantic's type of the error; the placeholders are its own.
VALUES: Mapping[str, str] = {
    "string_type": "应为文本",
    "string_too_short": "文本至少 {min_length} 个字符",
    "string_too_long": "文本至多 {max_length} 个字符",
    "string_pattern_mismatch": "文本格式应为 {pattern}",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_parsing_size": "整数过大",
    "int_from_float": "应为整数，不得带小数",
    "finite_number": "应为有限的数",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "tuple_type": "应为列表",
    "list_type": "应为列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "model_type": "应为键值映射",
    "model_attributes_type": "应为键值映射",
    "dict_type": "应为键值映射",
    "invalid_key": "键应为文本",
}
# What reading YAML says, as far as it is known; the rest is told by its line alone.
_YAML: tuple[tuple[str, str], ...] = (
    (r"'(?P<key>[^']*)' stands here twice", "键 {key} 重复出现"),
    (r"a key is a text", "键应为文本"),
    (r"nested too deep", "嵌套过深"),
    (r"anchors and aliases are not admitted", "不允许使用锚点与别名"),
    (r"found character .* that cannot start any token", "此处有不能作为开头的字符"),
    (r"mapping values are not allowed here", "此处不应出现冒号，文本请加引号"),
    (r"could not find expected ':'", "缺少冒号"),
    (r"expected .*, but (found|got) .*", "括号、引号或缩进不匹配"),
    (r"found unexpected end of stream", "文件提前结束，可能缺少引号或括号"),
    (r"found undefined alias .*", "引用了不存在的别名"),
)


def of_value(error: Mapping[str, Any]) -> str:
    """Why a value is not taken, from pydantic's error."""
    kind, known = str(error["type"]), {str(name): value for name, value in error.get("ctx", {}).items()}
    if kind == "literal_error":
        return f"应为 {str(known['expected']).replace(' or ', '、').replace(', ', '、')} 之一"
    text = VALUES.get(kind)
    return _OTHER if text is None else text.format_map(known)


def of_yaml(reason: str) -> str:
    """Why a text is no YAML of ours."""
    found = ((re.search(pattern, reason), text) for pattern, text in _YAML)
    shown: Callable[[re.Match[str], str], str] = lambda match, text: text.format_map(match.groupdict())  # noqa: E731
    return next((shown(match, text) for match, text in found if match is not None), "格式有误")
