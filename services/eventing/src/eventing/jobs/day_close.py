"""The streamed postings and behaviours gathered in their tables become files of the lake (X19)."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from attune_contracts.datasets import BEHAVIOURS, TRANSACTIONS, Dataset
from attune_contracts.eventing import TransactionsPublished
from attune_service_kit import lake_sql
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from eventing.jobs import workbench

_READ = """
CREATE OR REPLACE TABLE gathered AS
SELECT {columns}
FROM read_csv({file}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '\\N',
              columns = {types})"""


@dataclass(frozen=True)
class _Source:
    """A table of what has come by the stream: the dataset that it goes to, and how it is read and marked."""

    dataset: Dataset
    gathered: str
    columns: str
    types: dict[str, str]
    done: str


POSTINGS = _Source(
    TRANSACTIONS,
    """
SELECT account_id, posting_id, business_date, booked_at, direction, amount_minor, currency, kind, channel,
       array_to_string(flags, ',') AS flags, reverses
FROM posting WHERE NOT in_lake""",
    """* EXCLUDE (flags), CAST(NULL AS BIGINT) AS balance_minor,
       CASE WHEN flags = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(flags, ',') END AS flags""",
    {
        "account_id": "VARCHAR",
        "posting_id": "VARCHAR",
        "business_date": "DATE",
        "booked_at": "TIMESTAMPTZ",
        "direction": "VARCHAR",
        "amount_minor": "BIGINT",
        "currency": "VARCHAR",
        "kind": "VARCHAR",
        "channel": "VARCHAR",
        "flags": "VARCHAR",
        "reverses": "VARCHAR",
    },
    """
UPDATE posting SET in_lake = true FROM unnest($1::uuid[], $2::text[]) AS d(a, p)
WHERE account_id = d.a AND posting_id = d.p""",
)
FRONT_ENDS = _Source(
    BEHAVIOURS,
    f"SELECT {', '.join(BEHAVIOURS.names)} FROM behaviour WHERE NOT in_lake",  # noqa: S608 - the contract's names
    "*",
    {column.name: column.type for column in BEHAVIOURS.columns},
    """
UPDATE behaviour SET in_lake = true FROM unnest($1::uuid[], $2::text[]) AS d(c, b)
WHERE customer_id = d.c AND behaviour_id = d.b""",
)


async def run(job: JobContext) -> dict[str, Any]:
    """Params: none. Result: `{postings, behaviours}`, how many came into the lake."""
    with workbench.opened(job.runtime) as con:
        return await publish(job, con)


async def publish(job: JobContext, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Add what has gathered to the lake and tell it; return how many postings and behaviours that were."""
    async with workbench.only_writer(job.runtime):
        return await publish_alone(job, con)


async def publish_alone(job: JobContext, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The same for a job that holds the right to write already.

    Killed between the file and the mark, it finds its rows in the lake the next time and marks them only.
    """
    return {"postings": await _publish(job, con, POSTINGS), "behaviours": await _publish(job, con, FRONT_ENDS)}


async def _publish(job: JobContext, con: duckdb.DuckDBPyConnection, source: _Source) -> int:
    lake_sql.register(con, job.runtime.lake, source.dataset.name)
    await _fetch(job.runtime, con, source)
    first, second = ("account_id", "posting_id") if source is POSTINGS else source.dataset.key
    keys = con.execute(f"SELECT {first}, {second} FROM gathered").fetchall()  # noqa: S608 - names of this module
    if not keys:
        return 0
    pointers, added = workbench.add(con, job.runtime, source.dataset, "gathered")
    async with job.transaction() as tx:
        await tx.conn.execute(source.done, [one for one, _ in keys], [other for _, other in keys])
        if source is POSTINGS:
            tx.emit(*(TransactionsPublished(pointer=pointer) for pointer in pointers))
    return added


async def _fetch(runtime: Runtime, con: duckdb.DuckDBPyConnection, source: _Source) -> None:
    runtime.settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runtime.settings.scratch, prefix="gathered-") as folder:
        file = Path(folder) / "gathered.csv"
        async with runtime.worker_database.pool.acquire() as conn:
            await conn.copy_from_query(source.gathered, output=file, format="csv", header=True, null="\\N")
        con.execute(_READ.format(file=lake_sql.quote(str(file)), types=source.types, columns=source.columns))
