"""What a data steward looks through: pairs that look alike, and the records behind a customer. Masked, side by side."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from attune_service_kit.database import Scope
from attune_service_kit.paging import by_time
from attune_service_kit.runtime import Runtime
from customer_360 import masking, subjects
from customer_360.identity import Identities, identities
from customer_360.masking import Sight

State = Literal["open", "merged", "rejected"]

_PAGES = by_time("""
SELECT v.review_id, v.first, v.second, v.grounds, v.documents, v.state, v.found_at, v.decided_by, v.decided_at, v.reason
FROM identity_review v
WHERE v.state = $1 AND ($2::timestamptz IS NULL OR (v.found_at, v.review_id) {beyond} ($2, $3::uuid))
ORDER BY v.found_at {order}, v.review_id {order} LIMIT $4""")
_RECORDS = """
SELECT p.customer_id, p.source, p.source_id, p.party_kind, p.birth_date, p.branch_id, p.opened_on,
       coalesce(a.customer_id, p.customer_id) AS answered_by, i.name, i.phone, i.document
FROM party p LEFT JOIN party_alias a ON a.alias_id = p.customer_id
LEFT JOIN party_identity i ON i.customer_id = p.customer_id
WHERE p.customer_id = ANY ($1::uuid[]) ORDER BY p.opened_on, p.customer_id"""
_MERGES = """
SELECT m.merge_id, m.first, m.second, m.how, m.reason, m.merged_by, m.merged_at FROM party_merge m
WHERE m.holds AND m.first = ANY ($1::uuid[]) ORDER BY m.merged_at, m.merge_id"""


async def page(
    runtime: Runtime, scope: Scope, sight: Sight, state: State, sort: str, after: Sequence[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """Up to `limit` pairs in this state, the first or the last found first, with both records."""
    reads = runtime.database.reads(scope)
    pairs = [dict(row) for row in await reads.fetch(_PAGES[sort], state, *(after or (None, None)), limit)]
    ids = sorted({id_ for pair in pairs for id_ in (pair["first"], pair["second"])})
    shown = {record["customer_id"]: record for record in await _records(runtime, scope, sight, ids)}
    return [pair | {"first": shown[pair["first"]], "second": shown[pair["second"]]} for pair in pairs]


async def records(
    runtime: Runtime, scope: Scope, sight: Sight, customer_id: UUID
) -> tuple[UUID, list[dict[str, Any]], list[dict[str, Any]]]:
    """Who answers to the id, the records that answer as that customer, and what holds them together; NotFound."""
    reads = runtime.database.reads(scope)
    subject = await subjects.find(reads, scope, customer_id)
    merges = [dict(row) for row in await reads.fetch(_MERGES, subject.ids)]
    return subject.customer_id, await _records(runtime, scope, sight, subject.ids), merges


async def _records(runtime: Runtime, scope: Scope, sight: Sight, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    keys = identities(runtime)
    rows = await runtime.database.reads(scope).fetch(_RECORDS, list(ids))
    return [_opened(keys, sight, dict(row)) for row in rows]


def _opened(keys: Identities, sight: Sight, row: dict[str, Any]) -> dict[str, Any]:
    place = str(row["customer_id"])
    phone, document = (keys.columns[name].open_text(place, row[name]) for name in ("phone", "document"))
    return row | {
        "name": sight.name(keys.open_name(row["customer_id"], row["name"]), row["party_kind"]),
        "phone": None if phone is None else masking.phone(phone),
        "document": None if document is None else masking.document(document),
    }
