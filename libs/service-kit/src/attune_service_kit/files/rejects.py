"""The report of rejected lines: a CSV that a spreadsheet opens without running anything in it."""
# ruff: noqa: S608 - the statements are made of names that this package chose

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, tee
from pathlib import Path
from uuid import UUID

import duckdb

from attune_service_kit.files.decode import originals
from attune_service_kit.files.staging import SourceFile
from attune_service_kit.files.uploads import Uploads

HEADING = ("file", "line", "column", "reason", "row")
_LONGEST_ROW = 2000
# Of a dataset; who mends these imports again, and a spreadsheet opens a million lines at most.
MOST_REJECTS = 100_000
# What makes a spreadsheet take a cell for a formula, also in full width; tab, CR and blanks would hide it.
_DANGEROUS = tuple("=+-@\t\r\n ＝＋－＠\u3000")

_Reject = tuple[int, int, str | None, str]


def safe_cell(text: str) -> str:
    """Return the text so that a spreadsheet shows it and does not calculate it."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def write_rejects(
    con: duckdb.DuckDBPyConnection, files: Sequence[SourceFile | None], rejected: str, report: Path
) -> Path | None:
    """Write what the table `rejected` holds, by file and line, each with its row as the bank wrote it.

    None if there is nothing to report. Of more than MOST_REJECTS the last line says how many are left out.
    """
    [(total,)] = con.execute(f"SELECT count(*) FROM {rejected}").fetchall()
    found = con.execute(
        f'SELECT file, line, "column", reason FROM {rejected} ORDER BY record IS NULL, file, line LIMIT {MOST_REJECTS}'
    )
    first = found.fetchmany(10_000)
    if not first:
        report.unlink(missing_ok=True)
        return None
    # The rows are customers' data: nobody else on this machine may read them.
    descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADING)
        for number, rejects in groupby(_all(found, first), key=lambda reject: reject[0]):
            for label, line, column, reason, row in _with_rows(files[number], rejects):
                cells = (safe_cell(column or ""), reason, safe_cell(row[:_LONGEST_ROW]))
                writer.writerow([safe_cell(label), line, *cells])
        if total > MOST_REJECTS:
            writer.writerow(["", "", "", f"and {total - MOST_REJECTS} more", ""])
    return report


def _all(found: duckdb.DuckDBPyConnection, rows: list[_Reject]) -> Iterator[_Reject]:
    while rows:
        yield from rows
        rows = found.fetchmany(10_000)


def _with_rows(file: SourceFile | None, rejects: Iterator[_Reject]) -> Iterator[tuple[str, int, str | None, str, str]]:
    """Read the file once more, forward only, for the lines that the report shows."""
    if file is None:
        for _, line, column, reason in rejects:
            yield "mapping", line, column, reason, ""
        return
    asked, told = tee(rejects)
    texts = originals(file.member, file.form, file.encoding, (line for _, line, *_ in asked))
    for (_, line, column, reason), (_, text) in zip(told, texts, strict=True):
        yield file.member.label, line, column, reason, text


def join_reports(store: Uploads, import_id: UUID, service: str, datasets: Sequence[str], scratch: Path) -> None:
    """Make the reports of a service's datasets one report."""
    parts = {name: report for name in datasets if (report := store.report(import_id, f"{service}.{name}"))}
    if parts:
        store.put_report(import_id, service, _joined(parts, scratch / f"{service}.rejects.csv"))
    for name in parts:
        store.remove_report(import_id, f"{service}.{name}")


def _joined(reports: Mapping[str, Path], target: Path) -> Path:
    """One report of all datasets, with the heading once; readable by its owner only, as its parts are."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["dataset", *HEADING])
        for dataset, file in reports.items():
            with file.open(encoding="utf-8", newline="") as part:
                rows = csv.reader(part)
                next(rows)
                writer.writerows([dataset, *row] for row in rows)
    return target
