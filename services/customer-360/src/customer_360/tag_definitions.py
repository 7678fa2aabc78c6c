"""What tags mean: defined by head office or marketing before anybody may have one (M-58, R-06)."""

from dataclasses import dataclass
from typing import Any

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from attune_service_kit.runtime import Runtime

_PAGE = """
SELECT * FROM tag_definition
WHERE ($1::boolean IS NULL OR customer_visible = $1) AND ($2::boolean IS NULL OR personal = $2)
  AND ($3::text IS NULL OR tag > $3) ORDER BY tag LIMIT $4"""
_LOCK = "SELECT version FROM tag_definition WHERE tag = $1 FOR UPDATE"
_WRITE = """
INSERT INTO tag_definition (tag, version, name_zh, name_en, allowed, owner, purpose, personal, customer_visible,
                            keep_days, changed_by, changed_at)
VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (tag) DO UPDATE SET
    version = excluded.version, name_zh = excluded.name_zh, name_en = excluded.name_en, allowed = excluded.allowed,
    owner = excluded.owner, purpose = excluded.purpose, personal = excluded.personal,
    customer_visible = excluded.customer_visible, keep_days = excluded.keep_days, changed_by = excluded.changed_by,
    changed_at = excluded.changed_at
WHERE tag_definition.version = $2
RETURNING *"""


class StaleDefinition(Conflict):
    """Somebody else has changed the definition since the caller read it."""

    code = "stale_version"


@dataclass(frozen=True)
class Definition:
    """What a tag means. No `allowed` values = any."""

    name_zh: str
    name_en: str
    allowed: tuple[str, ...]
    owner: str
    purpose: str
    personal: bool
    customer_visible: bool
    keep_days: int


async def page(
    runtime: Runtime, customer_visible: bool | None, personal: bool | None, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Definitions by tag."""
    return [dict(row) for row in await runtime.database.pool.fetch(_PAGE, customer_visible, personal, after, limit)]


async def define(tx: Transaction, tag: str, wanted: Definition, *, version: int) -> dict[str, Any]:
    """Define a tag (`version` 0), or change one of this version; StaleDefinition if it has another."""
    found = await tx.conn.fetchval(_LOCK, tag) or 0
    row = None
    if found == version:
        row = await tx.conn.fetchrow(
            _WRITE,
            tag,
            version,
            wanted.name_zh,
            wanted.name_en,
            list(wanted.allowed),
            wanted.owner,
            wanted.purpose,
            wanted.personal,
            wanted.customer_visible,
            wanted.keep_days,
            tx.who,
            tx.now,
        )
    if row is None:
        raise StaleDefinition("the definition has another version by now", "标签定义已被更新", version=found)
    await tx.audit("tag.defined", "tag_definition", tag, version=version + 1)
    return dict(row)
