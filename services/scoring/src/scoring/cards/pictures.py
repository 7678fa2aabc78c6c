"""Small pictures as SVG text: curves, bars, columns. No script, no font, no address; colours by the page's classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

WIDTH, HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 12, 44

Words = tuple[str, str]
"""In Chinese and in English."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """Points joined by a line; `kind` is a class of the page: `one`, `two` or `soft`. `dots` marks each point."""

    points: Sequence[Point]
    kind: str = "one"
    dots: bool = False


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its value (null: none), and the words beside it."""

    name: Words
    value: float | None
    said: str
    kind: str = "one"


def words(text: Words) -> str:
    """Both languages as HTML; the page shows one of them."""
    return f'<span class="zh">{escape(text[0])}</span><span class="en">{escape(text[1])}</span>'


def curves(
    drawn: Sequence[Curve], label: Words, x: Words, y: Words, highest: Point = (1.0, 1.0), lowest: float = 0.0
) -> str:
    """Curves over axes from 0, upright from `lowest` on, to `highest` or a little farther.

    What lies outside is drawn on the edge.
    """
    across, up = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    low = -_round_end(-lowest) if lowest < 0 else 0.0
    far, high = _round_end(highest[0]), _round_end(highest[1]) - low

    def place(point: Point) -> Point:
        return (
            _LEFT + min(max(point[0] / far, 0.0), 1.0) * across,
            HEIGHT - _BOTTOM - min(max((point[1] - low) / high, 0.0), 1.0) * up,
        )

    parts = []
    for n in range(5):
        at_x, at_y = place((far * n / 4, low + high * n / 4))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at_y:.1f}" y2="{at_y:.1f}"/>')
        parts.append(_text(_LEFT - 6, at_y + 4, _short(low + high * n / 4), "end"))
        parts.append(_text(at_x, HEIGHT - _BOTTOM + 18, _short(far * n / 4), "middle"))
    parts.append(_both((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8, x, "middle"))
    parts.append(_both(_LEFT + 6, _TOP + 10, y))
    for curve in drawn:
        placed = [place(point) for point in curve.points if all(map(isfinite, point))]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in placed)
        parts.append(f'<polyline class="line {curve.kind}" points="{line}"/>')
        if curve.dots:
            parts.extend(f'<circle class="{curve.kind}" cx="{a:.1f}" cy="{b:.1f}" r="4"/>' for a, b in placed)
    return _svg(HEIGHT, label, parts)


def bars(rows: Sequence[Bar], label: Words) -> str:
    """Horizontal bars on one scale from 0; a negative value's bar is as long, in the second colour."""
    step, left = 28, 250
    longest = max((abs(row.value) for row in rows if row.value is not None), default=0.0) or 1.0
    parts = []
    for number, row in enumerate(rows):
        y = number * step + 4
        width = abs(row.value or 0.0) / longest * (WIDTH - left - 110)
        kind = "two" if (row.value or 0.0) < 0 else row.kind
        parts.append(_both(left - 10, y + 15, row.name, "end"))
        parts.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{max(1.0, width):.1f}" height="20" rx="3"/>')
        parts.append(_text(left + width + 8, y + 15, row.said))
    return _svg(step * len(rows) + 6, label, parts)


def columns(groups: Sequence[tuple[str, Sequence[float | None]]], label: Words, low: float = 0.0) -> str:
    """Upright columns from `low` on, one group a name, the first in the first colour, the second in the second."""
    up, foot = HEIGHT - _TOP - _BOTTOM, HEIGHT - _BOTTOM
    most = max((v for _, values in groups for v in values if v is not None), default=low + 1.0)
    long = _round_end(most - low)
    wide = (WIDTH - _LEFT - _RIGHT) / max(1, len(groups))
    parts = []
    for n in range(5):
        y = foot - up * n / 4
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(_LEFT - 6, y + 4, _short(low + long * n / 4), "end"))
    for place, (name, values) in enumerate(groups):
        begin, each = _LEFT + place * wide + wide * 0.1, wide * 0.8 / max(1, len(values))
        for n, value in enumerate(values):
            if value is not None:
                tall = max(0.0, value - low) / long * up
                parts.append(
                    f'<rect class="{"two" if n else "one"}" x="{begin + n * each:.1f}" y="{foot - tall:.1f}"'
                    f' width="{each:.1f}" height="{tall:.1f}"/>'
                )
        parts.append(_text(_LEFT + (place + 0.5) * wide, foot + 18, name, "middle"))
    return _svg(HEIGHT, label, parts)


def _round_end(length: float) -> float:
    """The shortest length of four equal parts with one digit each, or 1.5 and 2.5, that is no shorter than this one."""
    if not length > 0:
        return 1.0
    unit = 10.0 ** floor(log10(length / 4))
    return next(
        4 * part * unit for part in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if 4 * part * unit >= length * (1 - 1e-9)
    )


def _short(value: float) -> str:
    return f"{value:.3g}"


def _svg(height: int, label: Words, parts: Sequence[str]) -> str:
    title = escape(f"{label[0]} / {label[1]}")
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    shown = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{shown}>{escape(text)}</text>'


def _both(x: float, y: float, text: Words, anchor: str = "start") -> str:
    return _text(x, y, text[0], anchor, "zh") + _text(x, y, text[1], anchor, "en")
