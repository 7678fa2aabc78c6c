"""From the bank's files to chunks of plain UTF-8 lines on scratch: one record a line, every line accounted for.

A chunk is bounded, whatever the file's size: memory does not grow with the extract.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from attune_service_kit.files.layouts import UNIT, CsvLayout, Delimited, FixedLayout, Layout, Piece, heading, line_ends
from attune_service_kit.files.mapping import Csv, Encoding, Excel, FixedWidth, Form
from attune_service_kit.files.packing import Member, UnreadableFile, is_workbook
from attune_service_kit.files.sheets import pieces, sheet_rows
from attune_service_kit.files.text import codec_of, lines_of

# A chunk ends with the piece that reaches either: four of DuckDB's row groups keep two threads busy.
CHUNK_BYTES = 64 << 20
CHUNK_LINES = 480_000
MOST_COLUMNS = 2_000


@dataclass
class Chunk:
    """Some lines of a file, on scratch. Broken lines have a record in their place."""

    path: Path
    first: int  # line of the file that its first line is, from 1
    lines: int
    broken: dict[int, str] = field(default_factory=dict)  # line of the chunk, from 0 → why; "" = no record
    padded: bool = False  # blanks may stand around values

    def rewrite(self, layout: Layout) -> None:
        """Look at every line by itself: somewhere in it is one that is no record."""
        sorted_out = self.path.with_suffix(".sorted")
        broken: dict[int, str] = {}
        at = 0
        with self.path.open("rb") as stream, sorted_out.open("wb") as out:
            for data in lines_of(stream, "utf-8", self.path.name):
                piece = layout.sorted_out(data)
                out.write(piece.data)
                broken |= {at + number: reason for number, reason in piece.broken.items()}
                at += piece.lines
        sorted_out.replace(self.path)
        self.broken = broken | self.broken


@dataclass(frozen=True)
class Opened:
    """A file that is being read."""

    names: tuple[str, ...]
    delimited: Delimited
    chunks: Iterator[Chunk]
    layout: Layout | None  # None: no line can be broken any more


@contextmanager
def opened(member: Member, form: Form, encoding: Encoding, scratch: Path) -> Iterator[Opened]:
    """Open a file of the extract; its chunks are made as they are asked for."""
    if isinstance(form, Excel):
        yield _sheet(member, form, scratch)
        return
    if is_workbook(member.path):
        text = f"{member.label} is a workbook; say so in the mapping: excel: {{}}"
        raise UnreadableFile(text, f"{member.label} 是工作簿，请在映射中写明 excel: {{}}")
    with member.opened() as stream:
        lines = lines_of(stream, encoding, member.label)
        skipped, rest = _skip(lines, form.skip)
        if isinstance(form, FixedWidth):
            layout: Layout = FixedLayout(form, codec_of(encoding), encoding.upper())
            names = tuple(form.columns)
        else:
            names, rest, skipped = _names(form, rest, skipped, encoding, member.label)
            layout = CsvLayout(form, names, codec_of(encoding), encoding.upper())
        chunks = _chunks(map(layout.piece, rest), skipped + 1, scratch)
        yield Opened(names, layout.delimited, chunks, layout)


def given(names: Sequence[str], rows: Iterable[Sequence[str]], scratch: Path) -> Opened:
    """Rows that the mapping gives itself, as if they were a file."""
    return Opened(tuple(names), Delimited(UNIT), _chunks(pieces(rows, len(names)), 1, scratch), None)


def _sheet(member: Member, form: Excel, scratch: Path) -> Opened:
    rows = islice(sheet_rows(member.path, form), form.skip, None)
    if form.names is not None:
        names, first = form.names, form.skip + 1
    else:
        head = next(rows, [])
        while head and not head[-1].strip():
            head.pop()
        names, first = tuple(name.strip() for name in head), form.skip + 2
    _check_names(names, member.label)
    return Opened(names, Delimited(UNIT), _chunks(pieces(rows, len(names)), first, scratch), None)


def _chunks(pieces_: Iterable[Piece], first: int, scratch: Path) -> Iterator[Chunk]:
    """Write pieces to scratch until a chunk is full."""
    source = iter(pieces_)
    piece = next(source, None)
    for number in count():
        if piece is None:
            return
        chunk = Chunk(scratch / f"chunk-{number}.csv", first, 0)
        size = 0
        with chunk.path.open("wb") as out:
            while piece is not None and size < CHUNK_BYTES and chunk.lines < CHUNK_LINES:
                out.write(piece.data)
                chunk.broken |= {chunk.lines + n: reason for n, reason in piece.broken.items()}
                chunk.lines += piece.lines
                chunk.padded |= piece.padded
                size += len(piece.data)
                piece = next(source, None)
        first += chunk.lines
        yield chunk


def _skip(lines: Iterator[bytes], wanted: int) -> tuple[int, Iterator[bytes]]:
    """Leave out the first lines; return how many there were, and the rest."""
    left = wanted
    for piece in lines:
        parts = piece.split(b"\n", left)
        if len(parts) > left:
            rest = parts[-1]
            return wanted, _after(rest, lines)
        left -= len(parts) - 1
    return wanted - left, iter(())


def _after(rest: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    if rest:
        yield rest
    yield from lines


def _names(
    form: Csv, lines: Iterator[bytes], skipped: int, encoding: Encoding, file: str
) -> tuple[tuple[str, ...], Iterator[bytes], int]:
    """The columns' names, from the mapping or from the heading line, and the lines that follow."""
    if form.names is not None:
        return form.names, lines, skipped
    line, _, rest = next(lines, b"").partition(b"\n")
    if b"\0" in line:
        text = f"{file}: the heading line holds NUL bytes; is the file UTF-16? Then say encoding: utf-16"
        raise UnreadableFile(text, f"{file}：首行含有空字节；如果是 UTF-16 编码，请写明 encoding: utf-16")
    if b"\r" in line:
        text = f"{file}: its lines end in CR alone; write them with LF or CR LF"
        raise UnreadableFile(text, f"{file}：行尾只有 CR，请改为 LF 或 CR LF")
    try:
        names = heading(line.decode(codec_of(encoding)).encode(), form)
    except UnicodeDecodeError as error:
        text = (
            f"{file}: the heading line is not {encoding.upper()}; say in the mapping what it is, e.g. encoding: gb18030"
        )
        zh = f"{file}：首行不是 {encoding.upper()} 编码，请在映射中写明编码，例如 encoding: gb18030"
        raise UnreadableFile(text, zh) from error
    except csv.Error as error:
        text = f"{file}: the heading line holds a name longer than {csv.field_size_limit()} characters"
        zh = f"{file}：首行中有列名超过 {csv.field_size_limit()} 个字符"
        raise UnreadableFile(text, zh) from error
    _check_names(names, file)
    return names, _after(rest, lines), skipped + 1


