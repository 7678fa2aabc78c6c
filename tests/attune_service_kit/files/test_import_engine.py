"""Every line of a bank's file is either an accepted row or a reject with its line, column and reason."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune_contracts.identifiers import customer_id
from attune_service_kit.errors import Invalid
from attune_service_kit.files import load_mapping
from attune_service_kit.files import rejects as reports
from attune_service_kit.files.engine import NotMapped, Prepared, Reference, prepare
from attune_service_kit.files.packing import UnreadableFile
from attune_service_kit.files.reading import MissingColumn, MissingFile

from .conftest import GOOD_POSTING, POSTING_HEADING, POSTINGS, rejects, rows

BRANCHES: dict[str, Any] = {"file": "b.csv", "columns": {"branch_id": "NO", "parent_id": "UP", "name": "NAME"}}


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (",A1,20240131,,1.00,01,", "ID", "is empty"),
        ("  ,A1,20240131,,1.00,01,", "ID", "is empty"),
        (f"{'x' * 65},A1,20240131,,1.00,01,", "ID", "is longer than 64 characters"),
        (f"1,{'x' * 65},20240131,,1.00,01,", "ACCOUNT", "is longer than 64 characters"),
        ("1,,20240131,,1.00,01,", "ACCOUNT", "is empty"),
        ("1,A1,20240230,,1.00,01,", "DAY", "is not a date in the form YYYYMMDD"),
        ("1,A1,2024-01-31,,1.00,01,", "DAY", "is not a date in the form YYYYMMDD"),
        ("1,A1,,,1.00,01,", "DAY", "is empty"),
        ("1,A1,18991231,,1.00,01,", "DAY", "lies outside 1900 to 2100"),
        ("1,A1,21010101,,1.00,01,", "DAY", "lies outside 1900 to 2100"),
        ("1,A1,20240131,2024-01-31T09:00:00,1.00,01,", "AT", "is not a moment in the form YYYY-MM-DDThh:mm:ss+hh:mm"),
        ("1,A1,20240131,soon,1.00,01,", "AT", "is not a moment in the form YYYY-MM-DDThh:mm:ss+hh:mm"),
        ("1,A1,20240131,,ten,01,", "AMOUNT", "is not an amount"),
        ("1,A1,20240131,,1.005,01,", "AMOUNT", "is not an amount with at most 2 decimal places"),
        ("1,A1,20240131,,1e5,01,", "AMOUNT", "is not an amount"),
        ("1,A1,20240131,,NaN,01,", "AMOUNT", "is not an amount"),
        ('1,A1,20240131,,"1,000.00",01,', "AMOUNT", "is not an amount"),
        ("1,A1,20240131,,100000000000.01,01,", "AMOUNT", "is beyond 10^13 minor units"),
        ("1,A1,20240131,,,01,", "AMOUNT", "is empty"),
        ("1,A1,20240131,,1.00,03,", "KIND", "is an unknown code"),
        ("1,A1,20240131,,1.00,,", "KIND", "is empty"),
        ("1,A1,20240131,,1.00,01", "", "has more or fewer values than the 7 columns"),
        ("1,A1,20240131,,1.00,01,,", "", "has more or fewer values than the 7 columns"),
        ('1,"A1,20240131,,1.00,01,', "", "a quote is not closed or a value holds a line break"),
        ("0,A1,20240131,,1.00,01,", "ID", "is there already"),
    ],
)
def test_a_fault_is_reported_by_line_column_and_reason(
    imported: Callable[..., Prepared], line: str, column: str, reason: str
) -> None:
    good = GOOD_POSTING.replace("1,", "0,", 1)
    last = GOOD_POSTING.replace("1,", "9,", 1)
    prepared = imported("transactions", POSTINGS, p_csv=f"{POSTING_HEADING}{good}\n{line}\n{last}\n")
    assert (prepared.read, prepared.accepted, prepared.rejected) == (3, 2, 1)
    (found,) = rejects(prepared)
    assert found[:3] == ("p.csv", 3, column)
    assert found[3].startswith(reason)
    assert found[4].removeprefix("'") == line


def test_line_numbers_hold_behind_any_number_of_broken_lines(imported: Callable[..., Prepared]) -> None:
    """Blank lines, broken lines, an open quote and faulty values mixed."""
    lines = ["1,,A", "2,,B,extra", "", "3", '4,,"open', "5,,E", "", "6,,", '7,,"G ""7"""', "8,,H", "1,,again"]
    prepared = imported("branches", BRANCHES, b_csv="NO,UP,NAME\n" + "\n".join(lines))
    assert (prepared.read, prepared.accepted, prepared.rejected) == (9, 4, 5)
    found = [(line, column, row) for _, line, column, _, row in rejects(prepared)]
    assert found == [(3, "", lines[1]), (5, "", "3"), (6, "", lines[4]), (9, "NAME", "6,,"), (12, "NO", "1,,again")]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_way_to_write_the_same_file_reads_the_same(
    con: duckdb.DuckDBPyConnection, imported: Callable[..., Prepared], newline: str, packed: bool
) -> None:
    content = "\ufeff" + newline.join(['NO,"UP",NAME', '1,,"支行，一"', "2,1,Two", ""])
    data = gzip.compress(content.encode()) if packed else content.encode()
    prepared = imported("branches", BRANCHES, b_csv=data)
    assert rows(con, prepared, "branch_id", "parent_id", "name") == [("1", None, "支行，一"), ("2", "1", "Two")]


