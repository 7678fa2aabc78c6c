"""The streamed postings gathered in `posting` become files of the lake (X19)."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from attune_contracts.eventing import TransactionsPublished
from attune_service_kit import lake_sql
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from eventing.jobs import workbench

_GATHERED = """
SELECT account_id, posting_id, business_date, booked_at, direction, amount_minor, currency, kind, channel,
       array_to_string(flags, ',') AS flags, reverses
FROM posting WHERE NOT in_lake"""
_READ = """
CREATE OR REPLACE TABLE gathered AS
SELECT * EXCLUDE (flags), CAST(NULL AS BIGINT) AS balance_minor,
       CASE WHEN flags = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(flags, ',') END AS flags
FROM read_csv({file}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '\\N',
              columns = {types})"""
_TYPES = {
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
}
_DONE = """
UPDATE posting SET in_lake = true FROM unnest($1::uuid[], $2::text[]) AS d(a, p)
WHERE account_id = d.a AND posting_id = d.p"""


async def run(job: JobContext) -> dict[str, Any]:
    """Params: none. Result: `{postings}`, how many came into the lake."""
    with workbench.opened(job.runtime) as con:
        return {"postings": await publish(job, con)}


async def publish(job: JobContext, con: duckdb.DuckDBPyConnection) -> int:
    """Add what has gathered to the lake and tell it; return how many postings that were."""
    async with workbench.only_writer(job.runtime):
        return await publish_alone(job, con)


async def publish_alone(job: JobContext, con: duckdb.DuckDBPyConnection) -> int:
    """The same for a job that holds the right to write already.

    Killed between the file and the mark, it finds its postings in the lake the next time and marks them only.
    """
    lake_sql.register(con, job.runtime.lake, "transactions")
    await _fetch(job.runtime, con)
    keys = con.execute("SELECT account_id, posting_id FROM gathered").fetchall()
    if not keys:
        return 0
    pointers, added = workbench.add(con, job.runtime, "gathered")
    async with job.transaction() as tx:
        await tx.conn.execute(_DONE, [account for account, _ in keys], [posting for _, posting in keys])
        tx.emit(*(TransactionsPublished(pointer=pointer) for pointer in pointers))
    return added


async def _fetch(runtime: Runtime, con: duckdb.DuckDBPyConnection) -> None:
    runtime.settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runtime.settings.scratch, prefix="gathered-") as folder:
        file = Path(folder) / "posting.csv"
        async with runtime.worker_database.pool.acquire() as conn:
            await conn.copy_from_query(_GATHERED, output=file, format="csv", header=True, null="\\N")
        con.execute(_READ.format(file=lake_sql.quote(str(file)), types=_TYPES))
