"""Why a text is no condition: a stable code, where it is, and the reason in both languages."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_LONGEST_NAME = 64


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


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one; None where nothing is."""
    name = name[:_LONGEST_NAME].lower()
    ordered = sorted(known)
    # The same letters in another order are the likeliest slip: `nad` is AND, not END.
    found = [other for other in ordered if len(other) == len(name) and sorted(other) == sorted(name)]
    found = found or get_close_matches(name, ordered, n=1, cutoff=0.6)
    return found[0] if found else None