def test_bytes_that_are_not_utf8_reject_their_line_only(imported: Callable[..., Prepared]) -> None:
    prepared = imported("branches", BRANCHES, b_csv="NO,UP,NAME\n1,,a\n2,,支行\n3,,c\n".encode("gbk"))
    assert prepared.accepted == 2
    assert [(line, reason) for _, line, _, reason, _ in rejects(prepared)] == [(3, "is not UTF-8")]


def test_a_file_with_a_heading_only_is_an_empty_dataset(imported: Callable[..., Prepared]) -> None:
    prepared = imported("branches", BRANCHES, b_csv="NO,UP,NAME\n")
    assert (prepared.read, prepared.accepted, prepared.rejected) == (0, 0, 0)


def test_files_without_a_heading_are_read_by_the_names_given(
    con: duckdb.DuckDBPyConnection, imported: Callable[..., Prepared]
) -> None:
    form = {"separator": "|", "quote": "", "names": ["NO", "UP", "NAME"]}
    prepared = imported("branches", BRANCHES | {"csv": form}, b_csv='1||"quoted\n2|1|b|c\n')
    assert rows(con, prepared, "name") == [('"quoted',)]
    assert rejects(prepared)[0][1:3] == (2, "")


def test_several_files_are_one_dataset_with_lines_of_their_own(
    con: duckdb.DuckDBPyConnection, imported: Callable[..., Prepared]
) -> None:
    rules = BRANCHES | {"file": "part*.csv"}
    prepared = imported(
        "branches", rules, part1_csv="NO,UP,NAME\n1,,A\nx\n2,,\n", part2_csv="NAME,NO,UP\nC,3,\nD,,\nA,1,\n"
    )
    assert rows(con, prepared, "branch_id", "name") == [("1", "A"), ("3", "C")]
    assert [(file, line) for file, line, *_ in rejects(prepared)] == [
        ("part1.csv", 3),
        ("part1.csv", 4),
        ("part2.csv", 3),
        ("part2.csv", 4),
    ]
    assert prepared.read == 6


JOINED = {
    "file": "a.csv",
    "join": {"owner": {"file": "o.csv", "on": {"ID": "ACCT"}, "where": [{"column": "ROLE", "equals": "OWNER"}]}},
    "where": [{"column": "STATE", "equals": ["open", "new"]}],
    "columns": {
        "source_id": "ID",
        "customer_id": "owner.CIF",
        "kind": {"constant": "demand"},
        "currency": {"constant": "CNY"},
    },
}


def test_a_join_brings_columns_and_never_rows(
    con: duckdb.DuckDBPyConnection, imported: Callable[..., Prepared]
) -> None:
    prepared = imported(
        "accounts",
        JOINED,
        a_csv="ID,STATE\n1,open\n2,open\n3,new\n4,closed\n",
        o_csv="ACCT,CIF,ROLE\n1,C1,OWNER\n1,C2,USER\n3,C3,OWNER\n3,C4,OWNER\nbroken\n4,C9,OWNER\n",
    )
    assert rows(con, prepared, "source_id", "customer_id") == [("1", str(customer_id("bank", "C1")))]
    assert (prepared.read, prepared.accepted, prepared.rejected, prepared.skipped) == (3, 1, 2, 1)
    assert [found[:4] for found in rejects(prepared)] == [
        ("a.csv", 3, "owner.CIF", "is empty"),
        ("a.csv", 4, "ID", "several lines of o.csv match"),
        ("o.csv", 6, "", "has more or fewer values than the 3 columns"),
    ], "a broken line of the joined file is told too, and is no row of the dataset"


def test_rejects_open_in_a_spreadsheet_without_running(imported: Callable[..., Prepared]) -> None:
    cells = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", " =1", "＝1"]
    prepared = imported("branches", BRANCHES, b_csv="NO,UP,NAME\n" + "\n".join(f"{cell},," for cell in cells))
    assert [row for *_, row in rejects(prepared)] == [f"'{cell},," for cell in cells]
    assert prepared.rejects_file is not None
    assert prepared.rejects_file.stat().st_mode & 0o777 == 0o600


