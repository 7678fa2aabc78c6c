"""Tags of customers: given with owner, source, purpose and end; customers may delete theirs for good (M-58, R-11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Invalid, NotFound
from attune_service_kit.runtime import Runtime
from customer_360 import subjects

STAFF = "staff"
"""The source of what people of the bank assign; jobs have names of their own."""

# What is shown to whom: a customer sees what is meant for customers; of one who wants no personalisation staff see
# nothing personal. Expired tags are shown to nobody.
_SHOWN = """
SELECT t.tag, t.source, t.value, d.name_zh, d.name_en, d.owner, d.purpose, d.personal, d.customer_visible,
       t.assigned_by, t.assigned_at, t.expires_on
FROM tag t JOIN tag_definition d USING (tag)
WHERE t.customer_id = ANY ($1::uuid[]) AND t.expires_on >= $2
  AND (CASE WHEN $3 THEN d.customer_visible ELSE $4 OR NOT d.personal END)"""
_PAGE = f"""
SELECT DISTINCT ON (s.tag, s.source) s.* FROM ({_SHOWN}) s
WHERE $5::text IS NULL OR (s.tag, s.source) > ($5, $6::text)
ORDER BY s.tag, s.source, s.assigned_at DESC LIMIT $7
"""  # noqa: S608 - this module's own text
_DEFINITION = "SELECT * FROM tag_definition WHERE tag = $1"
_DELETED = "SELECT true FROM tag_deletion WHERE customer_id = ANY ($1::uuid[]) AND tag = $2 AND source = $3"
_ASSIGN = """
INSERT INTO tag AS t (customer_id, tag, source, value, assigned_by, assigned_at, expires_on)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (customer_id, tag, source) DO UPDATE SET value = excluded.value, assigned_by = excluded.assigned_by,
    assigned_at = excluded.assigned_at, expires_on = excluded.expires_on"""
_DELETE = """
WITH gone AS (
    DELETE FROM tag WHERE customer_id = ANY ($1::uuid[]) AND tag = $2 AND ($3::text IS NULL OR source = $3)
    RETURNING customer_id, tag, source
)
INSERT INTO tag_deletion (customer_id, tag, source, deleted_by, deleted_at)
SELECT customer_id, tag, source, $4, $5 FROM gone ON CONFLICT DO NOTHING RETURNING source"""


class UnknownTag(NotFound):
    """No tag is defined by this name, or the customer does not have it, or may not see it."""

    code = "unknown_tag"


class TagDeleted(Conflict):
    """The customer has deleted this tag: the same source does not give it again (R-11)."""

    code = "tag_deleted"


class ValueNotAllowed(Invalid):
    """The tag's definition does not know this value."""

    code = "tag_value_not_allowed"


class ExpiryRefused(Invalid):
    """A tag ends in the future, and not later than its definition allows (R-06)."""

    code = "tag_expiry_refused"


@dataclass(frozen=True)
class Assignment:
    """A tag to be given; without an end it lives as long as its definition says."""

    tag: str
    value: str
    expires_on: date | None = None


async def page(
    runtime: Runtime, caller: Caller, customer_id: UUID, after: Sequence[Any], limit: int
) -> list[dict[str, Any]]:
    """The tags that the caller may see, by name and source; NotFound."""
    reads, own = runtime.database.reads(caller.scope), caller.customer is not None
    subject = await subjects.find(reads, caller.scope, customer_id)
    today = runtime.clock.business_date()
    rows = await reads.fetch(_PAGE, subject.ids, today, own, subject.personalisation, *(after or (None, None)), limit)
    return [dict(row) for row in rows]


async def assign(tx: Transaction, caller: Caller, customer_id: UUID, wanted: Assignment, today: date) -> dict[str, Any]:
    """Give a customer a tag, or another value of it.

    Refuses with NotFound, UnknownTag, TagDeleted, ValueNotAllowed or ExpiryRefused.
    """
    subject = await subjects.find(tx.conn, caller.scope, customer_id, lock=True)
    definition = await tx.conn.fetchrow(_DEFINITION, wanted.tag)
    if definition is None:
        raise UnknownTag("there is no such tag", "标签不存在")
    if definition["allowed"] and wanted.value not in definition["allowed"]:
        raise ValueNotAllowed(
            "the tag does not know this value", "标签取值不在允许范围内", allowed=definition["allowed"]
        )
    last = today + timedelta(days=definition["keep_days"])
    expires_on = wanted.expires_on or last
    if not today <= expires_on <= last:
        raise ExpiryRefused("the tag ends in the past or later than it may", "标签有效期不合规", latest=last)
    if await tx.conn.fetchval(_DELETED, subject.ids, wanted.tag, STAFF):
        raise TagDeleted("the customer has deleted this tag", "客户已删除该标签")
    place = subject.customer_id, wanted.tag, STAFF
    await tx.conn.execute(_ASSIGN, *place, wanted.value, caller.subject, tx.now, expires_on)
    await tx.audit("tag.assigned", "customer", subject.customer_id, detail={"tag": wanted.tag})
    return {
        **{name: definition[name] for name in ("name_zh", "name_en", "owner", "purpose", "personal")},
        "customer_visible": definition["customer_visible"],
        "tag": wanted.tag,
        "source": STAFF,
        "value": wanted.value,
        "assigned_by": caller.subject,
        "assigned_at": tx.now,
        "expires_on": expires_on,
    }


async def delete(tx: Transaction, caller: Caller, customer_id: UUID, tag: str, source: str | None) -> list[str]:
    """Delete a tag, of one source or of all, for good; return the sources. NotFound, UnknownTag.

    A customer deletes what they may see; what is not there for them cannot be told from what is not there.
    """
    subject = await subjects.find(tx.conn, caller.scope, customer_id, lock=True)
    definition = await tx.conn.fetchrow(_DEFINITION, tag)
    hidden = definition is None or (caller.customer is not None and not definition["customer_visible"])
    sources: list[str] = []
    if not hidden:
        rows = await tx.conn.fetch(_DELETE, subject.ids, tag, source, caller.subject, tx.now)
        sources = sorted({row[0] for row in rows})
    if not sources:
        raise UnknownTag("the customer has no such tag", "客户没有该标签")
    await tx.audit("tag.deleted", "customer", subject.customer_id, detail={"tag": tag, "sources": sources})
    return sources
