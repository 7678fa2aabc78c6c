"""Sheets of workbooks, and rows of the mapping itself, as lines with UNIT between the values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from attune_service_kit.files.layouts import BLANK, UNIT, Piece
from attune_service_kit.files.mapping import Excel
from attune_service_kit.files.packing import UnreadableFile, check_workbook

_ROWS = 2_000
_MARK = UNIT.decode()


def sheet_rows(path: Path, form: Excel) -> Iterator[list[str]]:
    """Yield the rows of a sheet as texts, from its first row on. Raises UnreadableFile."""
    check_workbook(path)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        if form.sheet is not None and form.sheet not in workbook.sheet_names:
            found = ", ".join(map(repr, workbook.sheet_names))
            text = f"{path.name} has no sheet {form.sheet!r}; it has {found}"
            raise UnreadableFile(text, f"{path.name} 没有工作表 {form.sheet!r}；现有：{found}")
        sheet = workbook.get_sheet_by_name(form.sheet) if form.sheet else workbook.get_sheet_by_index(0)
        for row in sheet.iter_rows():
            yield [_cell(value) for value in row]
    except CalamineError as error:
        text = f"{path.name}: is no workbook that can be read, or is damaged or protected"
        raise UnreadableFile(text, f"{path.name}：不是可读取的工作簿，或已损坏、已加密") from error


def _cell(value: Any) -> str:
    """A cell as a person would write it: whole numbers without a point, dates in ISO's form, formulas' last results."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(Decimal(repr(value)), "f")
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if not isinstance(value, timedelta) else str(value.total_seconds())


def pieces(rows: Iterable[Sequence[str]], width: int) -> Iterator[Piece]:
    """Pack rows into pieces; a row of only empty cells is no record."""
    lines: list[str] = []
    broken: dict[int, str] = {}
    placeholder = "-" + _MARK * (width - 1)
    for row in rows:
        reason = _fault(row, width)
        if reason is not None:
            broken[len(lines)] = reason
        lines.append(_MARK.join([*row, *[""] * (width - len(row))]) if reason is None else placeholder)
        if len(lines) == _ROWS:
            yield _packed(lines, broken)
            lines, broken = [], {}
    if lines:
        yield _packed(lines, broken)


def _packed(lines: Sequence[str], broken: dict[int, str]) -> Piece:
    return Piece(("\n".join(lines) + "\n").encode("utf-8", "replace"), len(lines), broken)


def _fault(row: Sequence[str], width: int) -> str | None:
    if not any(cell.strip() for cell in row):
        return BLANK
    if any(cell.strip() for cell in row[width:]):
        return f"has more values than the {width} columns"
    if any(mark in cell for cell in row for mark in ("\n", "\r", "\0", _MARK)):
        return "a value holds a line break"
    return None


def given_rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the rows that a mapping gives itself."""
    for row in rows:
        yield [_written(row.get(name)) for name in names]


def _written(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
