"""accepted + rejected = read, whatever the lines hold and however the file is packed or laid out (M-92)."""

import csv
import gzip
import io
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune_service_kit.files.engine import Prepared

from .conftest import rejects

Imported = Callable[..., Prepared]

COLUMNS = {"branch_id": "NO", "parent_id": "UP", "name": "NAME"}
HEADING = "NO,UP,NAME\n"
# What a line breaks on: quotes, separators, blanks, a lone CR, letters of one and of more bytes.
LINES = st.lists(st.text(st.sampled_from("ab1\", \t\r'é支"), max_size=12), max_size=10)
twenty_five = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def told(prepared: Prepared, records: dict[tuple[str, int], str]) -> int:
    """How many lines say something, each reject among them by its own line. `records`: text by file and line."""
    read = {place: text.removesuffix("\r") for place, text in records.items()}
    found = rejects(prepared)
    assert len({(file, line) for file, line, *_ in found}) == len(found) == prepared.rejected
    for file, line, _, reason, row in found:
        assert reason
        assert row.removeprefix("'") == read[file, line].removeprefix("'")
    return sum(bool(text.strip()) for text in read.values())


@twenty_five
@given(LINES)
def test_of_a_gzip_file(imported: Imported, lines: list[str]) -> None:
    content = gzip.compress((HEADING + "\n".join(lines)).encode(), mtime=0)
    prepared = imported("branches", {"file": "b.csv.gz", "columns": COLUMNS}, b_csv_gz=content)
    said = told(prepared, {("b.csv.gz", n): line for n, line in enumerate(lines, 2)})
    assert prepared.accepted + prepared.rejected == prepared.read == said


@twenty_five
@given(LINES, LINES)
def test_of_the_files_of_a_zip(imported: Imported, first: list[str], second: list[str]) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.csv", HEADING + "\n".join(first))
        archive.writestr("two.csv", HEADING + "\n".join(second))
    prepared = imported("branches", {"file": "b.zip", "columns": COLUMNS}, b_zip=out.getvalue())
    both = ((f"b.zip/{file}", lines) for file, lines in enumerate((first, second), 1))
    said = told(prepared, {(file, n): line for file, lines in both for n, line in enumerate(lines, 2)})
    assert prepared.accepted + prepared.rejected == prepared.read == said


@pytest.mark.parametrize("unit", ["bytes", "characters"])
@twenty_five
@given(lines=st.lists(st.text(st.sampled_from("ab1 \t'é支"), min_size=2, max_size=9), max_size=10))
def test_of_a_fixed_width_file(imported: Imported, unit: str, lines: list[str]) -> None:
    fixed = {"columns": {"NO": [1, 2], "UP": [3, 4], "NAME": [5, 7]}, "unit": unit}
    prepared = imported("branches", {"file": "b.dat", "fixed": fixed, "columns": COLUMNS}, b_dat="\n".join(lines))
    said = told(prepared, {("b.dat", n): line for n, line in enumerate(lines, 1)})
    assert prepared.accepted + prepared.rejected == prepared.read == said


CELLS = st.lists(st.sampled_from(["", "a", "b1", 1, 2.5, True, "=1+1", 'q"q', "two\nlines", "支行"]), max_size=4)


@twenty_five
@given(st.lists(CELLS, max_size=8))
def test_of_a_workbook(imported: Imported, cells: list[list[Any]]) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("S")
        sheet.write_row(0, 0, ["NO", "UP", "NAME"])
        for row, values in enumerate(cells, 1):
            sheet.write_row(row, 0, values)
    prepared = imported(
        "branches", {"file": "b.xlsx", "excel": {"sheet": "S"}, "columns": COLUMNS}, b_xlsx=out.getvalue()
    )
    full = {n: values for n, values in enumerate(cells, 2) if any(value != "" for value in values)}
    assert prepared.read == len(full)
    found = rejects(prepared)
    assert len(found) == prepared.rejected == prepared.read - prepared.accepted
    assert max(Counter(line for _, line, *_ in found).values(), default=1) == 1
    for _, line, _, reason, row in found:
        assert reason
        assert next(csv.reader([row]))[:1] or row == ""
        assert line in full
