"""What eventing's jobs share: the lake's transactions with their owners in DuckDB, and adding postings to them."""
# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from attune_contracts.datasets import TRANSACTIONS
from attune_contracts.pointer import Pointer
from attune_service_kit import lake_sql
from attune_service_kit.runtime import Runtime

# One writer of the dataset at a time: between looking which postings are there and adding the others.
_WRITER = "SELECT pg_advisory_lock(hashtext('eventing.transactions'))"
_OWNERS = "SELECT account_id, source_id, customer_id, partition, kind, opening_balance_minor FROM account_owner"
_TYPES = {
    "account_id": "VARCHAR",
    "source_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "partition": "SMALLINT",
    "kind": "VARCHAR",
    "opening_balance_minor": "BIGINT",
}


@asynccontextmanager
async def only_writer(runtime: Runtime) -> AsyncIterator[None]:
    """Hold the right to add transactions to the lake; it ends with the connection, even a killed job's."""
    conn = await runtime.worker_database.connect()
    try:
        await conn.execute(_WRITER)
        yield
    finally:
        await conn.close()


@contextmanager
def opened(runtime: Runtime) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the view `transactions`."""
    with lake_sql.connect(runtime.lake, runtime.settings) as con:
        lake_sql.register(con, runtime.lake, "transactions")
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


def add(con: duckdb.DuckDBPyConnection, runtime: Runtime, relation: str) -> tuple[list[Pointer], int]:
    """Add the relation's postings to the lake, those left out that lie there already.

    Returns a pointer for each month that grew, and how many postings were added.
    """
    columns = ", ".join(TRANSACTIONS.names)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE new_posting AS SELECT {columns} FROM {relation}"
        " ANTI JOIN transactions USING (posting_id) ORDER BY business_date, account_id, posting_id"
    )
    row = con.execute("SELECT count(*), max(business_date) FROM new_posting").fetchone()
    if row is None or not row[0]:
        return [], 0
    count, last = int(row[0]), row[1]
    as_of = max([last, *(pointer.as_of for pointer in runtime.lake.pointers(TRANSACTIONS.name)[-1:])])
    pointers = lake_sql.write_partitions(
        con, runtime.lake, TRANSACTIONS, f"SELECT {columns} FROM new_posting",
        key="month", value="strftime(business_date, '%Y-%m')", as_of=as_of, append=True,
    )  # fmt: skip
    lake_sql.register(con, runtime.lake, "transactions")
    return pointers, count


def last_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The largest business date in the lake."""
    row = con.execute("SELECT max(business_date) FROM transactions").fetchone()
    return row[0] if row else None
