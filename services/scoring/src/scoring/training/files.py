"""A flat file as a training table: read as text, every cell that does not fit named by its line."""

import csv
import gzip
import hashlib
import io
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scoring.file_spec import Column, FileData, Protected
from scoring.spec import SpecRefused, Split, TrainingSpec
from scoring.training.examples import Examples

if TYPE_CHECKING:
    import _csv

MOST_ROWS = 5_000_000
MOST_BYTES = 1 << 30
"""Of a file as it is unpacked: a small archive may hold a very large one."""
SLICES = 5
SHOWN_VALUES = 8
_TRUE, _FALSE = frozenset({"1", "true", "yes", "y", "t"}), frozenset({"0", "false", "no", "n", "f"})
# A level with fewer rows tells less of its own than of everybody.
_WEIGHT = 20.0

Table = Mapping[str, Sequence[str]]
Lines = Sequence[int]
"""Each row's line in the file, as an editor counts them: blank lines hold no row, a cell may have several lines."""


def read_file(path: Path, spec: TrainingSpec) -> Examples:
    """Return the examples of a file; raises SpecRefused naming line and column of what does not fit."""
    data = spec.file
    assert data is not None  # noqa: S101 - the validator holds it
    needed = data.needed() | ({spec.split.column} if spec.split.column else set())
    table, lines = _parquet(path, data, needed) if data.format == "parquet" else _text(path, data, needed)
    label = _among(table, data.label.column, data.label.positive)
    days = _days(table[data.time], data.time, lines) if data.time else None
    test = _held_back(spec, table, days)
    refused = data.refused(credit=spec.about.risk_class == "high_risk") | _too_late(data, table, lines)
    names = tuple(name for name in data.columns if name not in refused)
    levels: dict[str, tuple[str, ...]] = {}
    columns: list[NDArray[np.float32]] = []
    for name in names:
        column = data.columns[name]
        cells = table[data.heading(name, column)]
        if column.type == "category":
            levels[name] = _levels(cells, label, ~test)
            columns.append(_codes(cells, levels[name]))
        else:
            columns.append(_numbers(cells, name, column, lines))
    rows = np.column_stack(columns) if columns else np.empty((len(label), 0), np.float32)
    groups = {name: _groups(table[one.column], one, lines) for name, one in data.protected.items()}
    by_customer = spec.split.by == "customer" and spec.split.column
    whose = np.unique(np.array(table[by_customer]), return_inverse=True)[1] if by_customer else None
    arm = data.treatment
    treated = _among(table, arm.column, arm.treated) if arm is not None else None
    return Examples(names, rows, label, test, levels, groups, _slices(days), refused, whose, treated)


