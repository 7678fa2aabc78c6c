"""The report of rejected lines: a CSV that a spreadsheet opens without running anything in it."""
# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals

import csv
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import duckdb

from attune_service_kit.files.convert import Fault
from attune_service_kit.files.decode import data_lines, opened
from attune_service_kit.files.reading import Raw, Reader

HEADING = ("file", "line", "column", "reason", "row")
_LONGEST_ROW = 2000
# What makes a spreadsheet take a cell for a formula, also in full width; tab, CR and blanks would hide it.
_DANGEROUS = tuple("=+-@\t\r\n ＝＋－＠\u3000")


def safe_cell(text: str) -> str:
    """Return the text so that a spreadsheet shows it and does not calculate it."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def write_rejects(
    con: duckdb.DuckDBPyConnection, reader: Reader, own: Raw, table: str, faults: Sequence[Fault], file: Path
) -> Path | None:
    """Write the broken lines and the rows of `table` that have a fault, by file and line; None if there are none."""
    _note_faults(con, reader, own, table, faults)
    found = con.execute(f'SELECT file, line, "column", reason FROM {reader.faults} ORDER BY file, line')
    first = found.fetchmany(10_000)
    if not first:
        file.unlink(missing_ok=True)
        return None
    # The rows are customers' data: nobody else on this machine may read them.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADING)
        for path, line, column, reason, row in _with_rows(reader.paths, _all(found, first)):
            writer.writerow([safe_cell(path.name), line, safe_cell(column or ""), reason, safe_cell(row)])
    return file


def _note_faults(con: duckdb.DuckDBPyConnection, reader: Reader, own: Raw, table: str, faults: Sequence[Fault]) -> None:
    """Give the faulty rows of the table their line in the bank's file."""
    con.execute("CREATE OR REPLACE TEMP TABLE fault_text (fault SMALLINT, label VARCHAR, reason VARCHAR)")
    con.executemany("INSERT INTO fault_text VALUES (?, ?, ?)", [[i, f.column, f.reason] for i, f in enumerate(faults)])
    for part in own.parts:
        later = [other.base for other in own.parts if other.number > part.number]
        con.execute(
            f"INSERT INTO {reader.faults}"
            f" SELECT {part.number}, row + coalesce(shift, 0) + {part.heading}, label, reason"
            f" FROM (SELECT record - {part.base} + 1 AS row, label, reason FROM {table} JOIN fault_text USING (fault)"
            f" WHERE record >= {part.base} AND record < {min(later, default=2**62)}) r"
            f" ASOF LEFT JOIN (SELECT after, shift FROM {reader.gaps} WHERE file = {part.number}) g ON r.row > g.after"
        )


def _all(
    found: duckdb.DuckDBPyConnection, rows: list[tuple[int, int, str, str]]
) -> Iterator[tuple[int, int, str, str]]:
    while rows:
        yield from rows
        rows = found.fetchmany(10_000)


def _with_rows(
    paths: Sequence[Path], rejects: Iterator[tuple[int, int, str, str]]
) -> Iterator[tuple[Path, int, str, str, str]]:
    """Read each file once more, forward only, for the lines that the report shows."""
    reject = next(rejects, None)
    for number, path in enumerate(paths):
        if reject is None or reject[0] != number:
            continue
        with opened(path) as stream:
            lines, at = data_lines(stream), 0
            while reject is not None and reject[0] == number:
                _, line, column, reason = reject
                if line > at:
                    text = next(islice(lines, line - at - 1, None), b"")
                    at = line
                yield path, line, column, reason, text.decode(errors="replace")[:_LONGEST_ROW]
                reject = next(rejects, None)
