"""Which imports have arrived whole: the profiles and the transactions come from two services, in either order (X3)."""

from typing import Literal
from uuid import UUID

import asyncpg

Part = Literal["profiles", "transactions"]

_ARRIVED = {
    part: f"""
    INSERT INTO import_arrival (import_id, {part}_at) VALUES ($1, now())
    ON CONFLICT (import_id) DO UPDATE SET {part}_at = now()
    RETURNING profiles_at IS NOT NULL AND transactions_at IS NOT NULL
    """  # noqa: S608 - the part is one of two constants
    for part in ("profiles", "transactions")
}


async def arrived(conn: asyncpg.Connection, import_id: UUID, part: Part) -> bool:
    """Note that a part of an import has arrived; return whether both have. The row's lock decides who is second."""
    return bool(await conn.fetchval(_ARRIVED[part], import_id))
