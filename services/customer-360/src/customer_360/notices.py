"""The notices that are shown before somebody agrees to a purpose: texts by version, never changed, only followed."""

from typing import Any

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from attune_service_kit.runtime import Runtime

_LIST = """
SELECT n.*, n.version = max(n.version) OVER (PARTITION BY n.purpose) AS current FROM consent_notice n
WHERE ($1::text IS NULL OR n.purpose = $1)"""
_PAGE = f"""
SELECT * FROM ({_LIST}) n
WHERE (NOT $2 OR n.current) AND ($3::text IS NULL OR (n.purpose, -n.version) > ($3, -$4::integer))
ORDER BY n.purpose, n.version DESC LIMIT $5
"""  # noqa: S608 - this module's own text
_NEWEST = "SELECT max(version) FROM consent_notice WHERE purpose = $1"
_ADD = """
INSERT INTO consent_notice (purpose, version, zh, en, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING *, true AS current"""


class StaleNotice(Conflict):
    """Somebody else has published a version since the caller read it."""

    code = "stale_version"


async def page(
    runtime: Runtime, purpose: str | None, current_only: bool, after: tuple[str, int] | None, limit: int
) -> list[dict[str, Any]]:
    """Notices by purpose, the newest version first."""
    purpose_after, version_after = after or (None, None)
    rows = await runtime.database.pool.fetch(_PAGE, purpose, current_only, purpose_after, version_after, limit)
    return [dict(row) for row in rows]


async def one(runtime: Runtime, purpose: str, version: int) -> dict[str, Any]:
    """One version of a notice: what somebody who agreed to it has read; NotFound."""
    rows = await runtime.database.pool.fetch(f"SELECT * FROM ({_LIST}) n WHERE n.version = $2", purpose, version)  # noqa: S608
    if not rows:
        raise NotFound("there is no such version of the notice", "告知书版本不存在")
    return dict(rows[0])


async def publish(tx: Transaction, purpose: str, zh: str, en: str, *, version: int) -> dict[str, Any]:
    """Publish a text as the version after `version`; StaleNotice if that is no longer the newest."""
    newest = await tx.conn.fetchval(_NEWEST, purpose) or 0
    row = None
    if newest == version:
        row = await tx.conn.fetchrow(_ADD, purpose, version + 1, zh, en, tx.who, tx.now)
    if row is None:
        raise StaleNotice("the notice has a newer version by now", "告知书已有新版本", version=newest)
    await tx.audit("notice.published", "consent_notice", purpose, version=version + 1)
    return dict(row)
