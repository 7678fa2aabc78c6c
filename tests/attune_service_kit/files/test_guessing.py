"""A draft for an unknown file: what it is written in, what its columns hold, and a mapping that a person finishes."""

import gzip
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
import yaml

from attune_service_kit.files import MappingError, load_mapping
from attune_service_kit.files.checking import check
from attune_service_kit.files.guessing import draft, profile, sniff
from attune_service_kit.files.mapping import Csv, Excel, FixedWidth
from attune_service_kit.files.packing import UnreadableFile

HEADING = ["客户号", "姓名", "性别", "出生日期", "手机", "机构号", "余额"]


def customers(count: int = 60) -> list[list[str]]:
    chance = random.Random(7)
    return [
        [
            f"C{number:05d}",
            chance.choice("李王张刘") + chance.choice("雷梅强芳") + chance.choice("明华"),
            chance.choice("FM"),
            f"19{chance.randrange(40, 99)}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}",
            f"139{chance.randrange(10**8):08d}",
            f"B{chance.randrange(5)}",
            f"{chance.randrange(10**5)}.{chance.randrange(100):02d}",
        ]
        for number in range(count)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "|@|"])
def test_encoding_separator_and_heading_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    file = tmp_path / "customers.txt"
    lines = [HEADING, *customers()]
    file.write_bytes("".join(separator.join(line) + "\r\n" for line in lines).encode(encoding))
    found = sniff(file)
    assert isinstance(found.form, Csv)
    assert (found.encoding, found.form.separator, list(found.names)) == (encoding, separator, HEADING)
    assert found.rows == lines[1:]


def test_a_file_without_a_heading_gets_numbered_columns(tmp_path: Path) -> None:
    file = tmp_path / "cust.csv"
    file.write_text("".join(",".join(line) + "\n" for line in customers()), encoding="utf-8")
    found = sniff(file)
    assert found.names[:2] == ("column_1", "column_2")
    assert "looks like a record" in str(found.doubt)


def test_fixed_width_is_cut_where_every_line_is_blank(tmp_path: Path) -> None:
    file = tmp_path / "acct.dat"
    lines = [f"{number:08d} {'DT'[number % 2]} {number * 7 % 1000:10.2f}\n" for number in range(1, 50)]
    file.write_text("".join(lines))
    found = sniff(file)
    assert isinstance(found.form, FixedWidth)
    assert list(found.form.columns.values()) == [(1, 8), (10, 10), (16, 21)]
    assert "see the record's description" in str(found.doubt)


def test_workbooks_are_recognised(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "cust.xlsx"))
    sheet = book.add_worksheet()
    sheet.write(0, 0, "Customers of May")
    for number, row in enumerate([HEADING, *customers(5)]):
        sheet.write_row(number + 2, 0, row)
    book.close()
    found = sniff(tmp_path / "cust.xlsx")
    assert isinstance(found.form, Excel)
    assert (found.form.skip, list(found.names), len(found.rows)) == (2, HEADING, 5)


@pytest.mark.parametrize(
    ("values", "kind", "options"),
    [
        (["20240131", "19991231"], "date", {"format": "YYYYMMDD"}),
        (["2024-01-31", ""], "date", {"format": "YYYY-MM-DD"}),
        (["31.12.2024"], "date", {"format": "DD.MM.YYYY"}),
        (["12/31/2024", "01/02/2024"], "date", {"format": "MM/DD/YYYY"}),
        (["930101", "931231"], "date", {"format": "YYMMDD", "century": 1930}),
        (["706213", "450204"], "date", {"format": "YYMMDD", "century": 1930, "women_month_plus": 50}),
        (["2024-01-31T09:00:00+08:00"], "moment", {}),
        (["2024-01-31 09:00:00"], "moment", {"zone": "Asia/Shanghai"}),
        (["20240131090000"], "moment", {"format": "YYYYMMDDhhmmss"}),
        (["1.50", "1,234.00"], "amount", {"thousands": ","}),
        (["1,50", "1.234,00"], "amount", {"decimal": ",", "thousands": "."}),
        (["1.50-", "2.00"], "amount", {"minus": "trailing"}),
        (["Y", "N", "Y"], "flag", {}),
        (["D", "T", "D", "W"] * 5, "code", {}),
        (["A1", "A2", "A3"], "id", {}),
        (["", ""], "empty", {}),
    ],
)
def test_columns_are_recognised(values: list[str], kind: str, options: dict[str, Any]) -> None:
    (guess,) = profile(["x"], [[value] for value in values])
    assert (guess.kind, guess.options) == (kind, options)


