"""What a purpose's customers are answered by: the shares of no model and of the challengers, and the salt (X13)."""

import secrets
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound
from scoring.arms import Shares
from scoring.registry import CHANNEL
from scoring.sql import Conn

CHALLENGERS_BP = 1_000
"""The challengers' share where none was ever told: a tenth."""

_CURRENT = """
SELECT DISTINCT ON (purpose) purpose, version, salt, no_model_bp, challenger_bp, who, since
FROM purpose_setting WHERE $1::text IS NULL OR purpose = $1 ORDER BY purpose, version DESC"""
_SET = """
INSERT INTO purpose_setting (purpose, version, salt, no_model_bp, challenger_bp, who, since)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('scoring.purpose/' || $1))"


class UnknownPurpose(NotFound):
    """No model is for this purpose."""

    code = "unknown_purpose"


class SharesUnfit(Invalid):
    """The two shares are more than everybody."""

    code = "shares_unfit"


@dataclass(frozen=True)
class Setting:
    """A purpose's setting; version 0 where none was made, and then nobody is set apart."""

    purpose: str
    shares: Shares
    who: str | None = None
    since: datetime | None = None


async def shares(conn: Conn) -> dict[str, Shares]:
    """Every purpose's shares."""
    return {row["purpose"]: _shares(row) for row in await conn.fetch(_CURRENT, None)}


async def current(tx: Transaction, purpose: str) -> Setting:
    """A purpose's setting; UnknownPurpose."""
    if not await tx.conn.fetchval("SELECT EXISTS (SELECT FROM model WHERE purpose = $1)", purpose):
        raise UnknownPurpose("no model is for this purpose", "没有用于该目的的模型")
    row = await tx.conn.fetchrow(_CURRENT, purpose)
    if row is None:
        return Setting(purpose, Shares(0, ""))
    return Setting(purpose, _shares(row), row["who"], row["since"])


async def put(tx: Transaction, purpose: str, no_model_bp: int, challenger_bp: int, *, new_salt: bool = False) -> None:
    """Let these shares hold from now on. The salt stays, so that nobody changes arms without need; UnknownPurpose."""
    await tx.conn.execute(_LOCK, purpose)
    before = (await current(tx, purpose)).shares
    if no_model_bp + challenger_bp > 10_000:
        raise SharesUnfit("the shares are more than everybody", "份额之和超过全部客户")
    salt = secrets.token_hex(16) if new_salt or not before.salt else before.salt
    if (salt, no_model_bp, challenger_bp) == (before.salt, before.no_model_bp, before.challenger_bp):
        return
    number = before.version + 1
    await tx.conn.execute(_SET, purpose, number, salt, no_model_bp, challenger_bp, tx.who, tx.now)
    detail = {"no_model_bp": no_model_bp, "challenger_bp": challenger_bp, "new_salt": salt != before.salt}
    await tx.audit("set", "purpose", purpose, version=number, detail=detail)
    await tx.conn.execute(f"NOTIFY {CHANNEL}")


async def let_challenge(tx: Transaction, purpose: str, share_bp: int | None) -> None:
    """Give the challengers this share; without one what holds, or a tenth where nothing does."""
    stands = (await current(tx, purpose)).shares
    if share_bp is None:
        share_bp = stands.challenger_bp or CHALLENGERS_BP
    await put(tx, purpose, stands.no_model_bp, share_bp)


async def models_of(tx: Transaction, purpose: str) -> list[str]:
    """The models of a purpose that have a champion or challenger, by name."""
    rows = await tx.conn.fetch(
        "SELECT DISTINCT m.name FROM model m JOIN model_version v ON v.model = m.name"
        " WHERE m.purpose = $1 AND v.state IN ('champion', 'challenger') ORDER BY m.name",
        purpose,
    )
    return [row["name"] for row in rows]


def _shares(row: asyncpg.Record) -> Shares:
    return Shares(row["version"], row["salt"], row["no_model_bp"], row["challenger_bp"])
