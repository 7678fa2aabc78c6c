"""One line, one record: which lines of a piece are records of the given columns, and which are not, and why."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from attune_service_kit.files.mapping import Csv, FixedWidth
from attune_service_kit.files.text import LONGEST_LINE, in_utf8

# Stands between values that the engine itself cut apart: no text holds it by right.
UNIT = b"\x1f"
BLANK = ""

# Unicode's blanks in UTF-8, U+00A0 to U+3000, are trimmed as a plain blank is; by their first byte, which is rare in
# names and found at once: the rest is looked for only where it stands.
_WIDE_BLANKS = {
    b"\xc2": (b"\xc2\xa0",),
    b"\xe1": (b"\xe1\x9a\x80",),
    b"\xe2": (b"\xe2\x80", b"\xe2\x81\x9f"),
    b"\xe3": (b"\xe3\x80\x80",),
}

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Delimited:
    """Values with one byte between them, as DuckDB reads them."""

    separator: bytes
    quote: bytes = b""


@dataclass
class Piece:
    """Whole lines in UTF-8. A broken line is replaced by one that reads as a record: rows keep the lines' order."""

    data: bytes
    lines: int
    broken: dict[int, str] = field(default_factory=dict)  # line of the piece, from 0 → why; BLANK = no record at all
    padded: bool = True  # blanks may stand around values


class CsvLayout:
    """Lines with separators."""

    def __init__(self, form: Csv, names: Sequence[str], codec: str, encoding: str) -> None:
        wide = len(form.separator.encode()) > 1
        self.delimited = Delimited(UNIT if wide else form.separator.encode(), form.quote.encode())
        self._replaced = form.separator.encode() if wide else None
        self._codec, self._encoding = codec, encoding
        self._width = len(names)
        self._record = _record_pattern(self.delimited, self._width - 1)
        self._any_record = _record_pattern(self.delimited)

    def piece(self, raw: bytes) -> Piece:
        """Judge the lines of a raw piece."""
        data, undecodable = in_utf8(raw, self._codec)
        if self._replaced:
            data = data.replace(self._replaced, UNIT)
        return self._judged(data, undecodable)

    def _judged(self, data: bytes, undecodable: Sequence[int]) -> Piece:
        lines = _count(data, b"\n")
        clean = not undecodable and b"\r" not in data and b"\0" not in data and self._width > 1
        if clean and self.delimited.quote and self.delimited.quote in data:
            # DuckDB tells its records apart, or finds that it cannot.
            return Piece(data, lines, padded=self._padded(data))
        # Lines with one value too many and one too few even out here; DuckDB then finds them.
        if clean and len(data) <= LONGEST_LINE and _count(data, self.delimited.separator) == lines * (self._width - 1):
            return Piece(data, lines, padded=self._padded(data))
        return self.sorted_out(data, undecodable)

    def _padded(self, data: bytes) -> bool:
        """Whether a blank may stand at the beginning or the end of a value."""
        for first, blanks in _WIDE_BLANKS.items():
            if first in data and any(blank in data for blank in blanks):
                return True
        if b" " not in data:
            return False
        marks = filter(None, (self.delimited.separator, self.delimited.quote, b"\n"))
        return data.startswith(b" ") or any(b" " + mark in data or mark + b" " in data for mark in marks)

    def sorted_out(self, data: bytes, undecodable: Sequence[int] = ()) -> Piece:
        """Look at every suspicious line by itself, and put a record in the place of those that are none."""
        suspects, starts, ends = self._suspects(data)
        broken = dict.fromkeys(undecodable, f"is not {self._encoding}")
        for number in suspects:
            if number not in broken:
                reason = self._fault(data[starts[number] : ends[number]])
                if reason is not None:
                    broken[number] = reason
        if not broken:
            return Piece(data, len(ends))
        return Piece(_replaced(data, starts, ends, broken, self.placeholder), len(ends), broken)

    @property
    def placeholder(self) -> bytes:
        """A line that reads as a record."""
        return b"-" + self.delimited.separator * (self._width - 1)

    def _suspects(self, data: bytes) -> tuple[list[int], Places, Places]:
        """The lines that may be no record: another number of separators, a quote, CR, NUL, or very long."""
        bytes_ = np.frombuffer(data, np.uint8)
        ends = line_ends(data)
        starts = np.concatenate(([0], ends[:-1] + 1))
        if self._width == 1:
            return list(range(len(ends))), starts, ends
        separators = np.add.reduceat(bytes_ == self.delimited.separator[0], starts, dtype=np.int32)
        odd = (separators != self._width - 1) | (ends - starts > LONGEST_LINE)
        for mark in {13, 0, *self.delimited.quote}:
            if bytes((mark,)) in data:
                odd |= np.add.reduceat(bytes_ == mark, starts, dtype=np.int32) > 0
        return np.flatnonzero(odd).tolist(), starts, ends

    def _fault(self, line: bytes) -> str | None:
        if len(line) > LONGEST_LINE:
            return f"is longer than {LONGEST_LINE} bytes"
        if not line.strip():
            return BLANK
        if b"\0" in line:
            return "holds a NUL byte"
        if self._record.fullmatch(line):
            return None
        if self._any_record.fullmatch(line):
            return f"has more or fewer values than the {self._width} columns"
        return "a quote is not closed or a value holds a line break"


