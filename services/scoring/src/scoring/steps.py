"""The steps of a version's life beside its promotion, and the way back: one use case each."""

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from scoring import purposes, registry
from scoring.life_cycle import State

_CHALLENGER = "SELECT version FROM model_version WHERE model = $1 AND state = 'challenger'"
_NEWEST_CHAMPION = """
SELECT version FROM promotion WHERE model = $1 AND step IN ('promote', 'rollback') ORDER BY id DESC LIMIT 1"""
_BEFORE = """
SELECT previous FROM promotion WHERE model = $1 AND version = $2 AND step = 'promote' ORDER BY id DESC LIMIT 1"""


class NothingBefore(Conflict):
    """No other version has answered before the one that answers."""

    code = "nothing_before"


async def shadow(tx: Transaction, name: str, version: int) -> None:
    """Let a version look on: it scores everybody, and no decision sees it. UnknownVersion, IllegalStep."""
    await registry.hold(tx, name, version, "shadow")
    if await _state(tx, name, version) != "shadow":
        await registry.move(tx, name, version, "shadow", "shadow", await registry.answering(tx, name))


async def challenge(tx: Transaction, name: str, version: int, share_bp: int | None) -> None:
    """Let a version answer the challenger's share of its purpose; the challenger before it looks on.

    Raises UnknownVersion, IllegalStep, VersionUnfit, SharesUnfit.
    """
    await registry.hold(tx, name, version, "challenge")
    await registry.version(tx.conn, name, version)
    champion = await registry.answering(tx, name)
    other = await tx.conn.fetchval(_CHALLENGER, name)
    if other is not None and other != version:
        await registry.move(tx, name, other, "shadow", "shadow", champion)
    if other != version:
        await registry.move(tx, name, version, "challenger", "challenge", champion)
    purpose = await tx.conn.fetchval("SELECT purpose FROM model WHERE name = $1", name)
    await purposes.let_challenge(tx, purpose, share_bp)


async def retire(tx: Transaction, name: str, version: int, reason: str) -> None:
    """Take a version out of service; where it answers, no version does from now on. UnknownVersion, IllegalStep."""
    await registry.hold(tx, name, version, "retire")
    if await _state(tx, name, version) != "retired":
        champion = await registry.answering(tx, name)
        await registry.move(tx, name, version, "retired", "retire", champion, reason)


async def rollback(tx: Transaction, name: str, reason: str) -> int:
    """Let the version answer that did so before the newest champion was promoted; return its number.

    Twice goes back twice, never forth. Raises NothingBefore, IllegalStep, VersionUnfit.
    """
    await tx.conn.execute("SELECT 1 FROM model WHERE name = $1 FOR UPDATE", name)
    newest = await tx.conn.fetchval(_NEWEST_CHAMPION, name)
    before: int | None = None if newest is None else await tx.conn.fetchval(_BEFORE, name, newest)
    if before is None:
        raise NothingBefore("no other version has answered before this one", "没有可回退的先前版本")
    await registry.hold(tx, name, before, "promote")
    await registry.version(tx.conn, name, before)
    await registry.promote(tx, name, before, step="rollback", reason=reason)
    return before


async def _state(tx: Transaction, name: str, version: int) -> State:
    state: State = await tx.conn.fetchval(
        "SELECT state FROM model_version WHERE model = $1 AND version = $2", name, version
    )
    return state
