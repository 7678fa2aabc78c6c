"""The database is the truth, a stream a delivery log that can be filled again from the outbox (P-03)."""

from typing import TYPE_CHECKING

import asyncpg
import structlog

from attune_service_kit.messaging import Broker, PublishFailed, StreamState
from attune_service_kit.streams import STREAMS

if TYPE_CHECKING:
    from attune_service_kit.relay import Publishers

log = structlog.get_logger(__name__)

_KNOWN = "SELECT stream_created, last_seq FROM position WHERE consumer = $1"
_REMEMBER = """
INSERT INTO position (consumer, stream_created, last_seq) VALUES ($1, $2, $3)
ON CONFLICT (consumer) DO UPDATE SET stream_created = excluded.stream_created, last_seq = excluded.last_seq"""
# Only what the stream would still hold: the days in SQL are the stream's own.
_AGAIN = """
UPDATE outbox SET published_at = NULL, js_seq = NULL
WHERE stream = $1 AND published_at > now() - make_interval(secs => $2) AND js_seq > $3"""
_NEWEST = """
SELECT max(js_seq) FROM (
    SELECT js_seq FROM outbox WHERE stream = $1 AND published_at IS NOT NULL ORDER BY seq DESC LIMIT 1000) AS newest"""


async def run(connection: asyncpg.Connection, publishers: "Publishers") -> None:
    """Compare every stream this service publishes to with the outbox, and mark for publishing anew what it has lost."""
    for stream in STREAMS:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE stream = $1)", stream):
            continue
        state = await _state(publishers.own, stream)
        if state is not None:
            await _compare(connection, stream, state)


async def _state(broker: Broker, stream: str) -> StreamState | None:
    try:
        return await broker.stream_state(stream)
    except PublishFailed as error:
        log.warning("stream_not_compared", stream=stream, reason=str(error))
        return None


async def _compare(connection: asyncpg.Connection, stream: str, state: StreamState) -> None:
    """Three losses: another stream under this name, a shorter one than was acknowledged, one with a hole."""
    key = f"relay.{stream}"
    known = await connection.fetchrow(_KNOWN, key)
    newest = await connection.fetchval(_NEWEST, stream) or 0
    lost_from: int | None = None
    if known is not None and (known["stream_created"] != state.created or state.missing > known["last_seq"]):
        lost_from = 0
    elif newest > state.last_seq:
        lost_from = state.last_seq
    async with connection.transaction():
        if lost_from is not None:
            status = await connection.execute(_AGAIN, stream, STREAMS[stream].max_age, lost_from)
            rows = int(status.rpartition(" ")[2])
            log.error("stream_lost_messages", stream=stream, rows=rows, last_seq=state.last_seq)
        # `last_seq` of this row counts the holes that are mended: a hole stays in the stream for ever.
        await connection.execute(_REMEMBER, key, state.created, state.missing)
