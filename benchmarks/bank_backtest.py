"""What the backtest is measured on: two years of postings of many customers in a lake, equal each time."""

from datetime import date
from pathlib import Path

import duckdb

from attune_contracts.datasets import TRANSACTIONS
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake

FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)
# The days that the trigger is tried on; what lies before is the past.
TRIED = date(2025, 1, 1)
EACH = 100

# A text like an id of Attune's, of a number: as wide as the real ones, and as unordered.
_ID = """
CREATE OR REPLACE MACRO id(kind, number) AS
    regexp_replace(md5(kind || number), '(.{8})(.{4})(.{4})(.{4})(.{12})', '\\1-\\2-\\3-\\4-\\5')"""
# Every customer has a demand account, each third a time account too, each tenth a wealth account.
_OWNERS = """
CREATE OR REPLACE TABLE account_owner AS
SELECT id('a', account) AS account_id, 'A' || account AS source_id, id('c', account // 10) AS customer_id,
       0::SMALLINT AS "partition", ['demand', 'time', 'wealth'][account % 10 + 1] AS kind,
       CASE WHEN account % 10 = 0 THEN (account // 10 * 7919 % 5_000_000)::BIGINT ELSE 0::BIGINT END
           AS opening_balance_minor
FROM (
    SELECT owner.range * 10 + kind.range AS account FROM range($customers) AS owner, range(3) AS kind
    WHERE kind.range = 0 OR (kind.range = 1 AND owner.range % 3 = 0) OR (kind.range = 2 AND owner.range % 10 = 0)
)"""
# Amounts are lumpy, credits come as often as debits; of a hundred postings some are flagged, one undoes another.
_POSTINGS = """
SELECT 'T' || number AS posting_id, id('a', account) AS account_id, day AS business_date,
       CASE WHEN draw % 5 < 4 THEN CAST(day AS TIMESTAMP) + to_seconds(CAST(draw // 7 % 86400 AS BIGINT)) END
           AS booked_at,
       CASE WHEN draw // 11 % 2 = 0 THEN 'credit' ELSE 'debit' END AS direction,
       CAST(100 + pow(10, 2 + draw // 13 % 4500 / 1000.0) * CASE direction WHEN 'credit' THEN 1 ELSE 0.7 END AS BIGINT)
           AS amount_minor, 'CNY' AS currency,
       ['salary', 'transfer_in', 'transfer_out', 'card_payment'][CAST(draw // 17 % 4 AS BIGINT) + 1] AS kind,
       ['counter', 'mobile', NULL][CAST(draw // 19 % 3 AS BIGINT) + 1] AS channel,
       CASE WHEN draw // 23 % 20 = 0 THEN ['own_transfer'] ELSE []::VARCHAR[] END AS flags,
       CASE WHEN draw // 29 % 200 = 0 AND number % $each > 0 THEN 'T' || (number - 1) END AS reverses,
       NULL::BIGINT AS balance_minor
FROM (
    SELECT number, md5_number_lower(CAST(number AS VARCHAR)) AS draw, number // $each AS owner,
           CASE WHEN draw // 31 % 10 = 0 AND owner % 3 = 0 THEN owner * 10 + 1
                WHEN draw // 31 % 10 = 1 AND owner % 10 = 0 THEN owner * 10 + 2 ELSE owner * 10 END AS account,
           $first + CAST((number % $each) * $days // $each + draw // 37 % 5 AS INTEGER) AS day
    FROM (SELECT range AS number FROM range($total))
)"""


def make(folder: Path, postings: int) -> Lake:
    """A lake with so many postings; the owners lie beside it in `account_owner.parquet`."""
    lake = Lake(str(folder / "lake"), folder / "scratch")
    with lake_sql.connect(lake) as con:
        con.execute("SET enable_progress_bar = false")
        fill(con, postings)
        con.execute(f"COPY account_owner TO {lake_sql.quote(str(folder / 'account_owner.parquet'))}")
        month = "strftime(business_date, '%Y-%m')"
        lake_sql.write_partitions(con, lake, TRANSACTIONS, "FROM posting", key="month", value=month, as_of=LAST)
    return lake


def fill(con: duckdb.DuckDBPyConnection, postings: int) -> None:
    """The tables `account_owner` and `posting`."""
    values = {"each": EACH, "total": postings, "first": FIRST, "days": (LAST - FIRST).days - 5}
    con.execute(_ID)
    con.execute(_OWNERS, {"customers": postings // EACH})
    con.execute("CREATE TABLE posting AS " + _POSTINGS, values)


def opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection as a backtest's job has it: the view `transactions`, the table `account_owner`."""
    lake = Lake(str(folder / "lake"), folder / "scratch")
    con = lake_sql.connect(lake)
    con.execute("SET enable_progress_bar = false")
    lake_sql.register(con, lake, "transactions")
    file = lake_sql.quote(str(folder / "account_owner.parquet"))
    con.execute(f"CREATE TABLE account_owner AS FROM read_parquet({file})")
    return con
