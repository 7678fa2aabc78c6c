"""Why a value is not taken, in Chinese and English, from pydantic's error. Pure."""

from collections.abc import Mapping
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
DAY = ("a day is written like 2026-03-17", "日期应写作 2026-03-17")
MOMENT = ("a moment is written like 2026-03-17T09:30:00+08:00", "时间应写作 2026-03-17T09:30:00+08:00")
CLOCK = ("a time of day is written like 09:30", "时间应写作 09:30")
# Whose English repeats what was sent, or says nothing that helps: told in words of our own.
_PLAIN: Mapping[str, tuple[str, str]] = {
    "missing": ("is needed, and is not there", "必填项缺失"),
    "extra_forbidden": ("there is no such field", "没有此字段"),
    "uuid_parsing": ("an id is a UUID", "标识应为 UUID"),
    "uuid_type": ("an id is a UUID", "标识应为 UUID"),
    "json_invalid": ("the body is not well-formed JSON", "请求体不是合法的 JSON"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), DAY),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"), MOMENT),
}


class Misfit(ValueError):
    """A value that its contract does not admit, in words that are made of the contract alone."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.zh = zh


def of_value(error: Mapping[str, Any]) -> str:
    """Why a value is not taken, in Chinese."""
    kind, known = str(error["type"]), {str(name): value for name, value in error.get("ctx", {}).items()}
    if kind in ("literal_error", "enum"):
        told = str(known["expected"]).replace(" or ", "、").replace(", ", "、")
        return f"应为 {told} 之一" if "、" in told else f"应为 {told.lower() if told in ('True', 'False') else told}"
    text = VALUES.get(kind)
    return _OTHER if text is None else text.format_map(known)


def of_request(error: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a request's contract admits there, in English and Chinese; None where only the error's kind may be told.

    Nobody is shown what they sent: of pydantic's words those that are made of the contract alone, and ours.
    """
    kind, known = str(error["type"]), error.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in VALUES or kind in ("literal_error", "enum"):
        return str(error["msg"]), of_value(error)
    if isinstance(misfit := known.get("error"), Misfit):
        return str(misfit), misfit.zh
    return (str(error["msg"]), known["zh"]) if isinstance(known.get("zh"), str) else None
