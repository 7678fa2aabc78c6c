"""The timeline: what happened with a customer, one row an event, the newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.paging import by_time
from attune_service_kit.runtime import Runtime
from customer_360 import subjects
from customer_360.months import months_before
from customer_360.settings import settings_of
from customer_360.timeline_kinds import KINDS, Kind, visible

_ADD = """
INSERT INTO timeline_entry (customer_id, kind, key, at, what, detail)
SELECT customer_id, kind, key, at, what, detail::jsonb FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
    AS e (customer_id, kind, key, at, what, detail)
ON CONFLICT DO NOTHING"""
_PAGES = by_time("""
SELECT at, kind, what, key, detail::text FROM timeline_entry
WHERE customer_id = ANY ($1::uuid[]) AND kind = ANY ($2::text[]) AND at >= $3
  AND ($4::timestamptz IS NULL OR (at, kind, key) {beyond} ($4, $5::text, $6::text))
ORDER BY at {order}, kind {order}, key {order} LIMIT $7""")
# Who is new with a file has no row for it: `opened_on` says it. xmin: written by this very transaction.
_PARTIES_CHANGED = """
INSERT INTO timeline_entry (customer_id, kind, key, at, what, detail)
SELECT customer_id, 'import', $1, $2, 'profile_changed', '{}' FROM party
WHERE version > 1 AND xmin = pg_current_xact_id()::xid
ON CONFLICT DO NOTHING"""
_CONSENTS_CHANGED = """
INSERT INTO timeline_entry (customer_id, kind, key, at, what, detail)
SELECT customer_id, 'import', $1, $2, 'consent_changed', jsonb_build_object('version', version) FROM consent_version
WHERE version > 1 AND xmin = pg_current_xact_id()::xid
ON CONFLICT DO NOTHING"""


@dataclass(frozen=True)
class Entry:
    """One event of a customer. `key` is what it is known by: told again, it is the same one. No personal data."""

    customer_id: UUID
    kind: Kind
    key: str
    at: datetime
    what: str
    detail: Mapping[str, Any] = field(default_factory=dict)


async def add(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Add what is not there yet, in the caller's transaction."""
    if not entries:
        return
    await tx.conn.execute(
        _ADD,
        [e.customer_id for e in entries],
        [e.kind for e in entries],
        [e.key for e in entries],
        [e.at for e in entries],
        [e.what for e in entries],
        [orjson.dumps(dict(e.detail), default=str).decode() for e in entries],
    )


async def add_imported(tx: Transaction, dataset: str, import_id: str) -> None:
    """An entry for every customer whose profile or consents this transaction has changed."""
    statement = {"parties": _PARTIES_CHANGED, "consents": _CONSENTS_CHANGED}.get(dataset)
    if statement is not None:
        await tx.conn.execute(statement, f"{import_id}/{dataset}", tx.now)


async def page(
    runtime: Runtime,
    caller: Caller,
    customer_id: UUID,
    kinds: Sequence[Kind],
    sort: str,
    after: Sequence[Any],
    limit: int,
) -> list[dict[str, Any]]:
    """Entries of these kinds (all, if none is named) that the caller may see, from behind (at, kind, key); NotFound."""
    reads = runtime.database.reads(caller.scope)
    subject = await subjects.find(reads, caller.scope, customer_id)
    wanted = [kind for kind in kinds or KINDS if kind in visible(caller.customer is not None, subject.personalisation)]
    rows = await reads.fetch(_PAGES[sort], subject.ids, wanted, oldest(runtime), *(after or (None, None, None)), limit)
    return [dict(row) | {"detail": orjson.loads(row["detail"])} for row in rows]


def oldest(runtime: Runtime) -> datetime:
    """The moment before which nothing is shown any more."""
    return months_before(runtime.clock.now(), settings_of(runtime).timeline_months)
