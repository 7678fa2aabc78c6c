"""From the bank's bytes to plain UTF-8 lines on scratch: unzipped, one record a line, with the lines counted."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from attune_service_kit.errors import Invalid
from attune_service_kit.files.mapping import Csv

_BLOCK = 1 << 20
LONGEST_LINE = 1 << 20
_BOM = b"\xef\xbb\xbf"


class UnreadableFile(Invalid):
    """A file of the extract cannot be read at all."""

    code = "file_unreadable"


@dataclass(frozen=True)
class Decoded:
    """A file on scratch, without its heading line."""

    path: Path
    names: tuple[str, ...]  # its columns
    heading: int  # heading lines of the original: 0 or 1
    lines: int  # lines on scratch
    regular: bool  # nothing hints at a line that is not exactly one record with all its values


def decode(path: Path, form: Csv, target: Path) -> Decoded:
    """Copy the data lines to `target` block by block, which is fast; `regular` tells whether that was enough."""
    with opened(path) as stream, target.open("wb") as out:
        names = _heading(stream, form, path.name)
        lines, separators, last, strays = 0, 0, b"\n", 0
        for block in _blocks(stream):
            lines += block.count(b"\n")
            separators += block.count(form.separator.encode())
            strays += block.count(b"\r")  # DuckDB would take it for the end of a line
            last = block[-1:]
            out.write(block)
        if last != b"\n":
            out.write(b"\n")
            lines += 1
    regular = not strays and separators == lines * (len(names) - 1)
    return Decoded(target, names, 0 if form.names else 1, lines, regular)


def decode_strictly(path: Path, form: Csv, target: Path, dropped: Path) -> Decoded:
    """Copy only lines that are whole records, line by line; `dropped` gets `line,reason` of the others.

    Blank lines are no records: they are dropped without a reason.
    """
    lines = 0
    with opened(path) as stream, target.open("wb") as out, dropped.open("w", encoding="utf-8") as left:
        names = _heading(stream, form, path.name)
        record, any_record = _record_pattern(form, len(names) - 1), _record_pattern(form)
        for number, line in enumerate(data_lines(stream), start=1):
            if len(line) > LONGEST_LINE:
                left.write(f"{number},is longer than {LONGEST_LINE} bytes\n")
            elif not line.strip():
                left.write(f"{number},\n")
            elif record.fullmatch(line):
                out.write(line + b"\n")
                lines += 1
            elif any_record.fullmatch(line):
                left.write(f"{number},has more or fewer values than the {len(names)} columns\n")
            else:
                left.write(f"{number},a quote is not closed or a value holds a line break\n")
    return Decoded(target, names, 0 if form.names else 1, lines, True)


def data_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines without their end; of a line that is too long only its beginning, one byte over the limit."""
    while line := stream.readline(LONGEST_LINE + 1):
        start = line
        while not line.endswith(b"\n") and (line := stream.readline(LONGEST_LINE)):
            pass
        yield start.removesuffix(b"\n").removesuffix(b"\r")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, unzipping it if it is gzip; faults of the archive become UnreadableFile."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.open(raw) as stream:
                    yield io.BufferedReader(cast(io.RawIOBase, stream), _BLOCK)
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        text = f"{path.name}: the gzip archive is damaged or cut off"
        raise UnreadableFile(text, f"{path.name}：gzip 文件已损坏或不完整") from error


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield blocks with line feeds only; a CR LF pair is never cut in two."""
    held = b""
    while block := stream.read(_BLOCK):
        block = held + block
        held = b"\r" if block.endswith(b"\r") else b""
        if block := block.removesuffix(held).replace(b"\r\n", b"\n"):
            yield block
    if held:
        yield b"\n"


def _heading(stream: BinaryIO, form: Csv, file: str) -> tuple[str, ...]:
    if form.names is not None:
        return form.names
    line = next(data_lines(stream), b"").removeprefix(_BOM)
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{file}: the heading line is not UTF-8", f"{file}：首行不是 UTF-8 编码") from error
    if form.quote:
        row = next(csv.reader([text], delimiter=form.separator, quotechar=form.quote), [])
    else:
        row = text.split(form.separator)
    names = tuple(name.strip() for name in row)
    if not any(names):
        raise UnreadableFile(f"{file}: the heading line is missing", f"{file}：缺少首行列名")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        text = ", ".join(repr(name) for name in twice)
        raise UnreadableFile(f"{file}: columns named twice: {text}", f"{file}：列名重复：{text}")
    return names


def _record_pattern(form: Csv, separators: int | None = None) -> re.Pattern[bytes]:
    """A line that is one record: with exactly that many separators outside quotes, or with any number."""
    separator = re.escape(form.separator.encode())
    value = rb"[^S\r]*+"
    if form.quote:
        quoted = rb"[ \t]*+Q(?:[^Q\r]++|QQ)*+Q[ \t]*+"
        value = rb"(?:(?![ \t]*Q)[^S\r]*+|" + quoted + rb")"
        value = value.replace(b"Q", re.escape(form.quote.encode()))
    times = b"*" if separators is None else b"{%d}" % separators
    return re.compile((value + rb"(?:S" + value + rb")" + times).replace(b"S", separator))
