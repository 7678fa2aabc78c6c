"""Postings that come in by the API: once each, with their owner, on to the ledger's stream (X4, X6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog

from attune_contracts.envelope import envelope
from attune_contracts.identifiers import account_id, posting_event_id
from attune_contracts.ledger import TransactionPosted
from attune_service_kit import outbox
from attune_service_kit.database import Transaction
from eventing import moments

log = structlog.get_logger(__name__)

# Chosen apart from any replay's run id, which is a UUID.
_RUN = "live:{source}"

_TAKE = """
INSERT INTO intake (source, posting_id) SELECT $1, p FROM unnest($2::text[]) AS p
ON CONFLICT DO NOTHING RETURNING posting_id"""
_OWNERS = "SELECT account_id, customer_id, partition, kind FROM account_owner WHERE account_id = any($1::uuid[])"
_WAIT = """
INSERT INTO intake_pending (source, posting_id, account_id, posting)
SELECT $1, p, a, b::jsonb FROM unnest($2::text[], $3::uuid[], $4::text[]) AS s(p, a, b)"""
_RELEASE = """
DELETE FROM intake_pending p USING (
    SELECT source, posting_id FROM intake_pending
    WHERE account_id IN (SELECT account_id FROM account_owner)
    ORDER BY received_at LIMIT $1 FOR UPDATE SKIP LOCKED
) AS ready
WHERE p.source = ready.source AND p.posting_id = ready.posting_id
RETURNING p.source, p.posting_id, p.account_id, p.posting::text AS posting, p.received_at"""
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the postings of one request; they add up to what was sent."""

    accepted: int
    duplicates: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Received:
    """A posting as the bank sent it; `fields` are those of ledger.transaction.posted without owner and account."""

    posting_id: str
    account: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sender:
    """How moments are chosen for postings that carry a day only: the zone, and now under the wall clock."""

    zone: str
    now: datetime | None

    def moment(self, posting: TransactionPosted) -> datetime:
        """The business time of the posting's event."""
        return posting.booked_at or self.now or moments.noon(posting.business_date, self.zone)


async def take(tx: Transaction, source: str, received: Sequence[Received], sender: Sender) -> Taken:
    """Take postings in: those seen before are dropped, those of unknown accounts wait, the rest goes to the stream."""
    by_id = {posting.posting_id: posting for posting in received}
    # Sorted, so that two requests with the same postings never wait for each other.
    new = {row["posting_id"] for row in await tx.conn.fetch(_TAKE, source, sorted(by_id))}
    fresh = [(account_id(source, p.account), p) for p in by_id.values() if p.posting_id in new]
    owners = await _owners(tx.conn, {account for account, _ in fresh})
    waiting = [(account, p) for account, p in fresh if account not in owners]
    if waiting:
        log.warning("postings_wait_for_account", count=len(waiting))
        await tx.conn.execute(
            _WAIT,
            source,
            [p.posting_id for _, p in waiting],
            [account for account, _ in waiting],
            [orjson.dumps(p.fields).decode() for _, p in waiting],
        )
    known = [(source, account, p.fields) for account, p in fresh if account in owners]
    await _send(tx.conn, known, owners, sender)
    return Taken(len(known), len(received) - len(fresh), len(waiting))


async def release(tx: Transaction, sender: Sender) -> int:
    """Send on the postings whose account has arrived; return how many."""
    rows = await tx.conn.fetch(_RELEASE, CHUNK)
    if not rows:
        return 0
    rows.sort(key=lambda row: row["received_at"])
    owners = await _owners(tx.conn, {row["account_id"] for row in rows})
    known = [(row["source"], row["account_id"], orjson.loads(row["posting"])) for row in rows]
    await _send(tx.conn, known, owners, sender)
    return len(rows)


async def _owners(conn: asyncpg.Connection, accounts: set[UUID]) -> dict[UUID, asyncpg.Record]:
    return {row["account_id"]: row for row in await conn.fetch(_OWNERS, list(accounts))}


async def _send(
    conn: asyncpg.Connection,
    known: Sequence[tuple[str, UUID, dict[str, Any]]],
    owners: dict[UUID, asyncpg.Record],
    sender: Sender,
) -> None:
    rows = []
    for source, account, fields in known:
        owner = owners[account]
        posting = TransactionPosted.model_validate(
            fields | {"account_id": account, "customer_id": owner["customer_id"], "account_kind": owner["kind"]}
        )
        event = envelope(
            posting,
            time=sender.moment(posting),
            event_id=posting_event_id(_RUN.format(source=source), posting.posting_id),
        )
        rows.append(outbox.row(event, owner["partition"]))
    if rows:
        await outbox.write(conn, rows)
