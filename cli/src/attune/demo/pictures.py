"""Small pictures as SVG text: bars, an interval, a distribution. Pure functions; no script, no font, no address."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640
# So many names fit below a line without touching.
TICKS = 10
INK, SOFT, ACCENT, SECOND, WARM = "#1d2733", "#8894a3", "#0b6e6e", "#9cc7c3", "#c8641b"

# The name of a bar in Chinese and in English.
Words = tuple[str, str]


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its value, and the words beside it."""

    name: Words
    value: float
    said: str
    colour: str = ACCENT


def words(text: Words) -> str:
    """Both languages as HTML; the page shows one of them."""
    return f'<span class="zh">{escape(text[0])}</span><span class="en">{escape(text[1])}</span>'


def bars(rows: Sequence[Bar], label: Words) -> str:
    """Horizontal bars on one scale that begins at 0."""
    height, step, left = 34 * len(rows) + 6, 34, 190
    longest = max((row.value for row in rows), default=0) or 1
    parts = []
    for number, row in enumerate(rows):
        y, width = number * step + 6, max(1.0, row.value / longest * (WIDTH - left - 130))
        parts.append(_both(left - 10, y + 17, row.name, "end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{width:.1f}" height="24" rx="3" fill="{row.colour}"/>')
        parts.append(_text(left + width + 8, y + 17, row.said))
    return _svg(height, label, parts)


def interval(estimate: float, low: float, high: float, truth: float) -> str:
    """An estimate with its interval on a line, and the truth beside it; shares, shown in points."""
    first, last = min(0.0, low, truth) - 0.01, max(high, truth) + 0.01

    def x(value: float) -> float:
        return 40 + (value - first) / (last - first) * (WIDTH - 80)

    parts = [f'<line x1="40" x2="{WIDTH - 40}" y1="96" y2="96" stroke="{SOFT}"/>']
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if (last - first) * 100 / step <= TICKS)
    for tick in range(-100, 101, step):
        if first <= tick / 100 <= last:
            parts.append(f'<line x1="{x(tick / 100):.1f}" x2="{x(tick / 100):.1f}" y1="92" y2="100" stroke="{SOFT}"/>')
            parts.append(_text(x(tick / 100), 118, f"{tick:+d} %" if tick else "0", "middle", SOFT))
    parts.append(f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="20" y2="96" stroke="{SOFT}" stroke-dasharray="3 3"/>')
    parts.append(
        f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="52" y2="52" stroke="{ACCENT}" stroke-width="5"'
        f' stroke-linecap="round"/><circle cx="{x(estimate):.1f}" cy="52" r="8" fill="{ACCENT}"/>'
    )
    parts.append(_text(x(estimate), 34, f"{estimate:+.2%}", "middle"))
    parts.append(f'<path d="M{x(truth):.1f} 66 l7 12 h-14 z" fill="{WARM}"/>')
    parts.append(_both(x(truth) + 12, 79, (f"真值 {truth:+.2%}", f"truth {truth:+.2%}"), "start", WARM))
    return _svg(126, ("效果及其区间与真值", "The effect, its interval and the truth"), parts)


def clock(hours: Sequence[float]) -> str:
    """How many were acted on in each two hours after they opened; the limits at 24 and 48 hours are drawn in."""
    counts = [0] * 24
    for value in hours:
        if 0 <= value < 48:
            counts[int(value // 2)] += 1
    most, width = max(counts) or 1, (WIDTH - 40) / 24
    parts = [
        f'<rect x="{20 + n * width + 1:.1f}" y="{130 - c / most * 110:.1f}" width="{width - 2:.1f}"'
        f' height="{c / most * 110:.1f}" fill="{ACCENT if n < 12 else SECOND}"/>'
        for n, c in enumerate(counts)
    ]
    parts.append(f'<line x1="20" x2="{WIDTH - 20}" y1="130" y2="130" stroke="{SOFT}"/>')
    for hour in (0, 12, 24, 36, 48):
        parts.append(_text(20 + hour / 2 * width, 148, f"{hour} h", "middle", SOFT))
    for hour in (24, 48):
        x = 20 + hour / 2 * width
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="130" stroke="{WARM}" stroke-dasharray="4 3"/>')
    return _svg(154, ("商机开出后多久被处理", "How soon opportunities were acted on"), parts)


def _svg(height: int, label: Words, parts: Sequence[str]) -> str:
    title = escape(f"{label[0]} / {label[1]}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = INK, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{colour}"{style}>{escape(text)}</text>'


def _both(x: float, y: float, text: Words, anchor: str = "start", colour: str = INK) -> str:
    zh, en = text
    return _text(x, y, zh, anchor, colour, "zh") + _text(x, y, en, anchor, colour, "en")
