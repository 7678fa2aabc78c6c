"""A backtest as one HTML page: everything in the file, no script, nothing fetched, light and dark.

Every text of the result is the bank's or a file's, so it is escaped where it enters the page.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from html import escape
from importlib.resources import files
from typing import Any

from attune.backtests.charts import columns, rows
from attune.backtests.texts import WEEKDAYS, WORDS, Language, segment

# Beyond so many days a bar is a week.
_DAYS = 200
_TOP = 20

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(result: Mapping[str, Any], language: Language) -> str:
    """The whole page."""
    made = _Page(result, language)
    title = escape(f"{made.words['backtest']}: {made.name(result)}")
    style = files("attune.backtests").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>\n{style}</style></head>"
    )
    return f"{head}<body>{''.join(made.parts())}</body></html>\n"


class _Page:
    """The parts of one page."""

    def __init__(self, result: Mapping[str, Any], language: Language) -> None:
        self.result, self.language, self.words = result, language, WORDS[language]
        self.other: Mapping[str, Any] | None = result.get("against")

    def parts(self) -> Iterator[str]:
        result = self.result
        days = f"{result['from']} {self.words['to']} {result['to']}"
        title = result["definition"]["title"][self.language]
        yield f"<header><h1>{escape(title)}</h1>"
        said = " · ".join((self.words["backtest"], self.name(result), days))
        yield f'<p class="soft">{escape(said)}</p></header>'
        yield self.definition()
        yield self.figures()
        if self.other is not None:
            yield self.side_by_side(self.other)
        yield from self.when()
        yield from self.whose()
        yield self.overlap()
        yield from self.managers()
        yield f"<footer>{escape(self.words['footer'])}</footer>"

    def name(self, one: Mapping[str, Any]) -> str:
        version = self.words["file"] if one["version"] is None else f"v{one['version']}"
        return f"{one['trigger']} ({version})"

    # --- what ---

    def definition(self) -> str:
        tried = [self.result] if self.other is None else [self.result, self.other]
        said = []
        for number, one in enumerate(tried):
            key = f'<span class="key{" two" if number else ""}">{escape(self.name(one))}</span>'
            texts = one["definition"]
            meaning, sentence = (escape(texts[part][self.language]) for part in ("meaning", "sentence"))
            said.append(f'<p>{key if self.other else ""}{meaning}</p><p class="soft">{sentence}</p>')
        return self.section("definition", "".join(said))

    def figures(self) -> str:
        result, managers = self.result, self.result["managers"]
        shown = {
            "detections": f"{result['detections']:,}",
            "subjects": f"{result['subjects']:,}",
            "a_day": f"{result['detections'] / managers['days']:.1f}",
            "most_a_day": f"{managers['most_a_day']:,}",
            "needed": f"{managers['needed']:,}",
        }
        if result["settled"] != result["to"]:
            shown["settled"] = result["settled"]
        return self.tiles(shown)

    def side_by_side(self, other: Mapping[str, Any]) -> str:
        customers = other["customers"]
        told: list[tuple[Any, ...]] = [
            (f"{self.words[place]} · {self.name(one)}", one["detections"], one["subjects"])
            for place, one in (("first", self.result), ("second", other))
        ]
        told += [(self.words[part], other[part], customers[part]) for part in ("both", "only_this", "only_other")]
        return self.section("side_by_side", self.table(("", "detections", "customers"), told))

    # --- when ---

    def when(self) -> Iterator[str]:
        first, last = (date.fromisoformat(self.result[end]) for end in ("from", "to"))
        weekly = (last - first).days >= _DAYS
        step = 7 if weekly else 1
        begin = first - timedelta(first.weekday()) if weekly else first
        slots = [begin + timedelta(number) for number in range(0, (last - begin).days + 1, step)]
        series = [(what, _filled(counts, begin, step, slots)) for what, counts in self.series("per_day")]
        kind = "per_week" if weekly else "per_day"
        yield self.section(kind, columns(self.words[kind], series))
        months = sorted({month for _, counts in self.series("by_month") for month in counts})
        told = [(what, {month: counts.get(month, 0) for month in months}) for what, counts in self.series("by_month")]
        yield self.section("by_month", columns(self.words["by_month"], told))
        days = {day: self.result["by_weekday"][day] for day in WEEKDAYS}
        yield self.section("by_weekday", columns(self.words["by_weekday"], [("", days)], self.words))

    def series(self, name: str) -> list[tuple[str, dict[str, int]]]:
        tried = [self.result] if self.other is None else [self.result, self.other]
        return [(self.name(one), dict(one[name])) for one in tried]

    # --- whose ---

    def whose(self) -> Iterator[str]:
        branches = self.result["by_branch"]
        named = [(" ".join(filter(None, (one["branch"], one["name"]))) or self.words["none"], one) for one in branches]
        yield self.section("by_branch", self.bars("by_branch", named))
        segments = self.result["by_segment"]
        if not segments["known"]:
            yield self.section("by_segment", f'<p class="soft">{escape(segments[self.language])}</p>')
            return
        parts = [(segment(one["segment"], one["value"], self.language), one) for one in segments["parts"]]
        notes = [self.words["on_its_day"].format(day=segments["as_of"])]
        if segments["told_later"]:
            notes.append(self.words["told_later"].format(count=f"{segments['told_later']:,}"))
        said = "".join(f'<p class="soft">{escape(note)}</p>' for note in notes)
        yield self.section("by_segment", said + self.bars("by_segment", parts))

    def bars(self, what: str, named: list[tuple[str, Mapping[str, Any]]]) -> str:
        said = self.words["beside_customers"]
        shown = [
            (name, one["detections"], said.format(count=f"{one['detections']:,}", customers=f"{one['customers']:,}"))
            for name, one in named[:_TOP]
        ]
        more = len(named) - _TOP
        rest = f'<p class="soft">{escape(self.words["more"].format(count=f"{more:,}"))}</p>' if more > 0 else ""
        return rows(self.words[what], shown) + rest

    # --- beside what, and by whom ---

    def overlap(self) -> str:
        overlap = self.result["overlap"]
        heading = self.words["overlap"].format(days=overlap["within_days"])
        if not overlap["triggers"]:
            return self.section("overlap", f'<p class="soft">{escape(self.words["no_overlap"])}</p>', heading)
        told = [
            (one["trigger"], one["detections"], one["shared"], f"{one['share']:.1%}") for one in overlap["triggers"]
        ]
        return self.section("overlap", self.table(("trigger", "its_detections", "shared", "share"), told), heading)

    def managers(self) -> Iterator[str]:
        managers = self.result["managers"]
        if not managers["known"]:
            yield self.section("managers", f'<p class="soft">{escape(managers[self.language])}</p>')
            return
        shown = {
            "mean_a_manager": f"{managers['mean_a_day']:.2f}",
            "days_over": f"{managers['days_over']:,}",
            "beyond": f"{managers['beyond']:,}",
            "without_manager": f"{managers['without_manager']:,}",
        }
        names = ("manager", "capacity", "customers", "detections", "most_a_day", "on", "days_over", "beyond")
        told = [tuple(one[name] for name in names) for one in managers["busiest"]]
        yield self.section("managers", self.tiles(shown) + self.table(names, told))

    # --- pieces ---

    def section(self, name: str, content: str, heading: str | None = None) -> str:
        return f"<section><h2>{escape(heading or self.words[name])}</h2>{content}</section>"

    def tiles(self, figures: Mapping[str, str]) -> str:
        each = (
            f"<div><b>{escape(value)}</b><span>{escape(self.words[name])}</span></div>"
            for name, value in figures.items()
        )
        return f'<div class="figures">{"".join(each)}</div>'

    def table(self, names: Iterable[str], told: Iterable[tuple[Any, ...]]) -> str:
        head = "".join(f"<th>{escape(self.words.get(name, ''))}</th>" for name in names)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in told)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return f"<td>{escape(f'{value:,}' if isinstance(value, int) else str(value))}</td>"


def _filled(counts: Mapping[str, int], begin: date, step: int, slots: list[date]) -> dict[str, int]:
    """The counts of every slot, also of those without any."""
    found = dict.fromkeys((slot.isoformat() for slot in slots), 0)
    for day, count in counts.items():
        slot = slots[(date.fromisoformat(day) - begin).days // step]
        found[slot.isoformat()] += count
    return found
