"""The stored feature rows that renewals start from: one snapshot, in one of two slots, switched in one statement."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from attune_contracts.pointer import Pointer
from scoring.renewal import Stored
from scoring.sql import Conn

# One statement: a switch of slots between reading which one answers and reading it could find the wrong snapshot. The
# rows are the worker's; the app asks this function, for the customers it names.
_ROWS = "SELECT customer_id, values, features, as_of FROM feature_rows_of($1::uuid[])"

_SWITCH = """
INSERT INTO feature_set (id, slot, as_of, manifest, features, rows, loaded_at) VALUES (1, $1, $2, $3, $4, $5, now())
ON CONFLICT (id) DO UPDATE SET (slot, as_of, manifest, features, rows, loaded_at) =
    (excluded.slot, excluded.as_of, excluded.manifest, excluded.features, excluded.rows, excluded.loaded_at)"""

# PostgreSQL's binary format of COPY, and the id of its type float8.
_COPY_BEGINS, _COPY_ENDS = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FLOAT8 = 701
_PIECE = 1_000  # rows that are sent at a time


async def stored_rows(conn: Conn, customers: Iterable[UUID]) -> dict[UUID, Stored]:
    """Return the rows of those customers that have one."""
    found = await conn.fetch(_ROWS, list(set(customers)))
    # The driver's UUID is its own class; equal and equally hashed, but events should carry the standard one.
    return {
        UUID(int=row["customer_id"].int): Stored(tuple(row["features"]), row["as_of"], row["values"]) for row in found
    }


async def loaded_snapshot(conn: asyncpg.Connection) -> tuple[date, str] | None:
    """Return day and manifest of the snapshot that answers; None before the first."""
    row = await conn.fetchrow("SELECT as_of, manifest FROM feature_set")
    return (row["as_of"], row["manifest"]) if row else None


async def empty_slot(conn: asyncpg.Connection) -> int:
    """Empty the slot that does not answer and return its number. The caller holds the loading lock."""
    slot = 1 - int(await conn.fetchval("SELECT coalesce((SELECT slot FROM feature_set), 1)"))
    await conn.execute("TRUNCATE feature_row_0" if slot == 0 else "TRUNCATE feature_row_1")
    return slot


async def copy_rows(conn: asyncpg.Connection, slot: int, customers: Sequence[str], values: NDArray[np.float64]) -> None:
    """Add rows to the slot that is being filled; NaN = unknown."""
    # Given a file the driver makes a class that reads it, and all its bytes stay until cycles are collected: at ten
    # million customers hundreds of megabytes. What it iterates over itself goes at once.
    source = _pieces(slot, customers, values)
    await conn.copy_to_table("feature_row", source=source, columns=("slot", "customer_id", "values"), format="binary")


async def _pieces(slot: int, customers: Sequence[str], values: NDArray[np.float64]) -> AsyncIterator[bytes]:
    yield _COPY_BEGINS
    for first in range(0, len(values), _PIECE):
        piece = slice(first, first + _PIECE)
        yield _copied(slot, customers[piece], values[piece])
    yield _COPY_ENDS


def _copied(slot: int, customers: Sequence[str], values: NDArray[np.float64]) -> bytes:
    """Rows as COPY reads them: all are equally long, so they are written a column at a time (a driver takes 20 times as
    long to write them value by value)."""
    width = values.shape[1]
    item = np.dtype([("length", ">i4"), ("value", ">f8")])
    row = np.dtype([
        ("fields", ">i2"), ("slot_length", ">i4"), ("slot", ">i2"), ("id_length", ">i4"), ("id", "V16"),
        ("values_length", ">i4"), ("array", ">i4", (5,)), ("values", item, (width,)),
    ])  # fmt: skip
    rows = np.zeros(len(values), row)
    rows["fields"], rows["slot_length"], rows["slot"], rows["id_length"] = 3, 2, slot, 16
    rows["id"] = np.frombuffer(bytes.fromhex("".join(customers).replace("-", "")), "V16")
    rows["values_length"] = 20 + width * item.itemsize
    rows["array"] = (1, 0, _FLOAT8, width, 1)  # dimensions, no NULL, type, length, lower bound
    rows["values"]["length"], rows["values"]["value"] = 8, values
    return rows.tobytes()


async def switch(conn: asyncpg.Connection, slot: int, pointer: Pointer, features: Sequence[str]) -> None:
    """Let the filled slot answer."""
    await conn.execute(_SWITCH, slot, pointer.as_of, pointer.manifest, list(features), pointer.rows)
