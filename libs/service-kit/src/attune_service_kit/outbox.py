"""The outbox: events are rows of the business transaction until the relay has published them (P-04)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from attune_contracts.envelope import Envelope
from attune_service_kit.streams import stream_of
from attune_service_kit.telemetry import correlation_id, current_traceparent

# Notified by every commit that leaves events behind; the relay listens.
CHANNEL = "outbox"
# Rows outlive the streams (7 days), so that a lost stream can be filled again (P-03).
KEPT_DAYS = 14
_PURGE_ROWS = 5000

# One statement: the notification is worth no round trip of its own.
_WRITE = f"""
INSERT INTO outbox (event_id, type, subject, partition, payload, traceparent, correlation_id, stream)
SELECT rows.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::bytea[], $6::text[], $7::text[],
$8::text[]) AS rows, (SELECT pg_notify('{CHANNEL}', '')) AS notified"""  # noqa: S608 - a constant

_PURGE_OUTBOX = """
DELETE FROM outbox WHERE seq IN (
    SELECT seq FROM (SELECT seq, published_at FROM outbox ORDER BY seq LIMIT $1) AS oldest
    WHERE published_at < now() - make_interval(days => $2))"""
_PURGE_INBOX = "DELETE FROM inbox WHERE received_at < now() - make_interval(days => $1)"


@dataclass(frozen=True)
class OutboxRow:
    """One event on its way out."""

    event_id: UUID
    type: str
    subject: str
    partition: int
    payload: bytes
    traceparent: str | None
    correlation_id: str | None
    stream: str


def row(event: Envelope, partition: int) -> OutboxRow:
    """The row of an event, with the trace and the cause of the work in hand."""
    return OutboxRow(
        event.id,
        event.type,
        event.subject,
        partition,
        event.model_dump_json().encode(),
        current_traceparent(),
        correlation_id(),
        stream_of(event.type),
    )


async def write(conn: asyncpg.Connection, rows: Sequence[OutboxRow]) -> None:
    """Insert the rows in one statement, in order."""
    await conn.execute(
        _WRITE,
        [r.event_id for r in rows],
        [r.type for r in rows],
        [r.subject for r in rows],
        [r.partition for r in rows],
        [r.payload for r in rows],
        [r.traceparent for r in rows],
        [r.correlation_id for r in rows],
        [r.stream for r in rows],
    )


@dataclass(frozen=True)
class Lag:
    """What has not been published yet."""

    rows: int
    oldest_seconds: float


async def lag(conn: "asyncpg.Connection | asyncpg.Pool") -> Lag:
    """Return how many events wait for the relay, and since when the oldest does."""
    [found] = await conn.fetch(
        "SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest"
        " FROM outbox WHERE published_at IS NULL"
    )
    return Lag(found["rows"], found["oldest"])


async def purge(conn: asyncpg.Connection) -> None:
    """Delete what was published, and what was received, more than KEPT_DAYS ago. Never an unpublished row."""
    deleted = _PURGE_ROWS
    while deleted == _PURGE_ROWS:
        status = await conn.execute(_PURGE_OUTBOX, _PURGE_ROWS, KEPT_DAYS)
        deleted = int(status.rpartition(" ")[2])
    await conn.execute(_PURGE_INBOX, KEPT_DAYS)
