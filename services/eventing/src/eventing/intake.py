"""Postings that come in by the API: once each, with their owner, on to the ledger's stream (X4, X6)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
INSERT INTO intake (source, posting_id, digest) SELECT $1, p, d FROM unnest($2::text[], $3::bytea[]) AS s(p, d)
ON CONFLICT DO NOTHING RETURNING posting_id"""
_CLASHES = """
SELECT i.posting_id FROM intake AS i JOIN unnest($2::text[], $3::bytea[]) AS s(p, d) ON i.posting_id = s.p
WHERE i.source = $1 AND i.digest <> s.d"""
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
# No source system can be called so. Who has not seen a posting an hour after it was sent may send it again.
_LOST = "@reconcile"
_CLAIM = """
INSERT INTO intake AS i (source, posting_id) SELECT $1, p FROM unnest($2::text[]) AS p
ON CONFLICT (source, posting_id) DO UPDATE SET received_at = now() WHERE i.received_at < now() - interval '1 hour'
RETURNING posting_id"""
_WAITS = "SELECT posting_id FROM intake_pending WHERE posting_id = any($1::text[])"


def digest_of(said: Any) -> bytes:
    """Of what somebody said, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()[:16]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the postings of one request; they add up to what was sent.

    `clashes` are the ids among the duplicates that came before with other content: what came first holds (I68).
    """

    accepted: int
    duplicates: int
    waiting: int
    clashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """A posting as the bank sent it; `fields` are those of ledger.transaction.posted without owner and account."""

    posting_id: str
    account: str
    fields: dict[str, Any]

    @property
    def digest(self) -> bytes:
        """Of all that it says."""
        return digest_of([self.account, self.fields])


@dataclass(frozen=True, slots=True)
class Lost:
    """A posting that a file has and the stream has not; `fields` as above."""

    account_id: UUID
    fields: dict[str, Any]

    @property
    def posting_id(self) -> str:
        """The bank's posting id."""
        return str(self.fields["posting_id"])


@dataclass(frozen=True, slots=True)
class Resent:
    """What became of lost postings: sent now, or waiting for their account; the others are on their way already."""

    sent: set[str]
    waiting: int


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
    by_id: dict[str, Received] = {}
    clashes = {p.posting_id for p in received if by_id.setdefault(p.posting_id, p).digest != p.digest}
    new, other = await remember(tx.conn, source, {posting_id: one.digest for posting_id, one in by_id.items()})
    if clashes := clashes | other:
        log.warning("posting_ids_clash", count=len(clashes))
    fresh = [(account_id(source, p.account), p) for p in by_id.values() if p.posting_id in new]
    owners = await _owners(tx.conn, {account for account, _ in fresh})
    waiting = [(account, p) for account, p in fresh if account not in owners]
    await _wait(tx.conn, source, [(account, p.fields) for account, p in waiting])
    known = [(_RUN.format(source=source), account, p.fields) for account, p in fresh if account in owners]
    await _send(tx.conn, known, owners, sender)
    return Taken(len(known), len(received) - len(fresh), len(waiting), tuple(sorted(clashes)))


async def remember(conn: asyncpg.Connection, source: str, said: Mapping[str, bytes]) -> tuple[set[str], set[str]]:
    """Keep ids with the digest of what they said; return the new ones, and those that said something else before."""
    # Sorted, so that two requests with the same ids never wait for each other.
    ids = sorted(said)
    digests = [said[one] for one in ids]
    new = {row["posting_id"] for row in await conn.fetch(_TAKE, source, ids, digests)}
    if len(new) == len(ids):
        return new, set()
    return new, {row["posting_id"] for row in await conn.fetch(_CLASHES, source, ids, digests)}


async def send_lost(tx: Transaction, run: str, lost: Sequence[Lost], sender: Sender) -> Resent:
    """Send postings that the stream has lost, each once; those that wait for their account go on waiting."""
    waits = {row["posting_id"] for row in await tx.conn.fetch(_WAITS, [one.posting_id for one in lost])}
    asked = sorted({one.posting_id for one in lost} - waits)
    claimed = {row["posting_id"] for row in await tx.conn.fetch(_CLAIM, _LOST, asked)}
    owners = await _owners(tx.conn, {one.account_id for one in lost})
    mine = [one for one in lost if one.posting_id in claimed]
    await _wait(tx.conn, _LOST, [(one.account_id, one.fields) for one in mine if one.account_id not in owners])
    known = [(f"{_LOST}:{run}", one.account_id, one.fields) for one in mine if one.account_id in owners]
    await _send(tx.conn, known, owners, sender)
    return Resent(
        {str(fields["posting_id"]) for _, _, fields in known}, len(lost) - len(asked) + len(mine) - len(known)
    )


def moment_of(microseconds: int) -> datetime:
    """A moment of the lake, read as microseconds since 1970."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


async def release(tx: Transaction, sender: Sender) -> int:
    """Send on the postings whose account has arrived; return how many."""
    rows = await tx.conn.fetch(_RELEASE, CHUNK)
    if not rows:
        return 0
    rows.sort(key=lambda row: row["received_at"])
    owners = await _owners(tx.conn, {row["account_id"] for row in rows})
    known = [(_RUN.format(source=row["source"]), row["account_id"], orjson.loads(row["posting"])) for row in rows]
    await _send(tx.conn, known, owners, sender)
    return len(rows)


async def _wait(conn: asyncpg.Connection, source: str, waiting: Sequence[tuple[UUID, dict[str, Any]]]) -> None:
    if waiting:
        log.warning("postings_wait_for_account", count=len(waiting))
        await conn.execute(
            _WAIT,
            source,
            [fields["posting_id"] for _, fields in waiting],
            [account for account, _ in waiting],
            [orjson.dumps(fields).decode() for _, fields in waiting],
        )


async def _owners(conn: asyncpg.Connection, accounts: set[UUID]) -> dict[UUID, asyncpg.Record]:
    return {row["account_id"]: row for row in await conn.fetch(_OWNERS, list(accounts))}


async def _send(
    conn: asyncpg.Connection,
    known: Sequence[tuple[str, UUID, dict[str, Any]]],
    owners: dict[UUID, asyncpg.Record],
    sender: Sender,
) -> None:
    rows = []
    for run, account, fields in known:
        owner = owners[account]
        posting = TransactionPosted.model_validate(
            fields | {"account_id": account, "customer_id": owner["customer_id"], "account_kind": owner["kind"]}
        )
        event = envelope(
            posting,
            time=sender.moment(posting),
            event_id=posting_event_id(run, posting.posting_id),
        )
        rows.append(outbox.row(event, owner["partition"]))
    if rows:
        await outbox.write(conn, rows)
