"""Values that no single column holds: shaped, put together, added up, chosen by conditions; never evaluated."""

from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import pytest

from attune_service_kit.files.engine import Prepared

from .conftest import POSTINGS, rejects, rows

Imported = Callable[..., Prepared]
BALANCE = {
    "source_id": "ID",
    "customer_id": "ID",
    "kind": {"constant": "demand"},
    "currency": {"constant": "CNY"},
}


def one(
    con: duckdb.DuckDBPyConnection, imported: Imported, target: str, source: Any, heading: str, line: str
) -> list[Any]:
    """The value of one column of `accounts`, or none if the line is rejected."""
    mapping = {"file": "a.csv", "csv": {"separator": ";"}, "columns": BALANCE | {target: source}}
    prepared = imported("accounts", mapping, a_csv=f"ID;{heading}\n1;{line}\n")
    return [row[0] for row in rows(con, prepared, target)]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ({"unit": "minor"}, "1250", [1250]),
        ({"unit": "minor"}, "12.50", []),
        ({"unit": "thousand"}, "1.5", [150_000]),
        ({"unit": "ten_thousand"}, "3.123456", [3_123_456]),
        ({"unit": "ten_thousand"}, "3.1234567", []),
        ({"unit": "million", "places": 0}, "2.5", [2_500_000]),
        ({"unit": "hundred_million"}, "0.0000000001", [1]),
        ({"minus": "trailing"}, "12.50-", [-1250]),
        ({"minus": "trailing"}, "12.50+", [1250]),
        ({"minus": "trailing"}, "-12.50", []),
        ({"minus": "brackets"}, "(1,234.50)", []),
        ({"minus": "brackets", "thousands": ","}, "(1,234.50)", [-123_450]),
        ({"minus": "trailing", "decimal": ",", "thousands": "."}, "1.234,5-", [-123_450]),
        ({"strip_left": "0"}, "000012.50", [1250]),
        ({"characters": [3, 7]}, "##12.50##", [1250]),
        ({"empty": ["n/a", "-"]}, "-", []),
    ],
)
def test_amounts_in_every_unit_and_sign(
    con: duckdb.DuckDBPyConnection, imported: Imported, source: dict[str, Any], text: str, expected: list[int]
) -> None:
    assert one(con, imported, "opening_balance_minor", {"column": "X"} | source, "X", text) == expected


@pytest.mark.parametrize(
    ("text", "century", "expected"),
    [
        ("930101", 1900, date(1993, 1, 1)),
        ("300101", 1930, date(1930, 1, 1)),
        ("290101", 1930, date(2029, 1, 1)),
        ("991231", 1930, date(1999, 12, 31)),
        ("000229", 2000, date(2000, 2, 29)),
    ],
)
def test_two_digit_years_belong_to_the_hundred_years_that_are_named(
    con: duckdb.DuckDBPyConnection, imported: Imported, text: str, century: int, expected: date
) -> None:
    source = {"column": "X", "format": "YYMMDD", "century": century}
    assert one(con, imported, "opened_on", source, "X", text) == [expected]


@pytest.mark.parametrize(
    ("target", "source", "heading", "line", "expected"),
    [
        ("branch_id", {"concat": ["A", {"constant": "-"}, "B"]}, "A;B", "01;7", ["01-7"]),
        ("branch_id", {"concat": ["A", "B"]}, "A;B", "01;", [None]),
        ("branch_id", {"concat": ["A", "B"], "characters": [2, 3]}, "A;B", "012;7", ["12"]),
        ("branch_id", {"column": "A", "strip_left": "0", "case": "upper"}, "A", "00ab0", ["AB0"]),
        ("branch_id", {"column": "A", "strip_left": "0"}, "A", "000", [None]),
        ("branch_id", {"first_of": ["A", "B"], "codes": {"x": "one"}, "otherwise": "two"}, "A;B", ";x", ["one"]),
        ("opening_balance_minor", {"sum": ["A", {"column": "B", "unit": "minor"}]}, "A;B", "1.50;25", [175]),
        ("opening_balance_minor", {"sum": ["A", "B"]}, "A;B", "1.50;", []),
        ("opening_balance_minor", {"difference": ["A", "B"]}, "A;B", "1.50;2", [-50]),
        ("opening_balance_minor", {"sum": ["A", {"difference": ["B", "A"]}]}, "A;B", "1;2", [200]),
        (
            "opening_balance_minor",
            {"column": "A", "negative": {"column": "B", "equals": "D"}},
            "A;B",
            "5.00;D",
            [-500],
        ),
        (
            "opening_balance_minor",
            {"column": "A", "negative": {"column": "B", "equals": "D"}},
            "A;B",
            "-5.00;D",
            [-500],
        ),
        ("closed_on", {"column": "A", "plus_months": {"constant": "1"}}, "A", "2024-01-31", [date(2024, 2, 29)]),
        ("closed_on", {"column": "A", "plus_months": "B", "plus_days": "B"}, "A;B", "2024-01-31;2", [date(2024, 4, 2)]),
        ("closed_on", {"column": "A", "plus_months": "B"}, "A;B", "2024-01-31;", [None]),
        ("closed_on", {"column": "A", "plus_months": "B"}, "A;B", "2024-01-31;x", []),
        ("closed_on", {"column": "A", "plus_months": "B"}, "A;B", "2024-01-31;99999", []),
        ("closed_on", {"column": "A", "characters": [7, 14], "format": "YYYYMMDD"}, "A", "110101199003071234",
         [date(1990, 3, 7)]),
        ("closed_on", {"concat": ["A", "B"], "format": "YYYYMMDD"}, "A;B", "2024;0531", [date(2024, 5, 31)]),
        ("closed_on", {"concat": ["A", "B"], "format": "YYYYMMDD"}, "A;B", "2024;05", []),
        ("opening_balance_minor", {"concat": ["B", "A"]}, "A;B", "7.50;-", [-750]),
        ("closed_on", {"column": "A", "format": "YYYY年MM月DD日"}, "A", "2024年05月31日", [date(2024, 5, 31)]),
    ],
)  # fmt: skip
def test_values_are_made_from_others(
    con: duckdb.DuckDBPyConnection,
    imported: Imported,
    target: str,
    source: dict[str, Any],
    heading: str,
    line: str,
    expected: list[Any],
) -> None:
    assert one(con, imported, target, source, heading, line) == expected


