"""What eventing's jobs share: the lake's transactions with their owners in DuckDB, and adding postings to them."""
# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from attune_contracts.datasets import BEHAVIOURS, TRANSACTIONS, Dataset
from attune_contracts.pointer import Pointer
from attune_service_kit import lake_sql
from attune_service_kit.runtime import Runtime
from eventing import lake_dates
from eventing.compiled import Compiled

# One writer of the datasets at a time: between looking which rows are there and adding the others.
_WRITER = "SELECT pg_advisory_lock(hashtext('eventing.transactions'))"
_AT_ONCE = 4_000_000
_OWNERS = """
SELECT account_id, source_id, customer_id, partition, kind, opening_balance_minor, branch_id FROM account_owner"""
_BEHAVIOURS = """
CREATE OR REPLACE TABLE behaviour AS
SELECT customer_id, behaviour_id, business_date, epoch_us(occurred_at) AS occurred_us, behaviour, product, step,
       channel, seconds
FROM behaviours"""
DATASETS = (TRANSACTIONS, BEHAVIOURS)
_TYPES = {
    "account_id": "VARCHAR",
    "source_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "partition": "SMALLINT",
    "kind": "VARCHAR",
    "opening_balance_minor": "BIGINT",
    "branch_id": "VARCHAR",
}


@asynccontextmanager
async def only_writer(runtime: Runtime) -> AsyncIterator[None]:
    """Hold the right to add to eventing's datasets in the lake; it ends with the connection, even a killed job's."""
    conn = await runtime.worker_database.connect()
    try:
        await conn.execute(_WRITER)
        yield
    finally:
        await conn.close()


@contextmanager
def opened(runtime: Runtime, *, memory_limit: str = "1GB") -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the views `transactions` and `behaviours`."""
    with lake_sql.connect(runtime.lake, runtime.settings, memory_limit=memory_limit) as con:
        lake_sql.register(con, runtime.lake, *(dataset.name for dataset in DATASETS))
        yield con


async def load_owners(con: duckdb.DuckDBPyConnection, runtime: Runtime) -> None:
    """Copy eventing's account owners into the table `account_owner`."""
    runtime.settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runtime.settings.scratch, prefix="owners-") as folder:
        file = Path(folder) / "account_owner.csv"
        async with runtime.worker_database.pool.acquire() as conn:
            await conn.copy_from_query(_OWNERS, output=file, format="csv", header=True)
        con.execute(
            f"CREATE OR REPLACE TABLE account_owner AS FROM read_csv({lake_sql.quote(str(file))}, header = true,"
            f" auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = {_TYPES})"
        )


def load_behaviours(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `behaviour` of what the lake has of front ends."""
    con.execute(_BEHAVIOURS)


async def load_dates(con: duckdb.DuckDBPyConnection, runtime: Runtime, trigger: Compiled, last: date) -> None:
    """Make the table `dated_version` of the dates that a calendar asks for, as they were known up to a day."""
    calendar = trigger.definition.calendar
    if calendar is not None:
        await asyncio.to_thread(lake_dates.gather, con, runtime.lake, calendar.of, last)


def add(
    con: duckdb.DuckDBPyConnection, runtime: Runtime, dataset: Dataset, relation: str, origin: str | None = None
) -> tuple[list[Pointer], int]:
    """Add the relation's rows to a dataset of the lake, those left out that lie there already.

    Returns a pointer for each month that grew, and how many rows were added. `origin` names what brought them.
    """
    new = f"SELECT {', '.join(dataset.names)} FROM {relation}"
    if _known_rows(con, dataset, relation):
        new += f" ANTI JOIN known_row USING ({', '.join(dataset.key)})"
    count, last = con.execute(f"SELECT count(*), max(business_date) FROM ({new})").fetchall()[0]
    if not count:
        return [], 0
    as_of = max([last, *(pointer.as_of for pointer in runtime.lake.pointers(dataset.name)[-1:])])
    pointers = lake_sql.write_partitions(
        con, runtime.lake, dataset, new, key="month", value="strftime(business_date, '%Y-%m')", only=_in_month,
        as_of=as_of, append=True, origin=origin,
    )  # fmt: skip
    lake_sql.register(con, runtime.lake, dataset.name)
    return pointers, count


def _known_rows(con: duckdb.DuckDBPyConnection, dataset: Dataset, relation: str) -> int:
    """Make the table `known_row` of the relation's keys that the lake has; return how many those are."""
    keys = ", ".join(dataset.key)
    con.execute(f"CREATE OR REPLACE TABLE known_row AS SELECT {keys} FROM {dataset.name} LIMIT 0")
    passes = int(con.execute(f"SELECT count(*) FROM {dataset.name}").fetchall()[0][0]) // _AT_ONCE + 1
    for number in range(passes):
        # The lake may have far more rows than memory holds: they are looked up in parts of equal hash.
        part = f"SELECT {keys} FROM {{}} WHERE hash({keys}) % {passes} = {number}"
        con.execute(
            f"INSERT INTO known_row SELECT * FROM ({part.format(relation)})"
            f" SEMI JOIN ({part.format(dataset.name)}) USING ({keys})"
        )
    return int(con.execute("SELECT count(*) FROM known_row").fetchall()[0][0])


def _in_month(month: str) -> str:
    first = f"DATE '{month}-01'"
    return f"business_date >= {first} AND business_date < {first} + INTERVAL 1 MONTH"


def last_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The largest business date in the lake."""
    row = con.execute("SELECT max(business_date) FROM transactions").fetchone()
    return row[0] if row else None
