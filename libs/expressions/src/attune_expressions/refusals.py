"""Why a text is no condition: a stable code, where it is, and the reason in both languages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """Where in the text, both from 1; the column counts code points."""

    line: int
    column: int


def position(text: str, offset: int) -> Position:
    """The line and column of an offset."""
    before = text[: max(offset, 0)]
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


class Refused(Exception):
    """The text is no condition of ours. Nothing of it is kept: it is refused when it is saved, never when it runs."""

    def __init__(self, code: str, en: str, zh: str, at: Position, near: str | None = None) -> None:
        if near is not None:
            en, zh = f"{en}; did you mean {near}?", f"{zh}；是否为 {near}？"
        super().__init__(f"line {at.line}, column {at.column}: {en}")
        self.code = code
        self.en = en
        self.zh = zh
        self.at = at
        self.near = near