def test_a_draft_can_be_imported_once_it_is_finished(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    extract = tmp_path / "extract"
    extract.mkdir()
    (extract / "客户.csv").write_text(
        "".join(";".join(line) + "\n" for line in [HEADING, *customers()]), encoding="gb18030"
    )
    accounts = "".join(f"A{n};C{n % 70:05d};{'DT'[n % 2]};CNY;20240101;{n}.50\n" for n in range(80))
    (extract / "acct.csv").write_text("ACCT_NO;CIF;ACCT_TYPE;CCY;OPEN_DATE;OPEN_BAL\n" + accounts)
    (extract / "zzz.csv").write_text("a,b\n1,2\n")
    text = draft("bank", [sniff(file) for file in sorted(extract.iterdir())])
    assert "# zzz.csv: no dataset was recognised" in text
    assert "139" not in text, "what identifies a customer is not written into a draft"
    file = tmp_path / "bank.yaml"
    file.write_text(text, encoding="utf-8")
    mapping = load_mapping(file)
    assert mapping.datasets["parties"][0].encoding == "gb18030"
    columns = mapping.datasets["parties"][0].columns
    assert columns["gender"].codes == {"F": "female", "M": "male"}
    assert columns["phone"].column == "手机"
    found = {one.dataset: one for one in check(mapping, extract, con, tmp_path / "check")}
    assert (found["parties"].read, found["parties"].rejected) == (60, 0)
    accounts_ = found["accounts"]
    assert (accounts_.read, accounts_.accepted, accounts_.rejected) == (80, 70, 10)
    assert accounts_.rejects[0]["reason"] == "no such customer"
    assert accounts_.preview[0]["opening_balance_minor"] is not None


def test_columns_say_what_the_name_of_a_file_does_not(tmp_path: Path) -> None:
    rows = [f"{n:06}|张三{n}|11010119900307{n:04}|138{n:08}|2020-01-{n:02}|{'男女'[n % 2]}" for n in range(1, 21)]
    (tmp_path / "kh.txt").write_text("\n".join(["客户号|姓名|证件号码|手机号|开户日期|性别", *rows]), "gb18030")
    (tmp_path / "x.csv").write_text("a,b,c,d\n" + "1,2,3,4\n" * 9)
    text = draft("bank", [sniff(tmp_path / "kh.txt"), sniff(tmp_path / "x.csv")])
    assert "  parties:\n    # by its columns" in text
    assert "gender: {column: 性别, codes: {女: female, 男: male}}" in text
    for line in ("source_id: 客户号", "name: 姓名", "phone: 手机号", "document: 证件号码"):
        assert f"      {line} " in text
    assert "# x.csv: no dataset was recognised" in text


def test_a_file_that_no_dataset_is_known_of_is_drafted_but_for_its_dataset(
    tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "foo.csv").write_text("ORG;TITEL\n" + "".join(f"{n};城{n}\n" for n in range(9)), "gb18030")
    text = draft("bank", [sniff(tmp_path / "foo.csv")])
    file = tmp_path / "bank.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError, match="line 4: datasets: write at least one dataset"):
        load_mapping(file)
    finished = text.replace("  # DATASET:", "  branches:").replace("{…: …}", "{branch_id: ORG, name: TITEL}")
    file.write_text(finished.replace("\n  #   ", "\n    "), encoding="utf-8")
    (found,) = check(load_mapping(file), tmp_path, con, tmp_path / "check")
    assert (found.accepted, found.preview[1]["name"]) == (9, "城1")


def test_codes_are_given_the_words_that_they_may_mean(tmp_path: Path) -> None:
    lines = "".join(
        f"T{n};A1;20250101;{'DC'[n % 2]};{n}.50;{'RMB'};{('工资', '杂项')[n % 2]};ATM\n" for n in range(1, 21)
    )
    (tmp_path / "txn.csv").write_text("TXN_NO;ACCT_NO;DATE;DC;AMT;CCY;摘要;CHN\n" + lines)
    (tmp_path / "cust.csv").write_text("CIF;SEX\n" + "".join(f"{n};{1 + n % 2}\n" for n in range(20)))
    (tmp_path / "prod.csv").write_text("PROD_CODE,TYPE\nP1,time\nP2,wealth\n")
    text = draft("bank", [sniff(file) for file in sorted(tmp_path.iterdir())])
    for line in (
        "currency: {column: CCY, codes: {RMB: CNY}}",
        "kind: {column: 摘要, codes: {工资: salary, 杂项: null}}",
        "channel: {column: CHN, codes: {ATM: atm}}",
        "gender: {column: SEX, codes: {1: male, 2: female}}",
        "kind: {column: TYPE, codes: {time: time_deposit, wealth: wealth}}",
    ):
        assert f"      {line} " in text


def test_what_would_be_wrong_unseen_is_drafted_or_said(tmp_path: Path) -> None:
    """Amounts a hundred times too large, companies as persons, children as the oldest customers."""
    rows = "".join(f"T{n},A{n % 9},202501{n % 28 + 1:02d},{'CD'[n % 2]},{n * 37},{n}.5,{n * 3}\n" for n in range(60))
    (tmp_path / "流水.csv").write_text(
        f"流水号,账号,交易日期,借贷标志,发生额(分),余额(万元),积分\n{rows}", encoding="utf-8"
    )
    born = "".join(
        f"C{n},{n % 90 + 10:02d}{n % 12 + 1:02d}15,{('个人', '对公', '其他')[n % 3]},B{n % 3}\n" for n in range(60)
    )
    (tmp_path / "客户.csv").write_text(f"客户号,出生日期,客户类型,开户机构\n{born}", encoding="utf-8")
    drafted = draft("bank", [sniff(file) for file in sorted(tmp_path.iterdir())])
    parties, transactions = (
        yaml.safe_load(drafted)["datasets"][name]["columns"] for name in ("parties", "transactions")
    )
    assert transactions["amount_minor"] == {"column": "发生额(分)", "unit": "minor"}
    assert transactions["balance_minor"] == {"column": "余额(万元)", "unit": "ten_thousand"}
    assert parties["party_kind"]["codes"] == {"个人": "person", "对公": "organisation", "其他": None}
    assert parties["branch_id"] == "开户机构"
    assert "# of two digits: 30 to 99 are 1930 to 1999, 00 to 29 2000 to 2029" in drafted


def test_what_a_draft_could_not_guess_is_named_where_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "txn.csv").write_text("a,b\n1,2\n3,4\n5,4\n")
    text = draft("bank", [sniff(tmp_path / "txn.csv")])
    assert "# posting_id: is needed, and no column was recognised" in text
    (tmp_path / "bank.yaml").write_text(text)
    with pytest.raises(MappingError, match="transactions needs posting_id"):
        load_mapping(tmp_path / "bank.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file holds no line"),
        (b"\n \n", "the file holds no line"),
        (bytes(range(256)) * 40, "is no text"),
        (gzip.compress(bytes(4 << 20), mtime=0), "is no text"),
        (b"NO,NAME\r1,A\r2,B\r", "lines end in CR alone"),
        (b"NO,NAME\n1,A\rB\n", "lines end in CR alone"),
        (",".join(f"c{n}" for n in range(10_000)).encode() + b"\n", "has 10000 columns; at most 2000 are read"),
        (b'NO,NAME\n1,"' + b"x" * 200_000 + b"\n", "is a quote left open"),
    ],
    ids=["empty", "blank", "binary", "zip bomb", "CR", "CR inside", "10,000 columns", "endless value"],
)
def test_a_file_that_is_no_extract_is_said_to_be_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        sniff(tmp_path / "x.csv")


def test_a_check_tells_what_cannot_be_read_and_goes_on(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "b.csv").write_text("NO,NAME\n1,A\n")
    columns = {"branch_id": "NO", "name": "NAME"}
    mapping = load_mapping(
        {
            "source": "bank",
            "datasets": {
                "regions": {"file": "r.csv", "columns": {"region_id": "NO", "name": "NAME"}},
                "branches": {"file": "b.csv", "columns": columns},
            },
        }
    )
    missing, branches = check(mapping, tmp_path, con, tmp_path / "check")
    assert missing.fault is not None
    assert "r.csv" in missing.fault.en
    assert branches.accepted == 1
