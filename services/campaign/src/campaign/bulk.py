"""Many rows of one table in one pipelined statement. (COPY is not for tables under row security.)"""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg


async def insert_rows(conn: asyncpg.Connection, table: str, rows: Sequence[Mapping[str, Any]], tail: str = "") -> None:
    """Insert the rows, which all have the first one's columns; `tail` ends the statement, e.g. ON CONFLICT …"""
    if not rows:
        return
    columns = list(rows[0])
    values = ", ".join(f"${i}" for i in range(1, len(columns) + 1))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {tail}"  # noqa: S608 - names of ours
    await conn.executemany(statement, [tuple(row[c] for c in columns) for row in rows])
