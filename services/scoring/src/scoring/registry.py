"""The models' versions: registering, promoting, and the champions that answer now."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from attune_contracts.scoring import ModelPromoted
from attune_service_kit.database import Transaction
from attune_service_kit.errors import NotFound
from scoring import model
from scoring.model import Model
from scoring.spec import TrainingSpec
from scoring.sql import Conn

CHANNEL = "scoring_champions"
"""Notified with every promotion: each process that answers listens."""

_CHAMPIONS = """
SELECT model, version, sha256, features, (SELECT max(id) FROM promotion p WHERE p.model = v.model) AS promotion
FROM model_version v WHERE state = 'champion' AND ($1::text IS NULL OR model = $1) ORDER BY model"""
_ANSWERING = "SELECT version FROM model_version WHERE model = $1 AND state = 'champion'"
_VERSION = "SELECT model, version, sha256, features FROM model_version WHERE model = $1 AND version = $2"


@dataclass(frozen=True)
class Champion:
    """A model that answers, and the promotion that made it do so: a higher one is a later one."""

    model: Model
    promotion: int


class UnknownVersion(NotFound):
    """There is no such version of the model."""

    code = "unknown_model_version"


async def register(
    tx: Transaction,
    spec: TrainingSpec,
    *,
    onnx: bytes,
    sha256: str,
    features: Sequence[str],
    metrics: Mapping[str, float],
    card: Mapping[str, Any],
) -> int:
    """Store a trained version and return its number; another step lets it answer."""
    await tx.conn.execute(
        "INSERT INTO model (name, purpose, target) VALUES ($1, $2, $3)"
        " ON CONFLICT (name) DO UPDATE SET purpose = excluded.purpose, target = excluded.target",
        spec.model, spec.purpose, spec.target,
    )  # fmt: skip
    # The upsert holds the model's row: two trainings of one model get their numbers one after the other.
    newest = await tx.conn.fetchval("SELECT coalesce(max(version), 0) FROM model_version WHERE model = $1", spec.model)
    version = int(newest) + 1
    await tx.conn.execute(
        "INSERT INTO model_version (model, version, onnx, sha256, features, metrics, card, state, trained_at)"
        " VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, 'trained', now())",
        spec.model, version, onnx, sha256, list(features), orjson.dumps(metrics).decode(),
        orjson.dumps(card).decode(),
    )  # fmt: skip
    return version


async def answering(tx: Transaction, name: str) -> int | None:
    """The version of a model that answers; None before the first."""
    found: int | None = await tx.conn.fetchval(_ANSWERING, name)
    return found


async def trained_by(tx: Transaction, name: str, number: int) -> list[str]:
    """Who asked for the training of a version, where its card says so."""
    query = "SELECT card ->> 'trained_by' FROM model_version WHERE model = $1 AND version = $2"
    who: str | None = await tx.conn.fetchval(query, name, number)
    return [] if who is None else [who]


async def promote(tx: Transaction, name: str, version: int) -> None:
    """Let a version answer from now on and retire the one before it. Repeating is harmless; raises UnknownVersion."""
    await tx.conn.execute("SELECT 1 FROM model WHERE name = $1 FOR UPDATE", name)
    sha256 = await tx.conn.fetchval("SELECT sha256 FROM model_version WHERE model = $1 AND version = $2", name, version)
    if sha256 is None:
        raise UnknownVersion("there is no such version of this model", "该模型没有此版本")
    previous = await answering(tx, name)
    if previous == version:
        return
    await tx.conn.execute("UPDATE model_version SET state = 'retired' WHERE model = $1 AND state = 'champion'", name)
    await tx.conn.execute(
        "UPDATE model_version SET state = 'champion' WHERE model = $1 AND version = $2", name, version
    )
    await tx.conn.execute(
        "INSERT INTO promotion (model, version, previous, who, at) VALUES ($1, $2, $3, $4, now())",
        name, version, previous, tx.who,
    )  # fmt: skip
    await tx.audit("promote", "model", name, version=version, detail={"previous": previous})
    await tx.conn.execute(f"NOTIFY {CHANNEL}")
    tx.emit(ModelPromoted(model=name, version=version, sha256=sha256))


async def champions(conn: Conn, name: str | None = None) -> list[Champion]:
    """Return the models that answer now, or the one of that name, as this transaction sees them.

    Sessions are held by the hash of their bytes: no session is ever stale, and what is being answered keeps the
    session that it began with.
    """
    return [Champion(await _load(conn, row), row["promotion"] or 0) for row in await conn.fetch(_CHAMPIONS, name)]


async def version(conn: Conn, name: str, number: int) -> Model:
    """Return one version, whatever its state; raises UnknownVersion."""
    row = await conn.fetchrow(_VERSION, name, number)
    if row is None:
        raise UnknownVersion("there is no such version of this model", "该模型没有此版本")
    return await _load(conn, row)


async def _load(conn: Conn, row: asyncpg.Record) -> Model:
    name, number, sha256, features = row["model"], row["version"], row["sha256"], row["features"]
    if (known := model.loaded(name, number, features, sha256)) is not None:
        return known
    onnx = await conn.fetchval("SELECT onnx FROM model_version WHERE model = $1 AND version = $2", name, number)
    return await asyncio.to_thread(model.load, name, number, features, onnx, sha256=sha256)
