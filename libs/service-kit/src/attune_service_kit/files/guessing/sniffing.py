"""How an unknown file is written: packed, encoded, separated or in fixed positions, with a heading or without."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from attune_service_kit.files.decode import MOST_COLUMNS
from attune_service_kit.files.layouts import heading
from attune_service_kit.files.mapping import Csv, Encoding, Excel, FixedWidth, Form
from attune_service_kit.files.packing import UnreadableFile, is_workbook, members
from attune_service_kit.files.sheets import sheet_rows
from attune_service_kit.files.text import codec_of

_SAMPLE = 1 << 18
_ROWS = 2_000
_SEPARATORS = (",", ";", "\t", "|", "|@|", "@|@", "|+|", "\x1f", "^", "~")
_CJK = re.compile(r"[\u4e00-\u9fff]")
# No text has these; US stands between values of some extracts, tabs and line ends belong to lines.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1e]")
_NUMBER = re.compile(r"[+-]?[\d.,]+")


@dataclass(frozen=True)
class Sniffed:
    """What was found out about a file; `rows` are its first records as texts, `names` its columns."""

    file: str
    encoding: Encoding
    form: Form
    names: tuple[str, ...]
    rows: list[list[str]]
    doubt: str | None  # what a person should look at


def sniff(path: Path) -> Sniffed:
    """Find out how a file is written. Raises UnreadableFile, UnsafeArchive."""
    if is_workbook(path):
        return _workbook(path)
    member = members(path)[0]
    with member.opened() as stream:
        start = stream.read(_SAMPLE)
    encoding, text, doubt = _decoded(start)
    _check_text(text, path.name)
    lines = [line.removesuffix("\r") for line in text.split("\n")[: _ROWS + 1]]
    lines = [line for line in (lines[:-1] if len(start) == _SAMPLE else lines) if line.strip()]
    if not lines:
        raise UnreadableFile(f"{path.name}: the file holds no line", f"{path.name}：文件中没有任何一行")
    separator = _separator(lines)
    if separator is None and _same_length(lines, codec_of(encoding)):
        return _fixed(path.name, encoding, lines)
    form = Csv.model_construct(separator=separator or ",", quote='"' if '"' in text else "", names=None, skip=0)
    rows = _rows(lines, form, path.name)
    names = rows[0]
    if not _is_heading(rows):
        names = [f"column_{number}" for number in range(1, len(names) + 1)]
        form = form.model_copy(update={"names": tuple(names)})
        doubt = doubt or "the first line looks like a record: the columns have no names"
    else:
        rows = rows[1:]
    width = len(names)
    return Sniffed(path.name, encoding, form, tuple(names), [row for row in rows if len(row) == width], doubt)


def _check_text(text: str, file: str) -> None:
    if _NO_TEXT.search(text):
        en = f"{file}: is no text: it holds bytes that no text has; is it packed, encrypted or a program's own format?"
        raise UnreadableFile(en, f"{file}：不是文本文件，含有文本中不会出现的字节；是否经过压缩、加密或为专有格式？")
    if "\r" in text.replace("\r\n", "").removesuffix("\r"):
        en = f"{file}: some of its lines end in CR alone; write them with LF or CR LF"
        raise UnreadableFile(en, f"{file}：部分行的行尾只有 CR，请改为 LF 或 CR LF")


def _rows(lines: list[str], form: Csv, file: str) -> list[list[str]]:
    try:
        rows = [list(heading(line.encode(), form)) for line in lines]
    except csv.Error as error:
        en = f"{file}: a value is longer than {csv.field_size_limit()} characters; is a quote left open?"
        raise UnreadableFile(en, f"{file}：有值超过 {csv.field_size_limit()} 个字符，是否有引号未闭合？") from error
    if (width := len(rows[0])) > MOST_COLUMNS:
        en = f"{file}: has {width} columns; at most {MOST_COLUMNS} are read"
        raise UnreadableFile(en, f"{file}：共有 {width} 列，最多支持 {MOST_COLUMNS} 列")
    return rows


def _workbook(path: Path) -> Sniffed:
    rows = list(islice(sheet_rows(path, Excel()), _ROWS + 1))
    skip = next((n for n, row in enumerate(rows) if sum(bool(cell.strip()) for cell in row) > 1), 0)
    names = [cell.strip() for cell in rows[skip]] if rows else []
    body = [row[: len(names)] for row in rows[skip + 1 :] if any(cell.strip() for cell in row)]
    return Sniffed(path.name, "utf-8", Excel(skip=skip), tuple(names), body, None)


def _decoded(start: bytes) -> tuple[Encoding, str, str | None]:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", start[: len(start) // 2 * 2].decode("utf-16", "replace"), None
    whole = start[: start.rfind(b"\n") + 1] or start
    try:
        return "utf-8", whole.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        pass
    try:
        text = whole.decode("gb18030")
        if _CJK.search(text):
            return "gb18030", text, None
    except UnicodeDecodeError:
        pass
    doubt = "no UTF-8 and no GB18030: look at the accented letters; latin-2 or windows-1250 for Central Europe"
    return "latin-1", whole.decode("latin-1"), doubt


def _separator(lines: list[str]) -> str | None:
    """The separator that stands in nearly every line the same number of times; the one that cuts most."""
    best: tuple[int, str] | None = None
    for separator in _SEPARATORS:
        counts = Counter(line.count(separator) for line in lines[:500])
        if not counts:
            return None
        times, lines_so = counts.most_common(1)[0]
        share = lines_so / sum(counts.values())
        # A separator inside quotes makes some lines differ.
        if times and share >= 0.6:
            weight = times * len(separator)
            best = max(best or (0, ""), (weight, separator))
    return best[1] if best else None


def _same_length(lines: list[str], codec: str) -> bool:
    lengths = {len(line.encode(codec, "replace")) for line in lines}
    return len(lines) > 1 and len(lengths) == 1 and lengths.pop() > 10


def _fixed(file: str, encoding: Encoding, lines: list[str]) -> Sniffed:
    """Cut where every line has a blank: each run of other positions is a column."""
    raw = [line.encode(codec_of(encoding), "replace") for line in lines]
    blank = [all(line[place] == 32 for line in raw) for place in range(len(raw[0]))]
    columns: dict[str, tuple[int, int]] = {}
    start = None
    for place, empty in enumerate([*blank, True]):
        if not empty and start is None:
            start = place
        elif empty and start is not None:
            columns[f"column_{len(columns) + 1}"] = (start + 1, place)
            start = None
    form = FixedWidth(columns=columns)
    rows = [
        [line[first - 1 : last].decode(codec_of(encoding), "replace").strip() for first, last in columns.values()]
        for line in raw
    ]
    doubt = "fixed width: columns without a blank between them were taken for one; see the record's description"
    return Sniffed(file, encoding, form, tuple(columns), rows, doubt)


def _is_heading(rows: list[list[str]]) -> bool:
    """Names are unique, none is a number, and they do not come again below."""
    if not rows:
        return True
    first = rows[0]
    named = all(cell and not _NUMBER.fullmatch(cell) for cell in first)
    return named and len(set(first)) == len(first) and first not in rows[1:]
