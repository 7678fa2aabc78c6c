"""Where a consumer stands, who holds it, and what is in flight: rows in the consumer's own database (X5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from attune_contracts.identifiers import new_id
from attune_service_kit.database import Database

T = TypeVar("T")

_TAKE = """
INSERT INTO position AS p (consumer, lease_owner, lease_until)
VALUES ($1, $2, now() + make_interval(secs => $3))
ON CONFLICT (consumer) DO UPDATE SET
    lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
WHERE p.lease_owner IS NULL OR p.lease_owner = excluded.lease_owner OR p.lease_until < now()
RETURNING stream_created, last_seq, inflight_from, inflight_to, starts"""
# A worker is a row too: its lease tells the others how many they are. Several rows are always locked in their order.
_RENEW = """
WITH me AS (
    INSERT INTO position (consumer, lease_owner, lease_until)
    VALUES ('worker.' || $1, $1, now() + make_interval(secs => $2))
    ON CONFLICT (consumer) DO UPDATE SET lease_until = excluded.lease_until
), mine AS (
    SELECT consumer FROM position WHERE consumer = ANY ($3::text[]) AND lease_owner = $1 ORDER BY consumer FOR UPDATE
), kept AS (
    UPDATE position p SET lease_until = now() + make_interval(secs => $2)
    FROM mine WHERE p.consumer = mine.consumer RETURNING p.consumer
), gone AS (
    DELETE FROM position WHERE consumer LIKE 'worker.%' AND lease_until < now() - interval '1 minute'
)
SELECT (SELECT coalesce(array_agg(consumer), '{}') FROM kept) AS kept,
       (SELECT count(*) FROM position
        WHERE consumer LIKE 'worker.%' AND consumer <> 'worker.' || $1 AND lease_until > now()) AS others,
       (SELECT coalesce(array_agg(DISTINCT consumer), '{}') FROM quarantine WHERE state = 'retrying') AS wanted"""
_RELEASE = """
UPDATE position SET lease_owner = NULL, lease_until = NULL, inflight_from = NULL, inflight_to = NULL, starts = 0
WHERE consumer = $1 AND lease_owner = $2"""
_LEAVE = """
WITH me AS (DELETE FROM position WHERE consumer = 'worker.' || $1)
UPDATE position SET lease_owner = NULL, lease_until = NULL, inflight_from = NULL, inflight_to = NULL, starts = 0
WHERE lease_owner = $1 AND consumer NOT LIKE 'worker.%'"""
_RESET = """
UPDATE position SET stream_created = $3, last_seq = $4, inflight_from = NULL, inflight_to = NULL, starts = 0
WHERE consumer = $1 AND lease_owner = $2 RETURNING true"""
_MARK = """
UPDATE position SET inflight_from = $3, inflight_to = $4, starts = $5
WHERE consumer = $1 AND lease_owner = $2 RETURNING true"""
_MARK_ALL = """
UPDATE position p SET inflight_from = m.first, inflight_to = m.last, starts = 1
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS m (consumer, first, last)
WHERE p.consumer = m.consumer AND p.lease_owner = $1 RETURNING p.consumer"""
_CONFIRM = """
UPDATE position SET last_seq = last_seq
WHERE consumer = $1 AND lease_owner = $2 AND last_seq = $3 RETURNING true"""
_MOVE = """
WITH ours AS (
    SELECT p.consumer, m.last FROM position p
    JOIN unnest($2::text[], $3::bigint[], $4::bigint[]) AS m (consumer, expected, last)
        ON p.consumer = m.consumer AND p.last_seq = m.expected
    WHERE p.lease_owner = $1 ORDER BY p.consumer FOR UPDATE OF p
)
UPDATE position p SET last_seq = ours.last, inflight_from = NULL, inflight_to = NULL, starts = 0
FROM ours WHERE p.consumer = ours.consumer RETURNING p.consumer"""
# A frozen worker must not hold its rows for ever: the server ends its transaction. Set in passing, for this one only.
# Says how many were new, and only if that were not all, which.
_RECEIVE = """
WITH new AS (
    INSERT INTO inbox (consumer, event_id)
    SELECT s.consumer, s.id FROM unnest($1::text[], $2::uuid[]) AS s (consumer, id),
        (SELECT set_config('idle_in_transaction_session_timeout', $3, true)) AS bounded
    ON CONFLICT DO NOTHING RETURNING consumer, event_id
), counted AS (SELECT count(*) AS number FROM new)
SELECT number, CASE WHEN number < $4 THEN (SELECT array_agg(event_id || consumer) FROM new) END AS keys FROM counted"""
_QUARANTINE = """
INSERT INTO quarantine (id, consumer, seq, event_id, type, subject, payload, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""

DATABASE_GONE = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


class LeaseLost(Exception):
    """Another worker holds this partition, or has moved its position: whatever was being done is void (P-09)."""


@dataclass(frozen=True)
class Position:
    """Where a partition stands when its lease is taken. What is in flight then was so when its worker died.

    `starts` is how many starts of it this was the end of; 0 if nothing is in flight.
    """

    stream_created: str | None
    last_seq: int
    inflight_from: int | None
    inflight_to: int | None
    starts: int


class Positions:
    """One worker's small writes on a connection of its own, each committed at once."""

    def __init__(self, database: Database, owner: str, lease_seconds: float) -> None:
        self.owner = owner
        self.lease_seconds = lease_seconds
        self._database = database
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def _on_connection(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._database.connect()
                # These rows must survive our death, not the machine's; and nobody waits for a frozen worker's lock.
                await self._connection.execute("SET synchronous_commit = off; SET lock_timeout = '2s'")
            try:
                return await work(self._connection)
            except DATABASE_GONE:
                self._connection.terminate()
                raise

    async def _must(self, query: str, consumer: str, *arguments: Any) -> None:
        done = await self._on_connection(lambda c: c.fetchval(query, consumer, self.owner, *arguments))
        if not done:
            raise LeaseLost(consumer)

    async def take(self, consumer: str) -> Position | None:
        """Take the lease of a partition that nobody holds; None if somebody does."""
        try:
            row = await self._on_connection(lambda c: c.fetchrow(_TAKE, consumer, self.owner, self.lease_seconds))
        except asyncpg.LockNotAvailableError:
            return None
        return Position(**row) if row is not None else None

    async def renew(self, consumers: list[str]) -> tuple[set[str], int, set[str]]:
        """Renew what we hold; return what we still hold, how many other workers live, and what has retries to do."""
        row = await self._on_connection(lambda c: c.fetchrow(_RENEW, self.owner, self.lease_seconds, consumers))
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        return set(row["kept"]), int(row["others"]), set(row["wanted"])

    async def release(self, consumer: str) -> None:
        """Give a partition back: nothing of it is in flight."""
        await self._on_connection(lambda c: c.execute(_RELEASE, consumer, self.owner))

    async def leave(self) -> None:
        """Give everything back and be a worker no longer: the others need not wait for our leases to run out."""
        await self._on_connection(lambda c: c.execute(_LEAVE, self.owner))
        if self._connection is not None:
            await self._connection.close(timeout=2)

    async def reset(self, consumer: str, created: str, last_seq: int) -> None:
        """Stand at `last_seq` of the stream made at `created`."""
        await self._must(_RESET, consumer, created, last_seq)

    async def mark(self, consumer: str, first: int, last: int, *, starts: int) -> None:
        """Say what is in flight before it is touched, and how many starts of it that makes."""
        await self._must(_MARK, consumer, first, last, starts)

    async def mark_all(self, marks: Sequence[tuple[str, int, int]]) -> None:
        """`mark` of several partitions, from one message to another each, as their first start."""
        arguments = self.owner, *map(list, zip(*marks, strict=True))
        _all_of(marks, await self._on_connection(lambda c: c.fetch(_MARK_ALL, *arguments)))

    async def unmark(self, consumer: str) -> None:
        """Say that nothing is in flight: a failed event waits for its next attempt."""
        await self._must(_MARK, consumer, None, None, 0)

    async def alive(self) -> bool:
        """Tell whether the database answers: an error while it does not is nobody's fault but the database's."""
        try:
            await self._on_connection(lambda c: c.execute("SELECT 1"))
        except (*DATABASE_GONE, asyncpg.PostgresError):
            return False
        return True

    async def move(self, conn: asyncpg.Connection, moves: Sequence[tuple[str, int, int]]) -> None:
        """Move positions from where they are expected, in the effects' transaction; LeaseLost rolls these back."""
        _all_of(moves, await conn.fetch(_MOVE, self.owner, *map(list, zip(*moves, strict=True))))

    async def confirm(self, conn: asyncpg.Connection, consumer: str, last_seq: int) -> None:
        """In an effect's transaction that moves nothing: the partition is still ours, or raise LeaseLost."""
        if not await conn.fetchval(_CONFIRM, consumer, self.owner, last_seq):
            raise LeaseLost(consumer)


def _all_of(asked: Sequence[tuple[str, int, int]], found: Sequence[asyncpg.Record]) -> None:
    if len(found) < len(asked):
        raise LeaseLost(", ".join(sorted({consumer for consumer, *_ in asked} - {row["consumer"] for row in found})))


async def receive(conn: asyncpg.Connection, came: Sequence[tuple[str, UUID]], idle_seconds: float) -> set[str] | None:
    """Enter event ids into the inbox, each with its consumer; return the `inbox_key` of those that were not there.

    None if that were all, and nothing came twice (P-06). From here on the server ends this transaction when it hears
    nothing for `idle_seconds`: a frozen worker's locks.
    """
    consumers, ids = map(list, zip(*came, strict=True)) if came else ([], [])
    bound = f"{int(idle_seconds * 1000)}ms"
    row = await conn.fetchrow(_RECEIVE, consumers, ids, bound, len(came))
    assert row is not None  # noqa: S101 - an aggregate has one row
    return None if row["number"] == len(came) else set(row["keys"] or ())


def inbox_key(consumer: str, event_id: UUID) -> str:
    """What `receive` calls an event."""
    return f"{event_id}{consumer}"


async def quarantine(
    conn: asyncpg.Connection,
    consumer: str,
    seq: int,
    *,
    event_id: UUID | None,
    event_type: str,
    subject: str,
    payload: bytes,
    error: str,
) -> None:
    """Keep a message that cannot be applied, in the transaction that moves the position past it (P-08)."""
    await conn.execute(
        _QUARANTINE, new_id(), consumer, seq, event_id, event_type, subject, payload, error[:2000].replace("\0", "")
    )
