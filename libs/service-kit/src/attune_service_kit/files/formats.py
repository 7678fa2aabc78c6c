"""Dates and moments in fixed positions: `YYYYMMDD`, `YYMMDD`, `DD.MM.YYYY`, `YYYY-MM-DD hh:mm:ss` …"""

import re

_TOKENS = re.compile(r"YYYY|YY|MM|DD|hh|mm|ss")
_SEPARATORS = set("-/. :T年月日时分秒")


def format_problem(format_: str, century: int | None, type_: str) -> str | None:
    """Return what is wrong with a format, or None."""
    tokens = _TOKENS.findall(format_)
    rest = _TOKENS.sub("", format_)
    if unknown := sorted(set(rest) - _SEPARATORS):
        return f"a format is made of YYYY YY MM DD hh mm ss and separators; {''.join(unknown)!r} is none"
    if len(set(tokens)) != len(tokens) or {"YYYY", "YY"} <= set(tokens):
        return "each part stands once"
    if not {"MM", "DD"} <= set(tokens) or not {"YYYY", "YY"} & set(tokens):
        return "a date needs year, month and day"
    if type_ == "TIMESTAMPTZ" and "hh" not in tokens:
        return "a moment needs hh"
    if type_ != "VARCHAR" and "YY" in tokens and century is None:
        return "YY needs 'century', e.g. century: 1900"
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