def _check_names(names: Sequence[str], file: str) -> None:
    if not any(names):
        raise UnreadableFile(f"{file}: the heading line is missing", f"{file}：缺少首行列名")
    if len(names) > MOST_COLUMNS:
        text = f"{file}: has {len(names)} columns; at most {MOST_COLUMNS} are read"
        raise UnreadableFile(text, f"{file}：共有 {len(names)} 列，最多支持 {MOST_COLUMNS} 列")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        text = ", ".join(repr(name) for name in twice)
        raise UnreadableFile(f"{file}: columns named twice: {text}", f"{file}：列名重复：{text}")


def originals(member: Member, form: Form, encoding: Encoding, wanted: Iterator[int]) -> Iterator[tuple[int, str]]:
    """Yield some lines of a file as the bank wrote them, by their numbers in ascending order, which may repeat."""
    number = next(wanted, None)
    at = 1
    for piece, codec in _readable(member, form, encoding):
        ends = line_ends(piece)
        while number is not None and number < at + len(ends):
            place = number - at
            start = int(ends[place - 1]) + 1 if place else 0
            yield number, piece[start : int(ends[place])].decode(codec, "replace")
            number = next(wanted, None)
        if number is None:
            return
        at += len(ends)


def _readable(member: Member, form: Form, encoding: Encoding) -> Iterator[tuple[bytes, str]]:
    """The file in pieces of whole lines, and what they are encoded in; a sheet's rows with commas."""
    if isinstance(form, Excel):
        for row in sheet_rows(member.path, form):
            yield ",".join(cell.replace("\n", " ") for cell in row).encode() + b"\n", "utf-8"
        return
    with member.opened() as stream:
        for piece in lines_of(stream, encoding, member.label):
            yield piece, codec_of(encoding)