def test_of_rejects_without_end_the_report_holds_the_first_and_says_how_many_more(
    imported: Callable[..., Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MOST_REJECTS", 2)
    prepared = imported("branches", BRANCHES, b_csv="NO,UP,NAME\n" + "".join(f"{n},,\n" for n in range(5)))
    assert (prepared.rejected, prepared.rejects_file is not None) == (5, True)
    assert prepared.rejects_file is not None
    lines = prepared.rejects_file.read_text("utf-8").splitlines()
    assert [line.split(",")[1] for line in lines] == ["line", "2", "3", ""]
    assert lines[-1] == ",,,and 3 more,"


def test_a_second_import_without_faults_leaves_no_old_report(imported: Callable[..., Prepared]) -> None:
    first = imported("branches", BRANCHES, b_csv="NO,UP,NAME\n1,,\n")
    second = imported("branches", BRANCHES, b_csv="NO,UP,NAME\n1,,A\n")
    assert first.rejects_file is not None
    assert (second.rejects_file, first.rejects_file.exists()) == (None, False)


def test_a_row_that_refers_to_nothing_known_is_rejected(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("NO,UP,NAME\n1,,A\n2,1,B\n3,9,C\n")
    con.execute("CREATE TABLE known AS SELECT '1' AS key")
    mapping = load_mapping({"source": "bank", "datasets": {"branches": BRANCHES}})
    above = Reference("parent_id", "known", "is no branch")
    prepared = prepare(mapping, tmp_path, "branches", con, tmp_path / "rejects", [above])
    assert (prepared.read, prepared.accepted, prepared.rejected) == (3, 2, 1)
    assert rejects(prepared) == [("b.csv", 4, "UP", "is no branch", "3,9,C")]


def test_what_a_killed_run_left_behind_is_removed(imported: Callable[..., Prepared], tmp_path: Path) -> None:
    left = tmp_path / "rejects" / ".staged-branches-killed"
    left.mkdir(parents=True)
    (left / "rows-0.parquet").write_text("customers' data")
    with imported("branches", BRANCHES, b_csv="NO,UP,NAME\n1,,A\n"):
        assert not left.exists()
    assert list((tmp_path / "rejects").iterdir()) == [], "what is ready lies on scratch as long as it is in use"


@pytest.mark.parametrize(
    ("content", "refusal", "message"),
    [
        (b"NO,UP,NAEM\n", MissingColumn, r"b\.csv has no column 'NAME'; it has NO, UP, NAEM; did you mean 'NAEM'\?"),
        (b"", UnreadableFile, "the heading line is missing"),
        (b"NO,NO,NAME\n", UnreadableFile, "columns named twice: 'NO'"),
        (b"\xff\xfeN\x00O\x00", UnreadableFile, "the file is UTF-16; say so in the mapping: encoding: utf-16"),
        (
            "编号,UP,NAME\n".encode("gbk"),
            UnreadableFile,
            "the heading line is not UTF-8; say in the mapping what it is",
        ),
        (gzip.compress(b"NO,UP,NAME\n" * 1000, mtime=0)[:-9], UnreadableFile, "the archive is damaged or cut off"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(
    imported: Callable[..., Prepared], content: bytes, refusal: type[Invalid], message: str
) -> None:
    with pytest.raises(refusal, match=message):
        imported("branches", BRANCHES, b_csv=content)


def test_missing_files_and_datasets_are_named(imported: Callable[..., Prepared], tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"the extract has no file b\.csv"):
        imported("branches", BRANCHES)
    (tmp_path / "secret.csv").write_text("NO,UP,NAME\n1,,secret\n")
    (tmp_path / "extract" / "b.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(MissingFile, match="leads outside the extract's folder"):
        imported("branches", BRANCHES)


def test_a_dataset_that_is_not_mapped_is_refused(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    mapping = load_mapping({"source": "bank", "datasets": {"branches": BRANCHES}})
    with pytest.raises(NotMapped, match="the mapping has no dataset parties"):
        prepare(mapping, tmp_path, "parties", con, tmp_path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from("ab1\", \t\r'é"), max_size=12), min_size=1, max_size=12))
def test_accepted_and_rejected_are_all_that_was_read(imported: Callable[..., Prepared], lines: list[str]) -> None:
    """Whatever the lines hold: none is lost, none is counted twice, and each reject shows its own line."""
    prepared = imported("branches", BRANCHES, b_csv=("NO,UP,NAME\n" + "\n".join(lines)).encode())
    records = [line.removesuffix("\r") for line in lines]
    assert prepared.read == sum(bool(record.strip()) for record in records)
    found = rejects(prepared)
    assert len(found) == prepared.rejected == prepared.read - prepared.accepted
    assert len({line for _, line, *_ in found}) == len(found)
    for _, line, _, _, row in found:
        assert row.removeprefix("'") == records[line - 2].removeprefix("'")
