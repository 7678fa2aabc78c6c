"""The outbox: events are rows of the business transaction until the relay has published them (P-04)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from attune_contracts.envelope import Envelope
from attune_service_kit.telemetry import correlation_id, current_traceparent


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
    stream = "LEDGER" if event.type.startswith(("ledger.", "eventing.behaviour.")) else "EVT"
    return OutboxRow(
        event.id,
        event.type,
        event.subject,
        partition,
        event.model_dump_json().encode(),
        current_traceparent(),
        correlation_id(),
        stream,
    )


async def write(conn: asyncpg.Connection, rows: Sequence[OutboxRow]) -> None:
    """Insert the rows in one statement, in order."""
    await conn.execute(
        "INSERT INTO outbox (event_id, type, subject, partition, payload, traceparent, correlation_id, stream)"
        " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::bytea[], $6::text[], $7::text[],"
        " $8::text[])",
        [r.event_id for r in rows],
        [r.type for r in rows],
        [r.subject for r in rows],
        [r.partition for r in rows],
        [r.payload for r in rows],
        [r.traceparent for r in rows],
        [r.correlation_id for r in rows],
        [r.stream for r in rows],
    )
