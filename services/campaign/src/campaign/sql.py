"""Small things between asyncpg and the use cases."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from attune_service_kit.reads import Queryable

Conn = asyncpg.Connection | PoolConnectionProxy
"""A transaction's connection, or one of the pool's."""


async def one(conn: Queryable, query: str, *args: object) -> asyncpg.Record:
    """The row of a query that always has one."""
    row: asyncpg.Record | None = await conn.fetchrow(query, *args)
    if row is None:
        raise LookupError("a query that always has a row had none")
    return row


async def insert_rows(conn: Conn, table: str, rows: Sequence[Mapping[str, Any]], tail: str = "") -> None:
    """Insert the rows, which all have the first one's columns, pipelined; `tail` ends the statement: ON CONFLICT …

    (COPY is not for tables under row security.)
    """
    if not rows:
        return
    columns = list(rows[0])
    values = ", ".join(f"${i}" for i in range(1, len(columns) + 1))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {tail}"  # noqa: S608 - names of ours
    await conn.executemany(statement, [tuple(row[c] for c in columns) for row in rows])
