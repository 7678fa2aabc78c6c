"""The values of a bank's files become rows of the contract's types: ids, days, moments, amounts, flags."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from attune_contracts.datasets import DATASETS, IDENTITY_COLUMNS
from attune_contracts.identifiers import account_id, customer_id
from attune_service_kit.files import load_mapping
from attune_service_kit.files.engine import Prepared, prepare

from .conftest import GOOD_POSTING, POSTING_HEADING, POSTINGS, rejects, rows

ROOT = Path(__file__).parents[3]
REAL = Path(os.environ.get("ATTUNE_REAL_DATA", ROOT.parent / "shared" / "data"))


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
    names = [*(name for name in DATASETS["parties"].names if name != "version"), *IDENTITY_COLUMNS["parties"]]
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


@pytest.mark.real_data
@pytest.mark.skipif(not (REAL / "berka").is_dir(), reason="ATTUNE_REAL_DATA names no folder with berka/")
def test_berka_is_read_whole(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    mapping = load_mapping(ROOT / "mappings" / "berka.yaml")
    found = {name: prepare(mapping, REAL / "berka", name, con, tmp_path / "rejects") for name in mapping.datasets}
    assert {name: (p.read, p.rejected) for name, p in found.items()} == {
        "regions": (77, 0),
        "branches": (77, 0),
        "parties": (5369, 0),
        "accounts": (4500, 0),
        "account_parties": (5369, 0),
        "products": (4, 0),
        "holdings": (682 + 892, 0),
        "loans": (682, 0),
        "cards": (892, 0),
        "standing_orders": (6471, 0),
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
