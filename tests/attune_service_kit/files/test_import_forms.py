"""However a bank writes its files, the same rows come out; what cannot be read is said in words (X20, K83, K84)."""

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter

from attune_service_kit.errors import Invalid
from attune_service_kit.files import decode, load_mapping
from attune_service_kit.files.engine import Prepared, prepare
from attune_service_kit.files.packing import UnreadableFile, UnsafeArchive

from .conftest import rejects, rows

COLUMNS = {"branch_id": "编号", "parent_id": "上级", "name": "名称"}
LINES = ["编号,上级,名称", "1,,总行", "2,1,北京—朝阳", "3,1,Zürich"]
EXPECTED = [("1", None, "总行"), ("2", "1", "北京—朝阳"), ("3", "1", "Zürich")]

Imported = Callable[..., Prepared]


def rules(**more: Any) -> dict[str, Any]:
    return {"file": "b.*", "columns": COLUMNS} | more


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("gb18030", "gb18030"), ("utf-16", "utf-16"), ("gbk", "gbk")],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_same_rows_come_out_of_every_encoding(
    con: duckdb.DuckDBPyConnection, imported: Imported, encoding: str, codec: str, newline: str
) -> None:
    prepared = imported("branches", rules(encoding=encoding), b_csv=newline.join([*LINES, ""]).encode(codec))
    assert rows(con, prepared, "branch_id", "parent_id", "name") == EXPECTED


@pytest.mark.parametrize(("encoding", "codec"), [("latin-2", "iso-8859-2"), ("windows-1250", "cp1250")])
def test_western_encodings_are_read_too(
    con: duckdb.DuckDBPyConnection, imported: Imported, encoding: str, codec: str
) -> None:
    columns = {"branch_id": "NO", "name": "Název"}
    text = "NO,Název\n1,Hradec Králové\n2,Žďár\n".encode(codec)
    prepared = imported("branches", {"file": "b.csv", "encoding": encoding, "columns": columns}, b_csv=text)
    assert rows(con, prepared, "name") == [("Hradec Králové",), ("Žďár",)]


def test_a_line_in_another_encoding_is_rejected_alone(con: duckdb.DuckDBPyConnection, imported: Imported) -> None:
    lines = [line.encode("gb18030") for line in LINES]
    lines[2] = b"2,1,\xff\xff"
    prepared = imported("branches", rules(encoding="gb18030"), b_csv=b"\n".join(lines))
    assert rows(con, prepared, "branch_id") == [("1",), ("3",)]
    assert [reject[:4] for reject in rejects(prepared)] == [("b.csv", 3, "", "is not GB18030")]


