"""Patterns of LIKE as tokens, and how a text is held against them without a regular expression. Pure."""

from collections.abc import Callable

ANY, ONE = 0, 1
Pattern = tuple[str | int, ...]


class BadPattern(Exception):
    """The pattern says something of which two engines think differently."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


def read_pattern(pattern: str, escape: str | None) -> Pattern:
    """The pattern's tokens; BadPattern."""
    if escape is None and "\\" in pattern:
        raise BadPattern("a backslash in a pattern needs an ESCAPE", "模式中的反斜杠需要 ESCAPE")
    if escape is not None and (len(escape) != 1 or escape in "%_"):
        raise BadPattern("ESCAPE is one character, no % and no _", "ESCAPE 应为一个字符，且不是 % 或 _")
    tokens: list[str | int] = []
    chars = iter(pattern)
    for char in chars:
        if char == escape:
            taken = next(chars, "")
            if not taken or taken not in ("%", "_", escape):
                raise BadPattern("the escape stands before %, _ or itself", "转义符之后应为 %、_ 或其自身")
            _add_text(tokens, taken)
        elif char == "%":
            if not tokens or tokens[-1] != ANY:
                tokens.append(ANY)
        elif char == "_":
            tokens.append(ONE)
        else:
            _add_text(tokens, char)
    return tuple(tokens)


def _add_text(tokens: list[str | int], char: str) -> None:
    if tokens and isinstance(tokens[-1], str):
        tokens[-1] += char
    else:
        tokens.append(char)


def written(pattern: Pattern) -> str:
    """The pattern for `ESCAPE '!'`."""
    parts = []
    for token in pattern:
        if isinstance(token, str):
            parts.append(token.replace("!", "!!").replace("%", "!%").replace("_", "!_"))
        else:
            parts.append("%" if token == ANY else "_")
    return "".join(parts)


def matcher(pattern: Pattern) -> Callable[[str], bool]:
    """A function that says whether a text matches; its work is bounded by text times pattern."""
    match pattern:
        case ():
            return lambda text: text == ""
        case (str() as whole,):
            return lambda text: text == whole
        case (0,):
            return lambda text: True  # noqa: ARG005 - any text
        case (str() as start, 0):
            return lambda text: text.startswith(start)
        case (0, str() as end):
            return lambda text: text.endswith(end)
        case (0, str() as part, 0):
            return lambda text: part in text
        case _:
            steps = [step for token in pattern for step in (token if isinstance(token, str) else (token,))]
            return lambda text: _matches(text, steps)


def _matches(text: str, steps: list[str | int]) -> bool:
    """Two pointers: on a mismatch the last `%` takes one character more."""
    at = step = 0
    star, resume = -1, 0
    while at < len(text):
        if step < len(steps) and steps[step] == ANY:
            star, resume = step, at
            step += 1
        elif step < len(steps) and (steps[step] == ONE or steps[step] == text[at]):
            at += 1
            step += 1
        elif star >= 0:
            resume += 1
            at, step = resume, star + 1
        else:
            return False
    return all(rest == ANY for rest in steps[step:])
