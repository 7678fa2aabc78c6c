"""Every line of a bank's file is either an accepted row or a reject with its line, column and reason."""

import csv
import gzip
import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune_contracts.datasets import DATASETS
from attune_contracts.identifiers import account_id, customer_id
from attune_service_kit import lake_sql
from attune_service_kit.errors import Invalid
from attune_service_kit.files import load_mapping
from attune_service_kit.files.decode import UnreadableFile
from attune_service_kit.files.engine import NotMapped, Prepared, Reference, prepare
from attune_service_kit.files.reading import MissingColumn, MissingFile
from attune_service_kit.lake import Lake

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("ATTUNE_REAL_DATA", ROOT.parent / "shared" / "data"))

BRANCHES: dict[str, Any] = {"file": "b.csv", "columns": {"branch_id": "NO", "parent_id": "UP", "name": "NAME"}}
POSTINGS: dict[str, Any] = {
    "file": "p.csv",
    "columns": {
        "posting_id": "ID",
        "account_id": "ACCOUNT",
        "business_date": {"column": "DAY", "format": "YYYYMMDD"},
        "booked_at": "AT",
        "direction": {"column": "AMOUNT", "sign": "direction"},
        "amount_minor": {"column": "AMOUNT", "sign": "absolute"},
        "currency": {"constant": "CNY"},
        "kind": {"column": "KIND", "codes": {"01": "salary", "02": "fee"}},
        "flags": {
            "when": {
                "own_transfer": {"column": "FLAG", "equals": ["O", "B"]},
                "reversal": {"column": "FLAG", "equals": ["R", "B"]},
            }
        },
    },
}
POSTING_HEADING = "ID,ACCOUNT,DAY,AT,AMOUNT,KIND,FLAG\n"
GOOD_POSTING = "1,A1,20240131,2024-01-31T09:00:00+08:00,86000.00,01,"


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with lake_sql.connect(Lake(str(tmp_path / "lake"), tmp_path / "scratch")) as connection:
        yield connection


