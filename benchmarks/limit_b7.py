"""The limits of B7: DuckDB's own COPY of the same lines, PostgreSQL's raw COPY of the same rows, what sealing alone
takes, and pandas' to_sql."""

import asyncio
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import asyncpg
import duckdb
import pandas as pd
from benchmarks.bank_b7 import KINDS
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from attune_contracts.datasets import TRANSACTIONS
from attune_contracts.identifiers import digest_sql, uuid8_of_sql

# As DuckDB would be asked by hand: typed columns, its own reject table, ids by the same expression.
_COLUMNS = {
    "id": "VARCHAR", "account": "VARCHAR", "day": "DATE", "at_": "TIMESTAMPTZ", "amount": "DECIMAL(18, 2)",
    "kind": "VARCHAR", "channel": "VARCHAR", "flag": "VARCHAR", "balance": "DECIMAL(18, 2)", "memo": "VARCHAR",
}  # fmt: skip
_KIND = " ".join(f"WHEN '{zh}' THEN '{en}'" for zh, en in KINDS.items())


def _select(files: Sequence[Path]) -> str:
    listed = ", ".join(f"'{file}'" for file in files)
    return f"""
SELECT id AS posting_id, {uuid8_of_sql("digest")} AS account_id, day AS business_date, at_ AS booked_at,
    CASE WHEN amount < 0 THEN 'debit' ELSE 'credit' END AS direction, CAST(abs(amount) * 100 AS BIGINT) AS amount_minor,
    'CNY' AS currency, CASE kind {_KIND} END AS kind, channel,
    CASE WHEN flag = 'O' THEN ['own_transfer'] ELSE [] END::VARCHAR[] AS flags, NULL::VARCHAR AS reverses,
    CAST(balance * 100 AS BIGINT) AS balance_minor
FROM (SELECT *, {digest_sql("'bank'", "'account'", "account")} AS digest
      FROM read_csv([{listed}], columns = {_COLUMNS}, header = true, delim = ',', quote = '"', escape = '"',
          auto_detect = false, dateformat = '%Y%m%d', nullstr = '', store_rejects = true, rejects_limit = 0))
WHERE kind IN ({", ".join(f"'{zh}'" for zh in KINDS)})"""


def copy_to_parquet(plain: Path, target: Path) -> float:
    """DuckDB's COPY into the same partitions; return the seconds it took."""
    con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    con.execute("SET TimeZone = 'UTC'")
    columns = ", ".join(TRANSACTIONS.names)
    rows = f"SELECT {columns}, strftime(business_date, '%Y-%m') AS month FROM ({_select(sorted(plain.glob('*.csv')))})"
    started = time.perf_counter()
    con.execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month))")
    return time.perf_counter() - started


async def copy_to_postgres(conn: asyncpg.Connection, table: str) -> tuple[float, int]:
    """Raw COPY of the rows of a table into an equal one, over the same connection; return seconds and rows."""
    held = io.BytesIO()
    await conn.copy_from_table(table, output=held, format="csv")
    await conn.execute(f"DROP TABLE IF EXISTS limit_{table}")
    await conn.execute(f"CREATE TABLE limit_{table} (LIKE {table} INCLUDING ALL)")
    held.seek(0)
    started = time.perf_counter()
    done = await conn.copy_to_table(f"limit_{table}", source=held, format="csv")
    seconds = time.perf_counter() - started
    differing = await conn.fetchval(
        f"SELECT count(*) FROM (SELECT * FROM {table} EXCEPT ALL SELECT * FROM limit_{table}) d"
    )
    assert differing == 0, f"{table}: the raw copy is not the same"
    await conn.execute(f"DROP TABLE limit_{table}")
    return seconds, int(done.rpartition(" ")[2])


def seal_alone(parties: int) -> float:
    """Four columns encrypted and eight digests made of each party, by bare `cryptography`; return parties a second."""
    cipher, begun = AESGCM(os.urandom(32)), HMAC(os.urandom(32), SHA256())
    started = time.perf_counter()
    for number in range(parties):
        text, place = b"%020d" % number, b"party_identity|name|%036d" % number
        nonces = os.urandom(48)
        for column in range(4):
            cipher.encrypt(nonces[12 * column : 12 * column + 12], text, place)
        for _ in range(8):
            digest = begun.copy()
            digest.update(text)
            digest.finalize()
    return parties / (time.perf_counter() - started)


def to_sql(url: str, rows: pd.DataFrame, method: Literal["multi"] | None = None) -> float:
    """pandas' to_sql of some rows into PostgreSQL, by default as it is documented; return rows a second."""

    async def run() -> float:
        engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))
        started = time.perf_counter()
        async with engine.begin() as conn:
            await conn.run_sync(_written, rows, method)
        seconds = time.perf_counter() - started
        async with engine.begin() as conn:
            await conn.run_sync(lambda c: c.exec_driver_sql("DROP TABLE pandas_rows"))
        await engine.dispose()
        return len(rows) / seconds

    return asyncio.run(run())


def _written(conn: Connection, rows: pd.DataFrame, method: Literal["multi"] | None) -> Any:
    # A statement has room for 32,767 values.
    chunk = 32_000 // len(rows.columns) if method == "multi" else None
    return rows.to_sql("pandas_rows", conn, index=False, method=method, chunksize=chunk)