@pytest.mark.parametrize(
    ("condition", "line", "holds"),
    [
        ({"column": "A", "equals": ["1", "2"]}, "2;", True),
        ({"column": "A", "equals": "1"}, ";", False),
        ({"column": "A", "not_equals": "1"}, ";", True),
        ({"column": "A", "not_equals": "1"}, "1;", False),
        ({"column": "A", "starts_with": ["x", "6217"]}, "6217001;", True),
        ({"column": "A", "starts_with": "7"}, "6217001;", False),
        ({"column": "A", "filled": True}, "x;", True),
        ({"column": "A", "filled": False}, " ;", True),
        ({"column": "A", "same_as": "B"}, "7;7", True),
        ({"column": "A", "same_as": "B"}, ";", False),
        ([{"column": "A", "equals": "1"}, {"column": "B", "equals": "2"}], "1;2", True),
        ([{"column": "A", "equals": "1"}, {"column": "B", "equals": "2"}], "1;3", False),
    ],
)
def test_conditions_choose_values(
    con: duckdb.DuckDBPyConnection, imported: Imported, condition: Any, line: str, holds: bool
) -> None:
    source = {"first_of": [{"cases": [{"when": condition, "then": {"constant": "yes"}}]}, {"constant": "no"}]}
    assert one(con, imported, "branch_id", source, "A;B", line) == ["yes" if holds else "no"]


def test_a_bank_that_flags_nothing_has_its_own_transfers_found_by_joining(
    con: duckdb.DuckDBPyConnection, imported: Imported
) -> None:
    """The partner's account belongs to the same customer: an own transfer, though no column says so."""
    mapping = POSTINGS | {
        "join": {
            "own": {"file": "accounts.csv", "on": {"ACCOUNT": "NO"}},
            "partner": {"file": "accounts.csv", "on": {"PARTNER": "NO"}},
        },
        "columns": POSTINGS["columns"]
        | {
            "flags": {
                "when": {
                    "own_transfer": {"column": "own.CIF", "same_as": "partner.CIF"},
                    "maturity": [{"column": "FLAG", "equals": "M"}, {"column": "PARTNER", "filled": False}],
                    "reversal": {"column": "UNDOES", "filled": True},
                }
            },
            "reverses": "UNDOES",
        },
    }
    text = (
        "ID,ACCOUNT,DAY,AT,AMOUNT,KIND,FLAG,PARTNER,UNDOES\n"
        "1,A1,20240131,,5.00,01,,A2,\n2,A1,20240131,,5.00,01,,A3,\n3,A1,20240131,,5.00,01,M,,\n4,A1,20240131,,-5.00,01,,,3\n"
    )
    accounts = "NO,CIF\nA1,C1\nA2,C1\nA3,C2\n"
    prepared = imported("transactions", mapping, p_csv=text, accounts_csv=accounts)
    assert rows(con, prepared, "posting_id", "flags", "reverses") == [
        ("1", ["own_transfer"], None),
        ("2", [], None),
        ("3", ["maturity"], None),
        ("4", ["reversal"], "3"),
    ]


def test_a_text_that_only_another_case_would_read_is_no_fault(
    con: duckdb.DuckDBPyConnection, imported: Imported
) -> None:
    born = {"column": "B", "characters": [7, 14], "format": "YYYYMMDD"}
    columns = BALANCE | {"closed_on": {"cases": [{"when": {"column": "A", "equals": "P"}, "then": born}]}}
    lines = ["1,P,11010119900307123X", "2,C,91110105MA0000005X", "3,P,91110105MA0000005X"]
    prepared = imported("accounts", {"file": "a.csv", "columns": columns}, a_csv="ID,A,B\n" + "\n".join(lines))
    assert rows(con, prepared, "source_id", "closed_on") == [("1", date(1990, 3, 7)), ("2", None)]
    assert [reject[1:4] for reject in rejects(prepared)] == [(4, "B", "is not a date in the form YYYYMMDD")]


def test_faults_of_parts_are_reported_under_their_own_columns(imported: Imported) -> None:
    columns = BALANCE | {
        "opening_balance_minor": {"sum": ["A", "B"]},
        "closed_on": {"column": "C", "plus_months": "D"},
    }
    lines = ["1,x,1,2024-01-01,1", "2,1,y,2024-01-01,1", "3,1,1,z,1", "4,1,1,2024-01-01,-5"]
    prepared = imported("accounts", {"file": "a.csv", "columns": columns}, a_csv="ID,A,B,C,D\n" + "\n".join(lines))
    assert [reject[1:4] for reject in rejects(prepared)] == [
        (2, "A", "is not an amount with at most 2 decimal places"),
        (3, "B", "is not an amount with at most 2 decimal places"),
        (4, "C", "is not a date in the form YYYY-MM-DD"),
        (5, "D", "is more than 1200, or negative"),
    ]
