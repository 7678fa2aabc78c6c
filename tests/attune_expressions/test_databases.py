"""PostgreSQL and Spark say what the closure says, row by row, NULL by NULL."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune_expressions.condition import Condition, parse
from attune_expressions.one_row import compiled_value
from attune_expressions.sql_dialects import postgresql_sql, spark_sql
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.testing import run_apart

from .generated import BASES, CATALOGUE, condition, rows

ROWS, TOGETHER = 20, 20
_TYPES = {
    "bool": "BOOLEAN", "fixed": "BIGINT", "float": "DOUBLE PRECISION", "text": "TEXT", "date": "DATE",
    "ts": "TIMESTAMP", "tags": "TEXT[]",
}  # fmt: skip
_COLUMNS = ", ".join(f'"{name}" {_TYPES[base]}' for name, base in BASES.items())
RANDOMS = st.randoms(use_true_random=True)
SEEDS = st.integers(0, 2**32)
SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@asynccontextmanager
async def table_of(
    server: EmbeddedPostgres, table: list[dict[str, Any]], database: str = "postgres"
) -> AsyncIterator[asyncpg.Connection]:
    """A connection that sees the rows as a table of its own."""
    connection = await server.connect(database)
    try:
        await connection.execute(f"CREATE TEMP TABLE facts (row INTEGER, {_COLUMNS})")
        await connection.copy_records_to_table("facts", records=[(i, *row.values()) for i, row in enumerate(table)])
        yield connection
    finally:
        await connection.close()


def expected(asked: Condition, table: list[dict[str, Any]]) -> list[bool | None]:
    """What the closure says."""
    value = compiled_value(asked)
    return [value(row) for row in table]


async def differing(
    server: EmbeddedPostgres, asked: list[Condition], table: list[dict[str, Any]], database: str = "postgres"
) -> list[str]:
    """The conditions of which PostgreSQL says something else than the closure; all are asked in one query."""
    async with table_of(server, table, database) as connection:
        sql = ", ".join(postgresql_sql(one) for one in asked)
        answers = await connection.fetch(f"SELECT {sql} FROM facts ORDER BY row")
    columns = zip(*answers, strict=True)
    return [one.text for one, found in zip(asked, columns, strict=True) if list(found) != expected(one, table)]


@given(random=RANDOMS, seed=SEEDS)
@settings(max_examples=5, **SETTINGS)
def test_postgresql_agrees(postgres_server: EmbeddedPostgres, random: Random, seed: int) -> None:
    asked = [condition(random) for _ in range(TOGETHER)]
    assert run_apart(differing(postgres_server, asked, rows(seed, ROWS))) == []


@pytest.mark.slow
@given(random=RANDOMS, seed=SEEDS)
@settings(max_examples=150, **SETTINGS)
def test_postgresql_agrees_on_three_thousand(postgres_server: EmbeddedPostgres, random: Random, seed: int) -> None:
    asked = [condition(random) for _ in range(TOGETHER)]
    assert run_apart(differing(postgres_server, asked, rows(seed, ROWS))) == []


class Debian(EmbeddedPostgres):
    """The system's own server, which knows collations that the wheel's does not."""

    @property
    def binaries(self) -> Path:
        """The newest that is installed."""
        return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


@pytest.fixture(scope="module")
def english(server_dir: Path) -> Iterator[Debian]:
    """A server with a database, `english`, in which a comes before B and B before c."""
    if not [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]:
        pytest.skip("no PostgreSQL of the system: its wheel knows the collation C only")
    server = Debian(server_dir / "debian", passwords=lambda user: f"secret-of-{user}", settings={"fsync": "off"})
    server.start(server_dir / "debian.log")
    try:
        run_apart(_english(server))
        yield server
    finally:
        server.stop()


async def _english(server: Debian) -> None:
    await server.wait_ready()
    connection = await server.connect()
    try:
        await connection.execute(
            "CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
        )
    finally:
        await connection.close()


async def _sorted(server: Debian) -> bool | None:
    connection = await server.connect("english")
    try:
        found: bool | None = await connection.fetchval("SELECT 'a' < 'B'")
        return found
    finally:
        await connection.close()


@pytest.mark.slow
@given(random=RANDOMS, seed=SEEDS)
@settings(max_examples=20, **SETTINGS)
def test_postgresql_agrees_whatever_the_databases_collation_is(english: Debian, random: Random, seed: int) -> None:
    assert run_apart(_sorted(english)) is True, "no other collation than C"
    asked = [parse("code < 'a' or code between 'B' and 'b' or code in ('A', 'é')", CATALOGUE)]
    asked += [condition(random) for _ in range(TOGETHER - 1)]
    assert run_apart(differing(english, asked, rows(seed, ROWS), "english")) == []


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A Spark of this machine, in UTC; only where Spark and a Java are."""
    pytest.importorskip("pyspark", reason="Spark is not in the lock: pip install pyspark to hold it against the others")
    if shutil.which("java") is None:
        pytest.skip("Spark needs a Java")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    session = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1").getOrCreate()
    yield session
    session.stop()


@pytest.mark.slow
@given(random=RANDOMS, seed=SEEDS)
@settings(max_examples=50, **SETTINGS)
def test_spark_agrees_on_one_thousand(spark: Any, random: Random, seed: int) -> None:
    asked, table = [condition(random) for _ in range(TOGETHER)], rows(seed, ROWS)
    types = {
        "bool": "BOOLEAN",
        "fixed": "BIGINT",
        "float": "DOUBLE",
        "text": "STRING",
        "tags": "ARRAY<STRING>",
        "ts": "TIMESTAMP_NTZ",
    }
    schema = ", ".join(f"`{name}` {types.get(base, base)}" for name, base in BASES.items())
    frame = spark.createDataFrame([(i, *row.values()) for i, row in enumerate(table)], f"row INT, {schema}")
    sql = [f"{spark_sql(one)} AS c{i}" for i, one in enumerate(asked)]
    answers = [tuple(row)[1:] for row in frame.selectExpr("row", *sql).orderBy("row").collect()]
    columns = zip(*answers, strict=True)
    wrong = [one.text for one, found in zip(asked, columns, strict=True) if list(found) != expected(one, table)]
    assert wrong == []
