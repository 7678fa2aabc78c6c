"""Identifiers: computed, equal in Python and DuckDB, and what the standards say they are."""

import time
import zlib
from uuid import RFC_4122, UUID

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from attune_contracts.identifiers import (
    account_id,
    customer_id,
    detection_id,
    new_id,
    partition,
    posting_event_id,
    uuid8_sql,
)


def test_duckdb_computes_the_same_ids() -> None:
    con = duckdb.connect()
    bank_ids = [*(f"C{n:08d}" for n in range(5_000)), "", "客户-1", "a'b", "x" * 64]
    con.execute("CREATE TABLE t AS SELECT unnest($ids) AS bank_id", {"ids": bank_ids})
    for kind, python in (("party", customer_id), ("account", account_id)):
        sql = uuid8_sql("'demo'", f"'{kind}'", "bank_id")
        rows = con.execute(f"SELECT bank_id, {sql} FROM t").fetchall()
        assert len(rows) == len(bank_ids)
        assert [row for row in rows if row[1] != str(python("demo", row[0]))] == []


@given(st.text(max_size=64), st.text(max_size=64))
def test_ids_are_uuids_of_version_8_and_repeat(source: str, bank_id: str) -> None:
    found = customer_id(source, bank_id)
    assert (found.version, found.variant) == (8, RFC_4122)
    assert found == customer_id(source, bank_id)
    assert found != account_id(source, bank_id)


def test_the_parts_are_kept_apart() -> None:
    assert customer_id("a", "bc") != customer_id("ab", "c")
    assert posting_event_id("run-1", "T1") != posting_event_id("run-2", "T1")
    assert detection_id("large-deposit", "c", "T1") == detection_id("large-deposit", "c", "T1")


def test_a_known_id_never_changes() -> None:
    # Arms and partitions hang on it: a change here moves every customer of every bank.
    assert customer_id("demo", "C00000417") == UUID("31a841d3-58da-8a8d-88a1-8b4e53d3878c")


def test_new_ids_are_uuids_of_version_7_in_order_of_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 1_000
    assert all((i.version, i.variant) == (7, RFC_4122) for i in ids)
    assert all(before <= i.int >> 80 <= after for i in ids)


def test_partitions_are_crc32_of_the_text_and_even() -> None:
    ids = [customer_id("demo", str(n)) for n in range(8_000)]
    assert all(partition(i) == partition(str(i)) == zlib.crc32(str(i).encode()) % 8 for i in ids)
    assert all(800 < [partition(i) for i in ids].count(p) < 1_200 for p in range(8))