def test_chunks_do_not_show(
    con: duckdb.DuckDBPyConnection, imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of many chunks gives the same rows, lines and repeats as one of a single chunk."""
    monkeypatch.setattr(decode, "CHUNK_LINES", 3)
    monkeypatch.setattr("attune_service_kit.files.text._BLOCK", 64)
    lines = [f"{n},,支行 {n}" if n % 7 else f"{n},,支行{n},extra" for n in range(1, 60)] + ["8,,again", '9,,"open']
    prepared = imported("branches", rules(encoding="gb18030"), b_csv="\n".join([LINES[0], *lines]).encode("gb18030"))
    assert (prepared.read, prepared.accepted, prepared.rejected) == (61, 51, 10)
    assert [line for _, line, *_ in rejects(prepared)] == [8, 15, 22, 29, 36, 43, 50, 57, 61, 62]
    assert rejects(prepared)[-2][2:] == ("编号", "is there already", "8,,again")
    assert rows(con, prepared, "count(*)", "min(name)") == [(51, "支行 1")]


@pytest.mark.parametrize("separator", ["|", "\t", ";", "|@|", "¦", "\x1f"])
def test_any_separator_will_do(con: duckdb.DuckDBPyConnection, imported: Imported, separator: str) -> None:
    text = "\n".join(line.replace(",", separator) for line in LINES)
    prepared = imported("branches", rules(csv={"separator": separator, "quote": ""}), b_txt=text)
    assert rows(con, prepared, "branch_id", "parent_id", "name") == EXPECTED


def test_lines_above_the_heading_are_left_out(con: duckdb.DuckDBPyConnection, imported: Imported) -> None:
    text = "\n".join(["Report of 2024-05-31", "", *LINES, "x"])
    prepared = imported("branches", rules(csv={"skip": 2}), b_csv=text)
    assert rows(con, prepared, "branch_id", "parent_id", "name") == EXPECTED
    assert rejects(prepared)[0][1] == 7


FIXED = {"columns": {"编号": [1, 4], "上级": [5, 8], "名称": [9, 22]}}


@pytest.mark.parametrize("even", [True, False])
def test_fixed_width_counts_bytes_as_the_mainframe_does(
    con: duckdb.DuckDBPyConnection, imported: Imported, even: bool
) -> None:
    lines = []
    for number, parent, name in EXPECTED[:2]:
        text = name.encode("gb18030")
        lines.append(f"{number:4}{parent or '':4}".encode() + text + b" " * (14 - len(text)))
    lines.insert(1, b"9   1   " + "一".encode("gb18030")[:1] + b" " * 13)  # half a character
    lines += [] if even else [b"short", b"", lines[0].replace(b"1", b"7", 1) + b" filler"]
    mapping = rules(encoding="gb18030", fixed=FIXED)
    prepared = imported("branches", mapping, b_dat=b"\r\n".join([*lines, b""]))
    seven = [] if even else [("7", None, "总行")]
    assert rows(con, prepared, "branch_id", "parent_id", "name") == [*EXPECTED[:2], *seven]
    found = [reject[1:4] for reject in rejects(prepared)]
    short = [] if even else [(4, "", "has 5 bytes, the last column ends at 22")]
    assert found == [(2, "", "is not GB18030"), *short]


def test_fixed_width_counts_characters_if_told(con: duckdb.DuckDBPyConnection, imported: Imported) -> None:
    lines = [f"{number:4}{parent or '':4}{name:14}" for number, parent, name in EXPECTED]
    mapping = rules(fixed=FIXED | {"unit": "characters", "skip": 1})
    prepared = imported("branches", mapping, b_dat="\n".join(["heading", *lines]))
    assert rows(con, prepared, "branch_id", "parent_id", "name") == EXPECTED


def test_sheets_of_workbooks_are_read(con: duckdb.DuckDBPyConnection, imported: Imported, tmp_path: Path) -> None:
    file = tmp_path / "made.xlsx"
    book = xlsxwriter.Workbook(str(file))
    sheet = book.add_worksheet("Accounts")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(1, 0, ["NO", "CIF", "OPENED", "BALANCE", "CCY"])
    sheet.write_row(2, 0, [1001, "C1"])
    sheet.write_datetime(2, 2, datetime(2024, 1, 5), day)
    sheet.write(2, 3, 12.5)
    sheet.write_formula(2, 4, '="CN" & "Y"', value="CNY")
    sheet.write_row(4, 0, ["1002", "two\nlines"])
    sheet.write_row(5, 0, ["1003", "C3", "", -1, "CNY"])
    book.close()
    columns = {
        "source_id": "NO",
        "customer_id": "CIF",
        "kind": {"constant": "demand"},
        "currency": "CCY",
        "opened_on": "OPENED",
        "opening_balance_minor": "BALANCE",
    }
    mapping = {"file": "a.xlsx", "excel": {"sheet": "Accounts", "skip": 1}, "columns": columns}
    prepared = imported("accounts", mapping, a_xlsx=file.read_bytes())
    found = rows(con, prepared, "source_id", "opened_on", "opening_balance_minor", "currency")
    assert found == [("1001", date(2024, 1, 5), 1250, "CNY"), ("1003", None, -100, "CNY")]
    assert [reject[1:4] for reject in rejects(prepared)] == [(5, "", "a value holds a line break")]
    assert prepared.read == 3
    with pytest.raises(UnreadableFile, match="has no sheet 'Bccounts'; it has 'Accounts'"):
        imported("accounts", mapping | {"excel": {"sheet": "Bccounts"}}, a_xlsx=file.read_bytes())
    with pytest.raises(UnreadableFile, match="is a workbook; say so in the mapping"):
        imported("accounts", {"file": "a.xlsx", "columns": columns}, a_xlsx=file.read_bytes())
    with pytest.raises(UnreadableFile, match="no workbook that can be read"):
        imported("accounts", mapping, a_xlsx=b"\xd0\xcf\x11\xe0 not really")


def test_short_lists_may_stand_in_the_mapping_itself(con: duckdb.DuckDBPyConnection, imported: Imported) -> None:
    given = [
        {"product_id": "L", "name_zh": "贷款", "name_en": "Loan", "kind": "loan"},
        {"product_id": "C", "name_zh": "卡", "name_en": "Card", "kind": "card", "risk_level": "R9"},
    ]
    prepared = imported("products", {"rows": given})
    assert rows(con, prepared, "product_id", "name_zh", "risk_level") == [("L", "贷款", None)]
    assert rejects(prepared) == [("mapping", 2, "risk_level", "is none of R1, R2, R3, R4, R5", "")]


def test_files_of_several_layouts_make_one_dataset(con: duckdb.DuckDBPyConnection, imported: Imported) -> None:
    parts = [
        {"file": "old.csv", "columns": {"branch_id": "NO", "name": "NAME"}},
        {"file": "new.txt", "csv": {"separator": "|"}, "columns": {"branch_id": "CODE", "name": "TITLE"}},
    ]
    prepared = imported("branches", parts, old_csv="NO,NAME\n1,A\n2,\n", new_txt="TITLE|CODE\nB|1\nC|3\n")
    assert rows(con, prepared, "branch_id", "name") == [("1", "A"), ("3", "C")]
    assert [reject[:4] for reject in rejects(prepared)] == [
        ("old.csv", 3, "NAME", "is empty"),
        ("new.txt", 2, "NO", "is there already"),
    ]


# --- archives ---------------------------------------------------------------------------------------------------------


def zipped(files: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content, **options)
    return out.getvalue()


def test_a_zip_is_read_whatever_its_names_say(
    con: duckdb.DuckDBPyConnection, imported: Imported, tmp_path: Path
) -> None:
    half = "\n".join(LINES[:2]).encode(), "\n".join([LINES[0], *LINES[2:], "4,,"]).encode()
    packed = zipped({"../../escaped.csv": half[0], "/tmp/absolute.csv": half[1]})
    prepared = imported("branches", rules(), b_zip=packed)
    assert rows(con, prepared, "branch_id", "parent_id", "name") == EXPECTED
    assert [reject[:4] for reject in rejects(prepared)] == [("b.zip/2", 4, "名称", "is empty")]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["b.zip", "branches.rejects.csv"] + [
        path.name for path in sorted(tmp_path.rglob("*.parquet"))
    ]


def encrypted() -> bytes:
    packed = bytearray(zipped({"b.csv": b"x"}))
    packed[6] |= 1  # the local header's flag
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


def linked() -> bytes:
    info = zipfile.ZipInfo("b.csv")
    info.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def lying() -> bytes:
    """A zip whose directory understates what comes out."""
    packed = bytearray(zipped({"b.csv": b"0" * (8 << 20)}))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = packed.index(mark) + place
        packed[at : at + 4] = (1000).to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.parametrize(
    ("content", "refusal", "message"),
    [
        (zipped({"b.csv": b"0" * (20 << 20)}), UnsafeArchive, "more than 100 times as large"),
        (gzip.compress(b"0" * (20 << 20), mtime=0), UnsafeArchive, "more than 100 times as large"),
        (zipped({f"{n}.csv": b"x" for n in range(11)}), UnsafeArchive, "an archive has at most 10 files"),
        (zipped({"b.zip": zipped({"b.csv": b"x"})}), UnsafeArchive, "an archive within the archive"),
        (zipped({"b.gz": gzip.compress(b"x", mtime=0)}), UnsafeArchive, "an archive within the archive"),
        (encrypted(), UnsafeArchive, "encrypted archives are not read"),
        (linked(), UnsafeArchive, "the archive holds links"),
        (zipped({}), UnreadableFile, "the archive is empty|the archive is damaged"),
        (zipped({"b.csv": b"NO\n"})[:-30], UnreadableFile, "the archive is damaged or cut off"),
        (lying(), Invalid, "the archive is damaged or cut off|more than 100 times|the heading line"),
    ],
)
def test_an_archive_that_could_do_harm_is_refused(
    imported: Imported, tmp_path: Path, content: bytes, refusal: type[Invalid], message: str
) -> None:
    with pytest.raises(refusal, match=message) as caught:
        imported("branches", {"file": "b.zip", "columns": {"branch_id": "NO", "name": "NO"}}, b_zip=content)
    assert caught.value.zh
    assert list((tmp_path / "rejects").iterdir()) == [], "nothing is left half-written"


# --- attacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"2,," + b"x" * (10 << 20), "is longer than 1048576 bytes"),
        (b'2,,"never closed', "a quote is not closed or a value holds a line break"),
        (b"2,,a\rb", "a quote is not closed or a value holds a line break"),
        (b"2,,a\0b", "holds a NUL byte"),
        (b"2,,\xff\xfe", "is not UTF-8"),
        (b"2," + b",x" * 10_000, "has more or fewer values than the 3 columns"),
        (b"2,,=cmd|' /C calc'!A0,", "has more or fewer values than the 3 columns"),
    ],
    ids=["10 MB cell", "unclosed quote", "lone CR", "NUL", "other encoding", "10,000 values", "formula"],
)
def test_a_bad_line_is_one_reject_among_good_ones(
    con: duckdb.DuckDBPyConnection, imported: Imported, line: bytes, reason: str
) -> None:
    content = "\n".join(LINES[:2]).encode() + b"\n" + line + b"\n" + LINES[3].encode() + b"\n"
    prepared = imported("branches", rules(), b_csv=content)
    assert rows(con, prepared, "branch_id") == [("1",), ("3",)]
    assert [reject[1:4] for reject in rejects(prepared)] == [(3, "", reason)]
    assert len(rejects(prepared)[0][4]) <= 2001


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (",".join(f"c{n}" for n in range(10_000)).encode(), "has 10000 columns; at most 2000 are read"),
        (b"a,b,a\n", "columns named twice: 'a'"),
        (b"a\0,b\0", "the heading line holds NUL bytes; is the file UTF-16"),
        (b"a,b\r1,2\r3,4\r", "its lines end in CR alone"),
        (b"\n\n", "the heading line is missing"),
        (b"a,b" + b"x" * 200_000 + b"\n", "holds a name longer than 131072 characters"),
    ],
    ids=["10,000 columns", "twice", "NUL", "CR", "blank", "endless name"],
)
def test_a_file_whose_heading_cannot_be_used_is_refused(imported: Imported, content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        imported("branches", {"file": "b.csv", "columns": {"branch_id": "a", "name": "b"}}, b_csv=content)


def test_a_full_disk_is_said_in_words_and_leaves_nothing(con: duckdb.DuckDBPyConnection, small_disk: Path) -> None:
    folder = small_disk.parent / "extract"
    folder.mkdir()
    (folder / "b.csv").write_text("NO,NAME\n" + "\n".join(f"{n},{'x' * 100}" for n in range(40_000)))
    mapping = load_mapping(
        {"source": "bank", "datasets": {"branches": {"file": "b.csv", "columns": {"branch_id": "NO", "name": "NAME"}}}}
    )
    from attune_service_kit.files.space import DiskFull

    with pytest.raises(DiskFull, match="is full") as caught:
        prepare(mapping, folder, "branches", con, small_disk / "rejects")
    assert "磁盘" in caught.value.zh
    assert list((small_disk / "rejects").iterdir()) == []
