"""Dates and moments in fixed positions: `YYYYMMDD`, `YYMMDD`, `DD.MM.YYYY`, `YYYY-MM-DD hh:mm:ss` …"""

import re

from attune_service_kit.files.sources import Words

_TOKENS = re.compile(r"YYYY|YY|MM|DD|hh|mm|ss")
_SEPARATORS = set("-/. :T年月日时分秒")


def format_problem(format_: str, century: int | None, type_: str) -> Words | None:
    """Return what is wrong with a format, or None."""
    tokens = _TOKENS.findall(format_)
    rest = _TOKENS.sub("", format_)
    if unknown := sorted(set(rest) - _SEPARATORS):
        found, parts = repr("".join(unknown)), "YYYY YY MM DD hh mm ss"
        return Words(
            f"a format is made of {parts} and separators; {found} is none", f"格式由 {parts} 与分隔符组成，不含 {found}"
        )
    if len(set(tokens)) != len(tokens) or {"YYYY", "YY"} <= set(tokens):
        return Words("each part stands once", "每个部分只能出现一次")
    if not {"MM", "DD"} <= set(tokens) or not {"YYYY", "YY"} & set(tokens):
        return Words("a date needs year, month and day", "日期须有年、月、日")
    if type_ == "TIMESTAMPTZ" and "hh" not in tokens:
        return Words("a moment needs hh", "时刻须有 hh")
    if type_ != "VARCHAR" and "YY" in tokens and century is None:
        return Words("YY needs 'century', e.g. century: 1900", "YY 须写明 'century'，例如 century: 1900")
    return None


def pattern(format_: str) -> str:
    """Return the regular expression that a text in this format matches in full."""
    parts = re.split(f"({_TOKENS.pattern})", format_)
    return "".join(f"[0-9]{{{len(p)}}}" if _TOKENS.fullmatch(p) else re.escape(p) for p in parts)


def piece(text: str, format_: str, token: str) -> str:
    """Return the SQL of one part of the text, e.g. the month's two digits."""
    start = format_.index(token)
    return f"substring({text}, {start + 1}, {len(token)})"


def has(format_: str, token: str) -> bool:
    """Whether the format has this part."""
    return token in _TOKENS.findall(format_)
