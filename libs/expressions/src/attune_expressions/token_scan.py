"""The tokens, before they are parsed: bounded in number and depth, each of a known kind, in no order read two ways."""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlglot import tokenize
from sqlglot.errors import TokenError

from attune_contracts.names import nearest
from attune_expressions.refusals import Refused, position
from attune_expressions.words import CLOCKS, FUNCTIONS, KEYWORDS, UNITS

MOST_TOKENS = 1200
DEEPEST = 20
_SAID = 60
_SYMBOLS = {
    "L_PAREN", "R_PAREN", "COMMA", "COLON", "PLUS", "DASH", "STAR", "SLASH", "MOD", "EQ", "NEQ", "LT", "LTE", "GT",
    "GTE",
}  # fmt: skip
_COMPARISONS = {"EQ", "NEQ", "LT", "LTE", "GT", "GTE"}
_BEFORE_A_VALUE = _COMPARISONS | {"L_PAREN", "COMMA", "PLUS", "DASH", "STAR", "SLASH", "MOD"}
_WORDS_BEFORE_A_VALUE = KEYWORDS - {"end", "null", "true", "false"}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
# The day that is meant where somebody asks for the clock.
_DAYS = ("as_of", "business_date", "due_date")
_CODE = re.compile(r"[\w-]{1,60}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Token(NamedTuple):
    """One token; `word` is what it is in small letters if it is an unquoted word, else empty."""

    kind: str
    raw: str
    word: str
    start: int
    end: int


class Names(NamedTuple):
    """What a word may stand for beside the language's own words."""

    fields: Collection[str]
    parameters: Collection[str]


def check_tokens(text: str, names: Names) -> list[Any]:
    """sqlglot's tokens; Refused at the first that is none of ours or stands where it may be misread."""
    found = _found(text)
    tokens = [_token(text, token) for token in found]
    if len(tokens) > MOST_TOKENS:
        raise Refused(
            "too_many_tokens",
            f"a condition has at most {MOST_TOKENS} words and signs",
            f"条件不得超过 {MOST_TOKENS} 个词与符号",
            position(text, tokens[MOST_TOKENS].start),
        )
    _check_depth(text, tokens)
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        _check_kind(text, token, before, after)
        _check_order(text, token, before, after)
        if (token.word and token.word not in KEYWORDS) or token.kind == "IDENTIFIER":
            _check_name(text, tokens, i, names)
    return found


def _found(text: str) -> list[Any]:
    try:
        return list(tokenize(text, dialect="duckdb"))
    except TokenError:
        raise Refused("syntax", "the condition cannot be read", "条件无法解析", position(text, 0)) from None


def _token(text: str, token: Any) -> Token:
    raw = text[token.start : token.end + 1]
    word = raw.lower() if _WORD.fullmatch(raw) else ""
    return Token(token.token_type.name, raw, word, token.start, token.end)


def _check_depth(text: str, tokens: list[Token]) -> None:
    """Parentheses and CASE within each other, runs of NOT and minus: counted before anything descends into them."""
    depth = run = 0
    opened: list[Token] = []
    for token in tokens:
        run = run + 1 if token.word == "not" or token.kind == "DASH" else 0
        if token.kind == "L_PAREN" or token.word == "case":
            opened.append(token)
        elif token.kind == "R_PAREN" or token.word == "end":
            if not opened or (opened[-1].kind == "L_PAREN") != (token.kind == "R_PAREN"):
                raise Refused("unbalanced", f"{token.raw} ends nothing", f"{token.raw} 没有对应的开头",
                              position(text, token.start))  # fmt: skip
            opened.pop()
        depth = len(opened)
        if depth > DEEPEST or run > DEEPEST:
            raise too_deep(text, token.start)
    if opened:
        raise Refused("unbalanced", f"{opened[-1].raw} is not ended", f"{opened[-1].raw} 没有结束",
                      position(text, opened[-1].start))  # fmt: skip


def too_deep(text: str, offset: int) -> Refused:
    """What is nested or chained too deeply."""
    return Refused(
        "too_deep",
        f"nested or chained more than {DEEPEST} deep",
        f"嵌套或连写超过 {DEEPEST} 层",
        position(text, offset),
    )


def _check_kind(text: str, token: Token, before: Token | None, after: Token | None) -> None:
    if token.kind == "NUMBER":
        glued = after is not None and after.start == token.end + 1 and (after.word or after.kind == "NUMBER")
        if not _NUMBER.fullmatch(token.raw) or glued:
            raise Refused(
                "number_form",
                "a number is written like 50000 or 0.25",
                "数字应写作 50000 或 0.25",
                position(text, token.start),
            )
        whole, _, decimals = token.raw.partition(".")
        if len(whole) + len(decimals) > 15 or len(decimals) > 9:
            raise Refused(
                "number_form",
                "a number has at most 15 digits and 9 decimals",
                "数字最多 15 位、小数最多 9 位",
                position(text, token.start),
            )
    elif token.kind == "STRING":
        if not token.raw.startswith("'") or (before is not None and before.kind == "STRING"):
            raise Refused(
                "bad_token",
                "a text is written in one pair of quotes",
                "文本应写在一对单引号中",
                position(text, token.start),
            )
        if before is not None and before.word and before.end + 1 == token.start and before.word not in KEYWORDS:
            raise Refused(
                "bad_token", "letters stand right before a quote", "引号前不能紧接字母", position(text, token.start)
            )
    elif token.kind not in _SYMBOLS and token.kind != "IDENTIFIER" and not token.word:
        raise Refused(
            "bad_token",
            f"{token.raw} stands for nothing here",
            f"此处不能使用 {token.raw}",
            position(text, token.start),
        )


def _check_order(text: str, token: Token, before: Token | None, after: Token | None) -> None:
    previous, following = before.word if before else "", after.word if after else ""
    if token.kind in _COMPARISONS and before is not None and before.kind in _COMPARISONS:
        raise Refused(
            "bad_token",
            f"{before.raw} {token.raw} is no operator",
            f"{before.raw} {token.raw} 不是运算符",
            position(text, token.start),
        )
    if token.kind == "PLUS" and (before is None or before.kind in _BEFORE_A_VALUE or previous in _WORDS_BEFORE_A_VALUE):
        raise Refused(
            "unary_plus", "a plus stands between two values", "加号应在两个值之间", position(text, token.start)
        )
    if token.word == "not" and following == "is":
        raise Refused("bad_token", "NOT IS is no operator", "NOT IS 不是运算符", position(text, token.start), "IS NOT")
    if token.word == "is" and (following or "?") not in ("not", "null", "true", "false"):
        raise Refused(
            "bad_token",
            "IS is followed by NULL, TRUE or FALSE",
            "IS 之后应为 NULL、TRUE 或 FALSE",
            position(text, token.start),
        )
    if token.word == "null" and before is not None and before.kind in _COMPARISONS:
        raise null_compared(text, token.start)
    if token.word == "in" and (after is None or after.kind != "L_PAREN"):
        raise Refused(
            "bad_token",
            "IN is followed by a list in parentheses",
            "IN 之后应为括号中的列表",
            position(text, token.start),
        )
    if token.kind == "R_PAREN" and before is not None and before.kind == "L_PAREN":
        raise Refused(
            "empty_list", "nothing stands between the parentheses", "括号中没有内容", position(text, token.start)
        )
    if token.kind == "COLON" and (after is None or after.start != token.end + 1 or not after.word):
        raise Refused("bad_token", "a parameter is written like :name", "参数应写作 :name", position(text, token.start))


def null_compared(text: str, offset: int) -> Refused:
    """A comparison with NULL is never TRUE, so it is never meant."""
    return Refused(
        "null_compared",
        "nothing is = NULL; write IS NULL",
        "NULL 不能比较，请用 IS NULL",
        position(text, offset),
        "IS NULL",
    )


def _check_name(text: str, tokens: list[Token], i: int, names: Names) -> None:
    token = tokens[i]
    before = tokens[i - 1] if i else None
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    name = token.word or token.raw[1:-1]
    said = name[:_SAID]
    if token.word in CLOCKS:
        raise Refused(
            "clock",
            "a condition knows no clock; a day is a field",
            "条件不读取时钟，日期请用字段",
            position(text, token.start),
            next((day for day in _DAYS if day in names.fields), None),
        )
    if before is not None and before.kind == "COLON":
        if name not in names.parameters:
            near = nearest(name, names.parameters)
            raise Refused(
                "unknown_parameter",
                f"unknown parameter :{name}",
                f"未知参数 :{name}",
                position(text, token.start),
                near,
            )
    elif token.word and after is not None and after.kind == "L_PAREN":
        if name not in FUNCTIONS:
            near = nearest(name, (*FUNCTIONS, *KEYWORDS))
            raise Refused(
                "unknown_function", f"unknown function {said}", f"未知函数 {said}", position(text, token.start), near
            )
    elif name not in names.fields and not _is_unit(tokens, i):
        near = _meant(tokens, i, names)
        raise Refused("unknown_field", f"unknown field {said}", f"未知字段 {said}", position(text, token.start), near)


def _meant(tokens: list[Token], i: int, names: Names) -> str | None:
    """What an unknown name was likely meant to be: a field, a word of the language, or a text without its quotes."""
    token = tokens[i]
    name = token.word or token.raw[1:-1]
    if near := nearest(name, names.fields):
        return near
    # Words are short: a longer name has all the letters of one by chance.
    if token.word and (near := nearest(name, KEYWORDS, 0.7)):
        return near.upper()
    before = [one.word or one.kind for one in tokens[max(i - 2, 0) : i]]
    is_text = not token.word or before[-1:] in (["EQ"], ["NEQ"], ["like"]) or before == ["in", "L_PAREN"]
    return f"'{name}'" if is_text and _CODE.fullmatch(name) else None


def _is_unit(tokens: list[Token], i: int) -> bool:
    return tokens[i].word in UNITS and i >= 2 and tokens[i - 2].word == "interval"
