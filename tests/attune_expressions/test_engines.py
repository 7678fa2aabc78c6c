"""One condition, the same answer everywhere: closure, numpy and DuckDB, row by row, NULL by NULL, without exception."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune_expressions.condition import Condition
from attune_expressions.many_rows import column, matches, values
from attune_expressions.one_row import compiled, compiled_value
from attune_expressions.sql import duckdb_sql

from .generated import BASES, condition, rows

ROWS, TOGETHER = 20, 10
_TYPES = {
    "bool": "BOOLEAN", "fixed": "BIGINT", "float": "DOUBLE", "text": "VARCHAR", "date": "DATE", "ts": "TIMESTAMP",
    "tags": "VARCHAR[]",
}  # fmt: skip
RANDOMS = st.randoms(use_true_random=True)
SEEDS = st.integers(0, 2**32)
SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty DuckDB with the table of the rows."""
    with duckdb.connect(config={"threads": 1}) as connection:
        columns = ", ".join(f'"{name}" {_TYPES[base]}' for name, base in BASES.items())
        connection.execute(f"CREATE TABLE facts (row INTEGER, {columns})")
        yield connection


def by_closure(asked: Condition, table: Sequence[dict[str, Any]]) -> list[bool | None]:
    """Of every row; matching must say TRUE where the value is TRUE and nowhere else."""
    value, match = compiled_value(asked), compiled(asked)
    found = [value(row) for row in table]
    assert [match(row) for row in table] == [one is True for one in found], asked.text
    return found


def by_numpy(asked: Condition, table: Sequence[dict[str, Any]]) -> list[bool | None]:
    """The same of numpy."""
    columns = {name: column([row[name] for row in table], base) for name, base in BASES.items()}
    true, null = values(asked, columns, len(table))
    assert (matches(asked, columns, len(table)) == true).all(), asked.text
    return [None if empty else bool(is_true) for is_true, empty in zip(true, null, strict=True)]


def agree(con: duckdb.DuckDBPyConnection, random: Random, seed: int) -> int:
    """Hold a few conditions over a few rows together; how many answers were the same."""
    table = rows(seed, ROWS)
    asked = [condition(random) for _ in range(TOGETHER)]
    con.execute("DELETE FROM facts")
    marks = ", ".join("?" for _ in range(len(BASES) + 1))
    con.executemany(f"INSERT INTO facts VALUES ({marks})", [[i, *row.values()] for i, row in enumerate(table)])
    answers = con.execute(f"SELECT {', '.join(duckdb_sql(one) for one in asked)} FROM facts ORDER BY row").fetchall()
    for one, expected in zip(asked, zip(*answers, strict=True), strict=True):
        assert by_closure(one, table) == list(expected), f"closure: {one.text}"
        assert by_numpy(one, table) == list(expected), f"numpy: {one.text}"
    return len(asked) * len(table)


@given(random=RANDOMS, seed=SEEDS)
@settings(max_examples=25, **SETTINGS)
def test_closure_numpy_and_duckdb_agree(con: duckdb.DuckDBPyConnection, random: Random, seed: int) -> None:
    assert agree(con, random, seed) == ROWS * TOGETHER


@pytest.mark.slow
@given(random=RANDOMS, seed=SEEDS)
@settings(max_examples=2_000, **SETTINGS)
def test_closure_numpy_and_duckdb_agree_on_twenty_thousand(
    con: duckdb.DuckDBPyConnection, random: Random, seed: int
) -> None:
    assert agree(con, random, seed) == ROWS * TOGETHER