def _among(table: Table, heading: str, values: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows' cells are among the values; SpecRefused where none is, naming what the column holds."""
    cells = np.array(table[heading])
    found = np.isin(cells, values)
    if len(cells) and not found.any():
        known = [repr(str(one)) for one in np.unique(cells)[:SHOWN_VALUES]]
        raise SpecRefused(
            f"no row's {heading} is {' or '.join(map(repr, values))}: the column holds {', '.join(known)}",
            f"列 {heading} 中没有 {'、'.join(map(repr, values))}，其取值有 {'、'.join(known)}",
        )
    return found


def _text(path: Path, data: FileData, needed: set[str]) -> tuple[Table, Lines]:
    text = unpacked(path.read_bytes(), data.sha256, data.encoding)
    return _rows(csv.reader(io.StringIO(text, newline=""), delimiter=data.separator), data, needed)


def unpacked(raw: bytes, sha256: str, encoding: str) -> str:
    """The text of a file as it was sent, perhaps packed by gzip; raises SpecRefused."""
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise SpecRefused("the file is not the one that the spec names", "文件与规格中的校验值不符")
    if raw.startswith(b"\x1f\x8b"):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
                raw = packed.read(MOST_BYTES + 1)
        except (OSError, EOFError) as broken:
            raise SpecRefused(f"the file does not unpack: {broken}", "文件无法解压") from broken
    if len(raw) > MOST_BYTES:
        raise SpecRefused(f"the file unpacks to more than {MOST_BYTES >> 20} MB", "文件解压后过大")
    try:
        return raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as broken:
        line = raw.count(b"\n", 0, broken.start) + 1
        raise SpecRefused(f"line {line} is not {encoding}", f"第 {line} 行不是 {encoding} 编码") from broken


def _rows(lines: "_csv.Reader", data: FileData, needed: set[str]) -> tuple[Table, Lines]:
    headings = list(data.headings) or next(lines, [])
    _complete(headings, needed)
    kept = [index for index, heading in enumerate(headings) if heading in needed]
    cells: list[list[str]] = [[] for _ in kept]
    numbers = array("q")
    for row in lines:
        if not row:
            continue
        if len(row) != len(headings):
            raise SpecRefused(
                f"line {lines.line_num} has {len(row)} cells, not {len(headings)}",
                f"第 {lines.line_num} 行有 {len(row)} 列，应为 {len(headings)} 列",
            )
        for column, index in zip(cells, kept, strict=True):
            column.append(row[index].strip())
        numbers.append(lines.line_num)
        if len(numbers) > MOST_ROWS:
            raise SpecRefused(f"the file has more than {MOST_ROWS} rows", f"文件超过 {MOST_ROWS} 行")
    return {headings[index]: column for index, column in zip(kept, cells, strict=True)}, numbers


def _parquet(path: Path, data: FileData, needed: set[str]) -> tuple[Table, Lines]:
    if hashlib.sha256(path.read_bytes()).hexdigest() != data.sha256:
        raise SpecRefused("the file is not the one that the spec names", "文件与规格中的校验值不符")
    try:
        file = pq.ParquetFile(path)
        _complete(file.schema_arrow.names, needed)
        if file.metadata.num_rows > MOST_ROWS:
            raise SpecRefused(f"the file has more than {MOST_ROWS} rows", f"文件超过 {MOST_ROWS} 行")
        table = file.read(columns=sorted(needed))
    except (OSError, ValueError) as broken:
        raise SpecRefused(f"the file is no Parquet: {broken}", "文件不是 Parquet 格式") from broken
    cells = {name: ["" if v is None else str(v) for v in table[name].to_pylist()] for name in table.column_names}
    return cells, range(1, table.num_rows + 1)


def _complete(headings: Sequence[str], needed: set[str]) -> None:
    if missing := sorted(needed - set(headings)):
        raise SpecRefused(f"the file has no column {', '.join(missing)}", f"文件缺少列：{'、'.join(missing)}")
    if len(set(headings)) != len(headings):
        raise SpecRefused("two columns of the file have one heading", "文件中有重复的列名")


def _held_back(spec: TrainingSpec, table: Table, days: NDArray[np.datetime64] | None) -> NDArray[np.bool_]:
    split = spec.split
    data = spec.file
    assert data is not None  # noqa: S101 - the validator holds it
    rows = len(table[data.label.column])
    if split.by == "row":
        assert split.modulo is not None  # noqa: S101 - the validator holds it
        return np.asarray(np.arange(rows) % split.modulo == split.test)
    if split.by == "time":
        assert days is not None  # noqa: S101 - the validator holds it
        return days >= np.datetime64(split.since)
    return _by_value(spec, split, table)


def _by_value(spec: TrainingSpec, split: Split, table: Table) -> NDArray[np.bool_]:
    assert split.column is not None  # noqa: S101 - the validator holds it
    cells = table[split.column]
    if split.by == "column":
        return _among(table, split.column, split.values)
    share = round(split.test_share * 10_000)
    hashes = (hashlib.sha256(f"split-{spec.seed}:{cell}".encode()).hexdigest()[:15] for cell in cells)
    return np.fromiter((int(digits, 16) % 10_000 < share for digits in hashes), np.bool_, len(cells))


def _levels(cells: Sequence[str], label: NDArray[np.bool_], train: NDArray[np.bool_]) -> tuple[str, ...]:
    """A category's levels by rising response among the training rows: one cut then tells as much as any set of them."""
    values, codes = np.unique(np.array(cells)[train], return_inverse=True)
    counts = np.bincount(codes, minlength=len(values))
    positives = np.bincount(codes, weights=label[train], minlength=len(values))
    rates = (positives + _WEIGHT * label[train].mean()) / (counts + _WEIGHT)
    return tuple(str(values[index]) for index in np.argsort(rates, kind="stable"))


def _codes(cells: Sequence[str], levels: Sequence[str]) -> NDArray[np.float32]:
    """The levels' places; what the training rows do not have gets the code after the last."""
    places = {level: float(place) for place, level in enumerate(levels)}
    return np.array([places.get(cell, float(len(levels))) for cell in cells], dtype=np.float32)


def _numbers(cells: Sequence[str], name: str, column: Column, lines: Lines) -> NDArray[np.float32]:
    read: Callable[[str], float] = _flag if column.type == "boolean" else _finite
    values = np.empty(len(cells), dtype=np.float32)
    for index, cell in enumerate(cells):
        try:
            values[index] = np.nan if cell == "" else read(cell)
        except ValueError:
            raise SpecRefused(
                f"line {lines[index]}: column {name} holds no {column.type}",
                f"第 {lines[index]} 行：列 {name} 的值不是 {column.type}",
            ) from None
    return values


def _flag(cell: str) -> float:
    folded = cell.casefold()
    if folded not in _TRUE | _FALSE:
        raise ValueError(cell)
    return float(folded in _TRUE)


def _finite(cell: str) -> float:
    value = float(cell)
    if not abs(value) < np.finfo(np.float32).max:
        raise ValueError(cell)
    return value


def _days(cells: Sequence[str], heading: str, lines: Lines) -> NDArray[np.datetime64]:
    days: list[date] = []
    for index, cell in enumerate(cells):
        try:
            days.append(date.fromisoformat(cell[:10]))
        except ValueError:
            raise SpecRefused(
                f"line {lines[index]}: column {heading} holds no date", f"第 {lines[index]} 行：列 {heading} 不是日期"
            ) from None
    return np.array(days, dtype="datetime64[D]")


def _too_late(data: FileData, table: Table, lines: Lines) -> dict[str, str]:
    """Return the columns of which a value is later than its row's label: they have seen the answer."""
    if data.label.dated is None:
        return {}
    known_by = _days(table[data.label.dated], data.label.dated, lines)
    return {
        name: "after_label"
        for name, column in data.columns.items()
        if column.dated and (_days(table[column.dated], column.dated, lines) > known_by).any()
    }


def _groups(cells: Sequence[str], protected: Protected, lines: Lines) -> NDArray[np.str_]:
    if not protected.bands:
        return np.array(cells)
    edges = sorted(protected.bands)
    names = [
        f"< {edges[0]:g}",
        *(f"{a:g} to {b:g}" for a, b in pairwise(edges)),
        f">= {edges[-1]:g}",
    ]
    values = _numbers(cells, protected.column, Column(), lines)
    known = np.array(names)[np.searchsorted(edges, values, side="right").clip(0, len(edges))]
    return np.where(np.isnan(values), "unknown", known)


def _slices(days: NDArray[np.datetime64] | None) -> NDArray[np.str_] | None:
    """Consecutive spans with about as many rows each, named by their first day."""
    if days is None or not len(days):
        return None
    cuts = np.unique(np.sort(days)[np.arange(SLICES) * len(days) // SLICES])
    return cuts.astype(str)[np.searchsorted(cuts, days, side="right") - 1]
