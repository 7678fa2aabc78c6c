"""What was seen of a version on a day, and what it newly crossed: kept, said once, listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from attune_contracts.identifiers import new_id
from attune_contracts.scoring import DriftDetected
from attune_service_kit.database import Transaction
from attune_service_kit.paging import by_time
from scoring import watching
from scoring.sql import Conn

_VERSIONS = """
SELECT m.name AS model, v.version, v.state, v.snapshot::text AS snapshot FROM model m
JOIN model_version v ON v.model = m.name AND v.state IN ('champion', 'challenger', 'shadow')
WHERE ($1::text IS NULL OR m.name = $1) AND v.snapshot ? 'features' ORDER BY m.name, v.version"""
_WATCHED = f"SELECT EXISTS (SELECT FROM ({_VERSIONS}) AS watched)"  # noqa: S608 - a text of ours
_LOCK = "SELECT 1 FROM model WHERE name = $1 FOR UPDATE"
_BEFORE = """
SELECT content::text FROM watch WHERE model = $1 AND version = $2 ORDER BY as_of DESC LIMIT 1"""
_KEEP = """
INSERT INTO watch (id, model, version, as_of, content, watched_at) VALUES ($1, $2, $3, $4, $5::jsonb, $6)
ON CONFLICT (model, version, as_of) DO UPDATE SET content = excluded.content, watched_at = excluded.watched_at"""
_CROSSED = """
INSERT INTO drift (id, model, version, feature, level, psi, ks, as_of, detected_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
# Ids are time-ordered.
_LISTS = by_time("""
SELECT w.id, w.version, v.state, w.as_of, w.watched_at, w.content::text FROM watch w
JOIN model_version v ON v.model = w.model AND v.version = w.version
WHERE w.model = $1 AND ($2::int IS NULL OR w.version = $2) AND ($3::uuid IS NULL OR w.id {beyond} $3)
ORDER BY w.id {order} LIMIT $4""")
_DRIFTS = by_time("""
SELECT id, version, feature, level, psi, ks, as_of, detected_at FROM drift
WHERE model = $1 AND ($2::int IS NULL OR version = $2) AND ($3::text IS NULL OR level = $3)
  AND ($4::uuid IS NULL OR id {beyond} $4)
ORDER BY id {order} LIMIT $5""")
# Of each version that answers or looks on, what was seen last.
_NEWEST = """
SELECT DISTINCT ON (w.version) w.version, v.state, w.as_of, w.content::text FROM watch w
JOIN model_version v ON v.model = w.model AND v.version = w.version
WHERE w.model = $1 AND v.state IN ('champion', 'challenger', 'shadow') ORDER BY w.version, w.as_of DESC"""


@dataclass(frozen=True)
class Watched:
    """A version that can be watched: it answers or looks on, and says what it was trained on."""

    model: str
    version: int
    state: str
    snapshot: Mapping[str, Any]


async def versions(conn: Conn, name: str | None) -> list[Watched]:
    """The versions to look at, of one model or of all."""
    rows = await conn.fetch(_VERSIONS, name)
    return [Watched(r["model"], r["version"], r["state"], orjson.loads(r["snapshot"])) for r in rows]


async def any_watched(conn: Conn, name: str | None) -> bool:
    """Whether there is a version to look at."""
    return bool(await conn.fetchval(_WATCHED, name))


async def keep(tx: Transaction, model: str, version: int, as_of: date, content: Mapping[str, Any]) -> int:
    """Store what was seen; what is newly crossed is written down and said, once. Returns how many.

    One look a version and snapshot: a repetition replaces it, and crosses nothing twice.
    """
    await tx.conn.execute(_LOCK, model)
    before = await tx.conn.fetchval(_BEFORE, model, version)
    found = watching.crossings(orjson.loads(before) if before else None, content)
    await tx.conn.execute(_KEEP, new_id(), model, version, as_of, orjson.dumps(content).decode(), tx.now)
    for one in found:
        await tx.conn.execute(
            _CROSSED, new_id(), model, version, one.feature, one.level, one.psi, one.ks, as_of, tx.now
        )
        tx.emit(
            DriftDetected(
                model=model, version=version, feature=one.feature, level=one.level, psi=one.psi, ks=one.ks, as_of=as_of
            )
        )
    return len(found)


async def listed(
    conn: Conn, model: str, version: int | None, sort: str, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """What was seen of a model's versions."""
    rows = await conn.fetch(_LISTS[sort], model, version, after, limit)
    return [_seen(row) for row in rows]


async def newest(conn: Conn, model: str) -> list[dict[str, Any]]:
    """What was seen last of each version that answers or looks on."""
    return [_seen(row) for row in await conn.fetch(_NEWEST, model)]


async def drifts(
    conn: Conn, model: str, version: int | None, level: str | None, sort: str, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """What a model's versions have crossed."""
    return [dict(row) for row in await conn.fetch(_DRIFTS[sort], model, version, level, after, limit)]


def _seen(row: asyncpg.Record) -> dict[str, Any]:
    told = dict(row)
    content: dict[str, Any] = orjson.loads(told.pop("content"))
    return told | content
