"""The relay: one leader a service publishes the outbox in order, for ever, and marks a row only once it is stored."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import structlog

from attune_contracts.envelope import nats_subject
from attune_service_kit import outbox, reconcile
from attune_service_kit.cancellation import stop_if_cancelled
from attune_service_kit.failpoints import failpoint
from attune_service_kit.messaging import Broker, Message, Outcome, Stored
from attune_service_kit.settings import ServiceSettings

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

log = structlog.get_logger(__name__)

BATCH = 500
# Without a notification (its connection may have died unnoticed) the relay looks by itself this often.
POLL_SECONDS = 1.0
# How often a process that is not the leader tries to become it.
CANDIDATE_SECONDS = 1.0
LONGEST_PAUSE = 5.0
RECONCILE_SECONDS = 60.0
PURGE_SECONDS = 3600.0

_LOCK = "SELECT pg_try_advisory_lock(hashtext('attune.relay'))"
_PENDING = """
SELECT seq, event_id, stream, type, subject, partition, payload, traceparent, correlation_id
FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT $1"""
_MARK = """
UPDATE outbox SET published_at = clock_timestamp(), js_seq = done.js_seq
FROM unnest($1::bigint[], $2::bigint[]) AS done (seq, js_seq) WHERE outbox.seq = done.seq"""

# What a broken database connection looks like: the relay gives up its place and starts anew.
_DATABASE_GONE = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


@dataclass(frozen=True)
class Publishers:
    """Who publishes what: eventing says what the ledger says as the user `ledger`, everything else as itself (X4)."""

    own: Broker
    ledger: Broker | None = None

    def of(self, event_type: str) -> Broker:
        """Return the connection with the right to publish this type."""
        return self.ledger if self.ledger is not None and event_type.startswith("ledger.") else self.own


def ledger_broker(settings: ServiceSettings, name: str) -> Broker | None:
    """Return a second connection as the user `ledger` if the settings name one (eventing's do); it is not started."""
    user = getattr(settings, "ledger_nats_user", None)
    if user is None:
        return None
    seed = getattr(settings, "ledger_nats_seed", None)
    secret = seed.get_secret_value() if seed is not None else None
    return Broker(settings.nats_url, user=user, seed=secret, name=name)


async def run(runtime: "Runtime") -> None:
    """Relay this service's outbox for ever; a background task of every worker, of which one at a time leads."""
    own = runtime.broker
    if own is None:
        raise RuntimeError("a relay needs a broker")
    ledger = ledger_broker(runtime.settings, f"{runtime.service.name}-ledger")
    if ledger is not None:
        await ledger.start()
    try:
        while True:
            try:
                await _candidate(runtime, Publishers(own, ledger))
            except _DATABASE_GONE:
                log.warning("relay_lost_database")
            await asyncio.sleep(CANDIDATE_SECONDS)
    finally:
        if ledger is not None:
            await ledger.stop()


async def _candidate(runtime: "Runtime", publishers: Publishers) -> None:
    """Lead if nobody else does. The lock is the connection's: whoever loses the connection no longer leads."""
    connection = await runtime.worker_database.connect()
    try:
        await _end_if_silent(connection, max(3 * runtime.settings.lease_seconds, 3 * POLL_SECONDS))
        if await connection.fetchval(_LOCK):
            log.info("relay_leads")
            await Relay(connection, publishers).lead()
    finally:
        with contextlib.suppress(*_DATABASE_GONE, asyncio.CancelledError):
            await connection.close(timeout=2)
        stop_if_cancelled()


async def _end_if_silent(connection: asyncpg.Connection, seconds: float) -> None:
    """Let the server end the session of a frozen leader: it would keep the lock. A living one asks every second.

    Frozen between two messages of one statement it is not idle: from PostgreSQL 17 on a transaction's time is limited,
    with room for the deletions of an hour.
    """
    await connection.execute(f"SET idle_session_timeout = {int(seconds * 1000)}")
    if connection.get_server_version().major >= 17:
        await connection.execute(f"SET transaction_timeout = {int(4 * seconds * 1000)}")


class Relay:
    """The leader's work on its own connection."""

    def __init__(self, connection: asyncpg.Connection, publishers: Publishers) -> None:
        self.connection = connection
        self.publishers = publishers
        self._news = asyncio.Event()

    async def lead(self) -> None:
        """Publish, reconcile with the streams, purge: until the connection breaks or the task is cancelled."""
        await self.connection.add_listener(outbox.CHANNEL, lambda *_: self._news.set())
        pause = 0.0
        reconciled = purged = -PURGE_SECONDS
        generation = 0
        while True:
            self._news.clear()
            now = time.monotonic()
            own = self.publishers.own
            if own.connected and (now - reconciled > RECONCILE_SECONDS or generation != own.generation):
                generation, reconciled = own.generation, now
                await reconcile.run(self.connection, self.publishers)
            if now - purged > PURGE_SECONDS:
                purged = now
                await outbox.purge(self.connection)
            found, stored = await self.publish_once()
            if found and not stored:
                pause = min(max(pause * 2, 0.1), LONGEST_PAUSE)
                await asyncio.sleep(pause)
                continue
            pause = 0.0
            if found < BATCH and found == stored:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._news.wait()

    async def publish_once(self) -> tuple[int, int]:
        """Publish one batch; return how many rows were found and how many are stored and marked."""
        rows = await self.connection.fetch(_PENDING, BATCH)
        if not rows:
            return 0, 0
        stored = await self._publish_in_order(rows)
        failpoint("relay.after_ack")
        if stored:
            await self.connection.execute(_MARK, list(stored), list(stored.values()))
        failpoint("relay.after_mark")
        return len(rows), len(stored)

    async def _publish_in_order(self, rows: Sequence[asyncpg.Record]) -> dict[int, int]:
        """Publish in atomic batches, else round by round: no event overtakes one of its customer (P-05)."""
        stored: dict[int, int] = {}
        rest: list[asyncpg.Record] = []
        for broker, part in self._by_publisher(rows):
            outcomes = await broker.publish_atomically([_message(row) for row in part])
            if outcomes is None:
                rest += part
            else:
                _note(part, outcomes, stored)
        stored |= await self._in_rounds(rest)
        return stored

    async def _in_rounds(self, rows: Sequence[asyncpg.Record]) -> dict[int, int]:
        """In each round at most one event of a customer; the next one only behind a stored one."""
        stored: dict[int, int] = {}
        waiting: dict[str, list[asyncpg.Record]] = {}
        for row in rows:
            waiting.setdefault(row["subject"], []).append(row)
        depth = 0
        while turn := [queue[depth] for queue in waiting.values() if len(queue) > depth]:
            failed: set[str] = set()
            for broker, part in self._by_publisher(turn):
                outcomes = await broker.publish_singly([_message(row) for row in part])
                failed |= _note(part, outcomes, stored)
            for subject in failed:
                del waiting[subject]
            depth += 1
        return stored

    def _by_publisher(self, rows: Iterable[asyncpg.Record]) -> list[tuple[Broker, list[asyncpg.Record]]]:
        parts: dict[tuple[Broker, str], list[asyncpg.Record]] = {}
        for row in rows:
            parts.setdefault((self.publishers.of(row["type"]), row["stream"]), []).append(row)
        return [(broker, part) for (broker, _), part in parts.items()]


def _note(rows: Sequence[asyncpg.Record], outcomes: Sequence[Outcome], stored: dict[int, int]) -> set[str]:
    """Enter the stored rows; return the customers of the others."""
    failed: set[str] = set()
    reasons: Counter[str] = Counter()
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(outcome, Stored):
            stored[row["seq"]] = outcome.seq
        else:
            failed.add(row["subject"])
            reasons[str(outcome)] += 1
    for reason, count in reasons.items():
        log.warning("events_not_stored", count=count, reason=reason)
    return failed


def _message(row: asyncpg.Record) -> Message:
    return Message(
        subject=nats_subject(row["type"], row["partition"]),
        payload=row["payload"],
        id=str(row["event_id"]),
        stream=row["stream"],
        traceparent=row["traceparent"],
        correlation_id=row["correlation_id"],
    )
