"""Bars as SVG texts, without a script and without anything from elsewhere. Every text is escaped here."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil

_WIDE, _HIGH, _LEFT, _FOOT = 960, 200, 48, 22
_ROW, _NAME, _END = 24, 240, 190
# A name longer than this is cut; the bar's own words have it whole.
_SHORT = 30
# So many labels under the bars at most, and so wide at most.
_LABELS, _LABEL = 12, 72


def columns(label: str, series: Sequence[tuple[str, Mapping[str, int]]], names: Mapping[str, str] | None = None) -> str:
    """Upright bars over the keys of the first series; a second series stands beside it. `names` are shown for keys."""
    keys = list(series[0][1])
    top = _round_up(max((count for _, counts in series for count in counts.values()), default=0))
    step = (_WIDE - _LEFT) / max(len(keys), 1)
    wide = max(min(step * 0.8, 48) / len(series), 0.5)
    shown = max(1, ceil(len(keys) / _LABELS))
    parts, labelled = [_grid(top)], -float(_LABEL)
    for place, key in enumerate(keys):
        middle = _LEFT + step * (place + 0.5)
        name = (names or {}).get(key, key)
        for number, (what, counts) in enumerate(series):
            if count := counts.get(key, 0):
                high = (_HIGH - _FOOT - 8) * count / top
                left, said = middle + wide * (number - len(series) / 2), f"{name}: {count:,}"
                said = f"{said} ({what})" if len(series) > 1 else said
                parts.append(_bar(left, _HIGH - _FOOT - high, wide, high, number, said))
        # The last one is moved inside the frame, or left out where it would lie on the one before.
        where = min(middle, _WIDE - _LABEL / 2)
        if place % shown == 0 and where - labelled >= _LABEL:
            labelled = where
            parts.append(f'<text x="{where:.1f}" y="{_HIGH - 6}" text-anchor="middle">{escape(name)}</text>')
    return _svg(label, _HIGH, parts)


def rows(label: str, counts: Sequence[tuple[str, int, str]]) -> str:
    """Lying bars: name, number, and what is said behind the bar."""
    top = max((count for _, count, _ in counts), default=0) or 1
    room = _WIDE - _NAME - _END
    parts = []
    for place, (name, count, said) in enumerate(counts):
        y, long = place * _ROW, room * count / top
        short = name if len(name) <= _SHORT else f"{name[: _SHORT - 1]}…"
        parts.append(f'<text x="{_NAME - 8}" y="{y + 16}" text-anchor="end">{escape(short)}</text>')
        parts.append(_bar(_NAME, y + 4, max(long, 0.5), _ROW - 8, 0, f"{name}: {said}"))
        parts.append(f'<text x="{_NAME + long + 6:.1f}" y="{y + 16}">{escape(said)}</text>')
    return _svg(label, max(len(counts), 1) * _ROW, parts)


def _grid(top: int) -> str:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = _HIGH - _FOOT - (_HIGH - _FOOT - 8) * share
        said = f"{top * share:,.0f}" if top * share == int(top * share) else f"{top * share:,.1f}"
        lines.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDE}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{said}</text>')
    return "".join(lines)


def _bar(x: float, y: float, wide: float, high: float, number: int, said: str) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    return f'<rect class="bar{number}" {where}><title>{escape(said)}</title></rect>'


def _svg(label: str, high: int, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {_WIDE} {high}" role="img" aria-label="{escape(label)}">'
    return f"{head}{''.join(parts)}</svg>"


def _round_up(count: int) -> int:
    """The next number that a scale ends with: one digit and zeros."""
    scale = 1
    while True:
        for step in (1, 2, 3, 4, 5, 6, 8):
            if count <= step * scale:
                return step * scale
        scale *= 10
