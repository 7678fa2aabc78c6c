"""The text itself, before anything reads it: how long it is and which characters stand outside quotes."""

import re

from attune_expressions.refusals import Refused, position

LONGEST = 4096
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \t\r\n()+-*/%,.<>=!:'\"",
)
_LOOKALIKE = {
    "（": "(", "）": ")", "，": ",", "。": ".", "＝": "=", "＜": "<", "＞": ">", "≥": ">=", "≤": "<=", "≠": "<>",
    "＋": "+", "－": "-", "−": "-", "–": "-", "—": "-", "×": "*", "＊": "*", "÷": "/", "／": "/", "％": "%",
    "‘": "'", "’": "'", "“": "'", "”": "'", "＇": "'", "：": ":", "；": ";", "！": "!", "\u3000": " ", "\u00a0": " ",
}  # fmt: skip
_MEANT = {"|": "or", "&": "and", "^": "*", "@": "abs(…)", "\\": None, "~": None, "`": None}
_QUOTE = re.compile("['\"]")
_NEVER = re.compile("[\x00\ud800-\udfff]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_PAIR = re.compile(r"--|/\*|//|::|->|=>|==|\*\*|<<|>>|!(?!=)|:(?![A-Za-z_])")
_PAIR_MEANT = {"==": "=", "!": "not", "**": "*", "::": None, ":": None}


def check_text(text: str) -> None:
    """Refused where the text is too long or holds what no condition holds. Text in quotes may hold anything seen."""
    if len(text) > LONGEST or len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        raise Refused(
            "too_long",
            f"a condition has at most {LONGEST} bytes",
            f"条件不得超过 {LONGEST} 字节",
            position(text, LONGEST),
        )
    if found := _NEVER.search(text):
        raise Refused("bad_character", "a character that no text holds", "含有非法字符", position(text, found.start()))
    outside = _blank_quotes(text)
    for offset, char in enumerate(outside):
        if char not in _PLAIN:
            raise _bad_character(text, offset, char)
    if found := _PAIR.search(outside):
        raise _bad_pair(text, found.start(), found.group())
    if not outside.strip():
        raise Refused("empty", "there is no condition", "条件为空", position(text, 0))


def _blank_quotes(text: str) -> str:
    """The text with blanks for what is quoted; a doubled quote within quotes is one quote. As long as the text."""
    parts: list[str] = []
    offset = 0
    while (found := _QUOTE.search(text, offset)) is not None:
        start, quote = found.start(), found.group()
        end = text.find(quote, start + 1)
        while end != -1 and text.startswith(quote, end + 1):
            end = text.find(quote, end + 2)
        if end == -1:
            raise Refused("open_quote", "a quote is not closed", "引号未闭合", position(text, start))
        parts += [text[offset:start], quote, " " * (end - start - 1), quote]
        offset = end + 1
    return "".join(parts) + text[offset:]


def _bad_character(text: str, offset: int, char: str) -> Refused:
    at = position(text, offset)
    if _UNSEEN.match(char):
        return Refused(
            "bad_character",
            f"a character that cannot be seen (U+{ord(char):04X})",
            f"含有不可见字符 U+{ord(char):04X}",
            at,
        )
    meant = _LOOKALIKE.get(char) or _MEANT.get(char)
    return Refused("bad_character", f"{char} stands for nothing here", f"此处不能使用 {char}", at, meant)


def _bad_pair(text: str, offset: int, pair: str) -> Refused:
    at = position(text, offset)
    if pair in ("--", "/*", "//"):
        return Refused("comment", "a condition holds no comments", "条件中不能有注释", at)
    return Refused(
        "bad_character", f"{pair} stands for nothing here", f"此处不能使用 {pair}", at, _PAIR_MEANT.get(pair)
    )
