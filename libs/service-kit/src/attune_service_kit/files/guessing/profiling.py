"""What the columns of an unknown file hold: dates and in which form, amounts and with which mark, codes, ids, texts."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["empty", "date", "moment", "amount", "number", "flag", "code", "id", "text"]

_DATES = {
    "YYYYMMDD": (re.compile(r"\d{8}"), "%Y%m%d"),
    "YYYY-MM-DD": (re.compile(r"\d{4}-\d\d-\d\d"), "%Y-%m-%d"),
    "YYYY/MM/DD": (re.compile(r"\d{4}/\d\d/\d\d"), "%Y/%m/%d"),
    "DD.MM.YYYY": (re.compile(r"\d\d\.\d\d\.\d{4}"), "%d.%m.%Y"),
    "DD/MM/YYYY": (re.compile(r"\d\d/\d\d/\d{4}"), "%d/%m/%Y"),
    "MM/DD/YYYY": (re.compile(r"\d\d/\d\d/\d{4}"), "%m/%d/%Y"),
    "YYYY年MM月DD日": (re.compile(r"\d{4}年\d\d月\d\d日"), "%Y年%m月%d日"),
    "YYMMDD": (re.compile(r"\d{6}"), "%y%m%d"),
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?")
_MOMENTS = {
    "YYYYMMDDhhmmss": (re.compile(r"\d{14}"), "%Y%m%d%H%M%S"),
    "YYMMDD hh:mm:ss": (re.compile(r"\d{6} \d\d:\d\d:\d\d"), "%y%m%d %H:%M:%S"),
}
_POINT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?")
_TRAILING = re.compile(r"[\d.,]+[+-]")
_WHOLE = re.compile(r"\d{1,9}")
_FLAGS = {frozenset(pair) for pair in (("Y", "N"), ("0", "1"), ("T", "F"), ("true", "false"), ("是", "否"))}
# More different values than this are no codes.
_CODES = 40


@dataclass(frozen=True)
class ColumnGuess:
    """One column: what it seems to hold, how it is written, and the values seen most."""

    name: str
    kind: Kind
    filled: float  # share of the rows that have a value
    distinct: int
    options: dict[str, object] = field(default_factory=dict)  # options of a mapping's source that follow
    seen: tuple[str, ...] = ()  # codes, or a few of the values
    repeated: bool = False  # some value comes again

    @property
    def words(self) -> str:
        """In a few words, for people."""
        how = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return f"{self.kind}{f' ({how})' if how else ''}"


def profile(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[ColumnGuess]:
    """Guess each column from the first rows."""
    columns = ([row[place].strip() for row in rows] for place in range(len(names)))
    return [_guess(name, values) for name, values in zip(names, columns, strict=True)]


def _guess(name: str, values: list[str]) -> ColumnGuess:
    given = [value for value in values if value]
    counts = Counter(given)
    filled = len(given) / len(values) if values else 0.0
    kind, options = _kind(given, counts)
    seen = tuple(value for value, _ in counts.most_common(_CODES if kind in ("code", "flag") else 3))
    return ColumnGuess(name, kind, round(filled, 3), len(counts), options, seen, len(counts) < len(given))


def _kind(given: list[str], counts: "Counter[str]") -> tuple[Kind, dict[str, object]]:
    if not given:
        return "empty", {}
    if dated := _date(given):
        return "date", dated
    if (moment := _moment(given)) is not None:
        return "moment", moment
    if frozenset(counts) in _FLAGS:
        return "flag", {}
    unique = len(counts) == len(given)
    whole = all(_WHOLE.fullmatch(value) for value in given)
    if (amount := _amount(given)) is not None:
        return "amount", amount
    if len(counts) <= _CODES and len(given) > 3 * len(counts):
        return "code", {}
    if unique or (len(counts) > 0.9 * len(given) and not any(" " in value for value in given)):
        return "id", {}
    return ("number", {}) if whole else ("text", {})


def _date(given: list[str]) -> dict[str, object] | None:
    for format_, (shape, code) in _DATES.items():
        if not all(shape.fullmatch(value) for value in given):
            continue
        if not all(_parses(value, code) for value in given):
            if format_ == "YYMMDD" and (plus := _women(given)):
                return plus
            continue
        # Six digits are also numbers: as dates they must hold together.
        if format_ == "YYMMDD":
            return {"format": format_, "century": 1930}
        if format_ == "YYYYMMDD" and not all("1900" <= value[:4] <= "2100" for value in given):
            continue
        return {"format": format_}
    return None


def _women(given: list[str]) -> dict[str, object] | None:
    """Birth dates whose month carries 50 for women."""
    months = [int(value[2:4]) for value in given]
    fitting = all(1 <= (month - 50 if month > 50 else month) <= 12 for month in months)
    return {"format": "YYMMDD", "century": 1930, "women_month_plus": 50} if fitting else None


def _moment(given: list[str]) -> dict[str, object] | None:
    if all(_MOMENT.fullmatch(value) for value in given):
        offset = all(re.search(r"(Z|[+-]\d\d:?\d\d)$", value) for value in given)
        return {} if offset else {"zone": "Asia/Shanghai"}
    for format_, (shape, code) in _MOMENTS.items():
        if all(shape.fullmatch(value) and _parses(value, code) for value in given):
            return {"format": format_} | ({"century": 1930} if format_.startswith("YYM") else {})
    return None


def _amount(given: list[str]) -> dict[str, object] | None:
    """Numbers of which at least one has a fraction or a mark between thousands."""
    options: dict[str, object] = {}
    if any(_TRAILING.fullmatch(value) for value in given):
        options["minus"] = "trailing"
        given = [value.rstrip("+-") for value in given]
    for shape, decimal, thousands in ((_POINT, ".", ","), (_COMMA, ",", ".")):
        if not all(shape.fullmatch(value) for value in given):
            continue
        # 1.234 may be either: a fraction of three digits alone says nothing.
        fractions = [value.rpartition(decimal)[2] for value in given if decimal in value]
        if fractions and any(len(fraction) != 3 for fraction in fractions):
            marks = {"decimal": ","} if decimal == "," else {}
            return options | marks | ({"thousands": thousands} if any(thousands in value for value in given) else {})
        if any(thousands in value for value in given):
            return options | {"thousands": thousands}
    return options or None


def _parses(value: str, code: str) -> bool:
    try:
        datetime.strptime(value, code)
    except ValueError:
        return False
    return True