class FixedLayout:
    """Lines whose values stand in fixed positions; they come out with UNIT between the values."""

    delimited = Delimited(UNIT)

    def __init__(self, form: FixedWidth, codec: str, encoding: str) -> None:
        self._form, self._codec, self._encoding = form, codec, encoding
        self._cuts = [(first - 1, last) for first, last in form.columns.values()]
        self._width = max(last for _, last in self._cuts)
        self._csv = CsvLayout(
            Csv.model_construct(separator=UNIT.decode(), quote=""), list(form.columns), "utf-8", encoding
        )

    @property
    def placeholder(self) -> bytes:
        """A line that reads as a record."""
        return self._csv.placeholder

    def piece(self, raw: bytes) -> Piece:
        """Cut the lines of a raw piece; by bytes before they are decoded, by characters after it."""
        if self._form.unit == "characters" and not raw.isascii():
            return self._by_characters(raw)
        lines = raw.count(b"\n")
        length = len(raw) // lines - 1
        even = raw[length :: length + 1] == b"\n" * lines and length >= self._width
        if even and (cut := self._at_once(raw, lines, length)) is not None:
            return self._csv.piece(cut)
        # As many characters as bytes: the same function cuts both.
        return self._one_by_one(raw.decode("latin-1"), "latin-1")

    def sorted_out(self, data: bytes) -> Piece:
        """Nothing is quoted here: every piece is judged at once."""
        return self._csv.sorted_out(data)

    def _at_once(self, raw: bytes, lines: int, length: int) -> bytes | None:
        table = np.frombuffer(raw, np.uint8).reshape(lines, length + 1)
        mark = np.full((lines, 1), UNIT[0], np.uint8)
        columns = [part for first, last in self._cuts for part in (mark, table[:, first:last])][1:]
        cut = np.hstack([*columns, np.full((lines, 1), 10, np.uint8)]).tobytes()
        decoded, undecodable = in_utf8(cut, self._codec)
        return None if undecodable else decoded

    def _by_characters(self, raw: bytes) -> Piece:
        data, undecodable = in_utf8(raw, self._codec)
        return self._and_undecodable(self._one_by_one(data.decode(), "utf-8"), undecodable)

    def _one_by_one(self, text: str, codec: str) -> Piece:
        cut: list[str] = []
        short: dict[int, str] = {}
        for number, line in enumerate(text.split("\n")[:-1]):
            if len(line) >= self._width:
                cut.append(UNIT.decode().join(line[first:last] for first, last in self._cuts))
                continue
            cut.append(self.placeholder.decode())
            words = f"has {len(line)} {self._form.unit}, the last column ends at {self._width}"
            short[number] = words if line.strip() else BLANK
        raw = ("\n".join(cut) + "\n").encode(codec)
        data, undecodable = in_utf8(raw, self._codec if codec == "latin-1" else codec)
        piece = self._csv.piece(data)
        return self._and_undecodable(Piece(piece.data, piece.lines, piece.broken | short), undecodable)

    def _and_undecodable(self, piece: Piece, undecodable: Sequence[int]) -> Piece:
        if not undecodable:
            return piece
        lines = piece.data.split(b"\n")
        for number in undecodable:
            lines[number] = self.placeholder
            piece.broken.setdefault(number, f"is not {self._encoding}")
        return Piece(b"\n".join(lines), piece.lines, piece.broken)


Layout = CsvLayout | FixedLayout


def heading(line: bytes, form: Csv) -> tuple[str, ...]:
    """Return the names in a heading line."""
    text = line.decode()
    if form.quote:
        row = next(csv.reader([text], delimiter=form.separator, quotechar=form.quote), [])
    else:
        row = text.split(form.separator)
    return tuple(name.strip() for name in row)


def line_ends(data: bytes) -> Places:
    """Where the lines of the data end."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == 10)


def _count(data: bytes, byte: bytes) -> int:
    """How often a byte stands in the data; bytes.count takes ten times as long where it is frequent."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == byte[0]))


def _replaced(data: bytes, starts: Places, ends: Places, broken: dict[int, str], placeholder: bytes) -> bytes:
    parts, at = [], 0
    for number in sorted(broken):
        parts += [data[at : starts[number]], placeholder]
        at = int(ends[number])
    return b"".join([*parts, data[at:]])


def _record_pattern(form: Delimited, separators: int | None = None) -> re.Pattern[bytes]:
    """A line that is one record: with exactly that many separators outside quotes, or with any number."""
    separator = re.escape(form.separator)
    value = rb"[^S\r]*+"
    if form.quote:
        quoted = rb"[ \t]*+Q(?:[^Q\r]++|QQ)*+Q[ \t]*+"
        value = rb"(?:(?![ \t]*Q)[^S\r]*+|" + quoted + rb")"
        value = value.replace(b"Q", re.escape(form.quote))
    times = b"*" if separators is None else b"{%d}" % separators
    return re.compile((value + rb"(?:S" + value + rb")" + times).replace(b"S", separator))
