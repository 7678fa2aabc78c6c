"""What sections of a card are made of: its facts, a section, a table, a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from scoring.cards.pictures import Words, words
from scoring.spec import About


@dataclass(frozen=True)
class Facts:
    """What a page is made of: the model, the version's hash, and what its training or its bank said of it."""

    about: About
    sha256: str
    metrics: Mapping[str, float]
    card: Mapping[str, Any]
    snapshot: Mapping[str, Any]


def section(title: Words, lead: Words, content: str) -> str:
    """A part of the page: its title, what it shows, and that."""
    return f'<section><h2>{words(title)}</h2><p class="soft">{words(lead)}</p>{content}</section>'


def table(heads: Sequence[Words], rows: Sequence[Sequence[str]]) -> str:
    """A table; the cells are HTML."""
    lines = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{words(head)}</th>' for head in heads)}</tr>{''.join(lines)}</table>"


def number(value: object) -> str:
    """A number as it is read: a dash for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return "–"
    return f"{int(value):,}" if isinstance(value, int) or value == int(value) > 1 else f"{value:.4g}"
