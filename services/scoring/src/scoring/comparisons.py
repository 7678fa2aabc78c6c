"""Comparisons of a model with none: what they start from, and how they are kept."""

from uuid import UUID

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from scoring import purposes
from scoring.purposes import Setting
from scoring.sql import Conn
from scoring.standing import Standing, Taken, standing

_TRAIL = "SELECT step, version, at FROM promotion WHERE model = $1 ORDER BY id"
_PURPOSE = "SELECT purpose FROM model WHERE name = $1"
_KEEP = "INSERT INTO comparison (id, model, content, computed_at) VALUES ($1, $2, $3::jsonb, $4)"
_NEWEST = "SELECT content::text FROM comparison WHERE model = $1 ORDER BY id DESC LIMIT 1"


class OutcomeUnknown(Conflict):
    """The ledger does not say what this model's outcome is: its watch settings have none."""

    code = "outcome_unknown"


def outcome_unknown(name: str) -> OutcomeUnknown:
    """Of this model."""
    return OutcomeUnknown(
        "no outcome of this model is known: set one, PUT /v1/models/{name}/watch-settings",
        "未设置该模型的结果口径，请先设置",
        model=name,
    )


async def standing_of(tx: Transaction, name: str) -> Standing:
    """Who answers for a model, and since when."""
    return standing(Taken(*row) for row in await tx.conn.fetch(_TRAIL, name))


async def setting_of(tx: Transaction, name: str) -> Setting:
    """The setting of a model's purpose."""
    return await purposes.current(tx, await tx.conn.fetchval(_PURPOSE, name))


async def keep(tx: Transaction, number: UUID, name: str, content: str) -> None:
    """Store a comparison; the newest is what is shown."""
    await tx.conn.execute(_KEEP, number, name, content, tx.now)


async def newest(conn: Conn, name: str) -> str | None:
    """The newest comparison of a model as JSON."""
    found: str | None = await conn.fetchval(_NEWEST, name)
    return found
