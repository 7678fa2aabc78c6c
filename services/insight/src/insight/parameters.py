"""Versions of the value quadrant's parameters: each has a maker, none is ever changed (X27)."""

from collections.abc import Mapping
from typing import Any, cast

import asyncpg
import orjson

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from attune_service_kit.paging import by_time
from insight.value_quadrant import QuadrantNumbers, QuadrantParameters

Row = Mapping[str, Any]
Queryable = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy | asyncpg.Pool

_ALL = "SELECT version, numbers::text AS numbers, made_by, made_at FROM quadrant_parameters"
_CURRENT = f"{_ALL} ORDER BY version DESC LIMIT 1"
_ONE = f"{_ALL} WHERE version = $1"
_LISTS = by_time(
    f"{_ALL} WHERE ($1::text IS NULL OR made_by = $1) AND ($2::int IS NULL OR version {{beyond}} $2)"
    " ORDER BY version {order} LIMIT $3"
)
_ADD = "INSERT INTO quadrant_parameters (version, numbers, made_by) VALUES ($1, $2::jsonb, $3)"


class OtherVersion(Conflict):
    """Somebody else has made a newer version since the caller read the one this change is based on."""

    code = "version_mismatch"


def parameters(row: Row) -> QuadrantParameters:
    """The parameters behind a row."""
    return QuadrantParameters(version=row["version"], **orjson.loads(row["numbers"]))


async def current(conn: Queryable) -> Row:
    """The version that the next snapshot uses."""
    row: Any = await conn.fetchrow(_CURRENT)
    assert row is not None  # noqa: S101 - the migration makes the first
    return cast(Row, row)


async def one(conn: Queryable, version: int) -> Row:
    """One version; refuses an unknown one."""
    row: Any = await conn.fetchrow(_ONE, version)
    if row is None:
        raise NotFound("there is no such version", "没有该版本")
    return cast(Row, row)


async def versions(conn: Queryable, made_by: str | None, sort: str, after: int | None, limit: int) -> list[Row]:
    """Versions of anybody or of one, the newest or the oldest first, from behind `after`."""
    rows: Any = await conn.fetch(_LISTS[sort], made_by, after, limit)
    return cast(list[Row], rows)


async def change(tx: Transaction, numbers: QuadrantNumbers, based_on: int | None) -> Row:
    """Make a new version unless nothing differs; the snapshots after this commit use it."""
    await tx.conn.execute("SELECT pg_advisory_xact_lock(hashtext('insight.quadrant_parameters'))")
    old = await current(tx.conn)
    if based_on is not None and based_on != old["version"]:
        raise OtherVersion("the parameters have another version by now", "参数已有更新版本", version=old["version"])
    if QuadrantNumbers(**orjson.loads(old["numbers"])) == numbers:
        return old
    version = old["version"] + 1
    await tx.conn.execute(_ADD, version, numbers.model_dump_json(), tx.who)
    await tx.audit("parameters.changed", "value_quadrant", "parameters", version=version, detail=numbers.model_dump())
    return await one(tx.conn, version)