@pytest.fixture
def imported(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> Callable[..., Prepared]:
    """Write files (texts or bytes) into an extract and import one dataset of it."""

    def run(dataset: str, rules: dict[str, Any], **files: str | bytes) -> Prepared:
        folder = tmp_path / "extract"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            file = folder / name.replace("_", ".")
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        mapping = load_mapping({"source": "bank", "datasets": {dataset: rules}})
        return prepare(mapping, folder, dataset, con, tmp_path / "rejects")

    return run


def rows(con: duckdb.DuckDBPyConnection, prepared: Prepared, *columns: str) -> list[tuple[Any, ...]]:
    return con.execute(f"SELECT {', '.join(columns)} FROM {prepared.relation}").fetchall()


def rejects(prepared: Prepared) -> list[tuple[str, int, str, str, str]]:
    """File, line, column, reason, row."""
    if prepared.rejects_file is None:
        return []
    with prepared.rejects_file.open(encoding="utf-8", newline="") as file:
        heading, *found = list(csv.reader(file))
    assert heading == ["file", "line", "column", "reason", "row"]
    return [(file, int(line), column, reason, row) for file, line, column, reason, row in found]


def test_a_posting_becomes_a_typed_row(con: duckdb.DuckDBPyConnection, imported: Callable[..., Prepared]) -> None:
    text = f"{POSTING_HEADING}{GOOD_POSTING}\n2, A1 ,20240201,,-0.5,02,B\n"
    prepared = imported("transactions", POSTINGS, p_csv=text)
    assert (prepared.read, prepared.accepted, prepared.rejected, prepared.rejects_file) == (2, 2, 0, None)
    described = con.execute(f"DESCRIBE {prepared.relation}").fetchall()
    assert [row[0] for row in described] == list(DATASETS["transactions"].names)
    account = str(account_id("bank", "A1"))
    found = rows(con, prepared, "* REPLACE (epoch(booked_at)::BIGINT AS booked_at)")
    assert found == [
        ("1", account, date(2024, 1, 31), 1706662800, "credit", 8600000, "CNY", "salary", None, [], None, None),
        (
            "2",
            account,
            date(2024, 2, 1),
            None,
            "debit",
            50,
            "CNY",
            "fee",
            None,
            ["own_transfer", "reversal"],
            None,
            None,
        ),
    ]


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
    assert rows(con, prepared, "*") == [("1", None, "支行，一"), ("2", "1", "Two")]


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


def test_parties_get_ids_flags_and_identity_columns(
    con: duckdb.DuckDBPyConnection, imported: Callable[..., Prepared]
) -> None:
    rules = {
        "file": "c.csv",
        "columns": {
            "source_id": "CIF",
            "name": "NAME",
            "phone": "MOBILE",
            "birth_date": {"column": "BIRTH", "format": "YYMMDD", "century": 1900, "women_month_plus": 50},
            "gender": {"column": "BIRTH", "format": "YYMMDD", "women_month_plus": 50},
        },
    }
    text = "CIF,NAME,MOBILE,BIRTH\nC1,李雷,13900000000,706213\nC2,韩梅梅,,450204\nC3,x,,451304\n"
    prepared = imported("parties", rules, c_csv=text)
    names = [*DATASETS["parties"].names, "name", "phone", "document", "address"]
    assert [row[0] for row in con.execute(f"DESCRIBE {prepared.relation}").fetchall()] == names
    found = rows(con, prepared, "customer_id", "gender", "birth_date", "has_phone", "has_address", "name", "phone")
    assert found == [
        (str(customer_id("bank", "C1")), "female", date(1970, 12, 13), True, False, "李雷", "13900000000"),
        (str(customer_id("bank", "C2")), "male", date(1945, 2, 4), False, False, "韩梅梅", None),
    ]
    assert rejects(prepared)[0][2:4] == ("BIRTH", "is not a date in the form YYMMDD")


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ({"column": "X"}, "12", 1200),
        ({"column": "X"}, "-0.10", -10),
        ({"column": "X"}, "+7.5000", 750),
        ({"column": "X", "places": 0}, "12", 12),
        ({"column": "X", "decimal": ",", "thousands": "."}, '"1.234.567,89"', 123456789),
        ({"column": "X", "thousands": ","}, '"1,234.50"', 123450),
        ({"column": "X", "thousands": ","}, '"12,34.50"', None),
        ({"column": "X", "sign": "absolute"}, "-3.00", 300),
        ({"column": "X", "empty": ["n/a", "?"]}, "?", 0),
        ({"constant": "9.99"}, "1", 999),
    ],
)
def test_amounts_become_minor_units_and_are_never_rounded(
    con: duckdb.DuckDBPyConnection,
    imported: Callable[..., Prepared],
    source: dict[str, Any],
    text: str,
    expected: int | None,
) -> None:
    columns = {
        "source_id": "ID",
        "customer_id": "ID",
        "kind": {"constant": "demand"},
        "currency": {"constant": "EUR"},
        "opening_balance_minor": [source, {"constant": "0"}] if "empty" in source else source,
    }
    prepared = imported("accounts", {"file": "a.csv", "columns": columns}, a_csv=f"ID,X\n1,{text}\n")
    assert rows(con, prepared, "opening_balance_minor") == ([] if expected is None else [(expected,)])


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ({"column": "X"}, "2024-01-31T00:30:00+08:00", "2024-01-30 16:30:00"),
        ({"column": "X"}, "2024-01-31 00:30:00.25Z", "2024-01-31 00:30:00.25"),
        ({"column": "X", "zone": "Asia/Shanghai"}, "2024-01-31 00:30:00", "2024-01-30 16:30:00"),
        ({"column": "X", "zone": "Asia/Shanghai", "format": "YYYYMMDDhhmmss"}, "20240131003000", "2024-01-30 16:30:00"),
        ({"column": "X", "format": "DD.MM.YYYY hh:mm"}, "31.01.2024 08:05", "2024-01-31 08:05:00"),
    ],
)
def test_moments_are_stored_in_utc(
    con: duckdb.DuckDBPyConnection,
    imported: Callable[..., Prepared],
    source: dict[str, Any],
    text: str,
    expected: str,
) -> None:
    rules = {**POSTINGS, "columns": {**POSTINGS["columns"], "booked_at": source}}
    line = f"1,A1,20240131,{text},1.00,01,"
    prepared = imported("transactions", rules, p_csv=POSTING_HEADING.replace("AT", "X") + line)
    assert rows(con, prepared, "booked_at::VARCHAR") == [(f"{expected}+00",)]


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
    left = tmp_path / "rejects" / ".decode-branches-killed"
    left.mkdir(parents=True)
    (left / "lines.csv").write_text("customers' data")
    imported("branches", BRANCHES, b_csv="NO,UP,NAME\n1,,A\n")
    assert list((tmp_path / "rejects").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "refusal", "message"),
    [
        (b"NO,UP,NAEM\n", MissingColumn, r"b\.csv has no column 'NAME'; it has NO, UP, NAEM; did you mean 'NAEM'\?"),
        (b"", UnreadableFile, "the heading line is missing"),
        (b"NO,NO,NAME\n", UnreadableFile, "columns named twice: 'NO'"),
        (b"\xff\xfeN\x00O\x00", UnreadableFile, "the heading line is not UTF-8"),
        (gzip.compress(b"NO,UP,NAME\n" * 1000)[:-9], UnreadableFile, "the gzip archive is damaged or cut off"),
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


@pytest.mark.real_data
@pytest.mark.skipif(not (REAL / "berka").is_dir(), reason="ATTUNE_REAL_DATA names no folder with berka/")
def test_berka_is_read_whole(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    mapping = load_mapping(ROOT / "mappings" / "berka.yaml")
    found = {name: prepare(mapping, REAL / "berka", name, con, tmp_path / "rejects") for name in mapping.datasets}
    assert {name: (p.read, p.rejected) for name, p in found.items()} == {
        "branches": (77, 0),
        "parties": (4500, 0),
        "accounts": (4500, 0),
        "transactions": (46997, 0),
    }
    unknown = "SELECT count(*) FROM accepted_transactions ANTI JOIN accepted_accounts USING (account_id)"
    owners = "SELECT count(DISTINCT customer_id) FROM accepted_accounts SEMI JOIN accepted_parties USING (customer_id)"
    pensions = "SELECT count(*), count(DISTINCT account_id) FROM accepted_transactions WHERE kind = 'pension'"
    first = "SELECT business_date, amount_minor, account_id FROM accepted_transactions WHERE posting_id = '1002969'"
    assert con.execute(unknown).fetchone() == (0,)
    assert con.execute(owners).fetchone() == (4500,)
    assert con.execute(pensions).fetchone() == (1770, 213)
    assert con.execute(first).fetchone() == (date(1993, 8, 19), 3578400, str(account_id("berka", "3424")))
