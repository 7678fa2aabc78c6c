"""What came of one partition or of several becomes effects, in one transaction (X5, P-06, P-08)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import orjson

from attune_service_kit.consumer import Event, FatalEvent, Plan
from attune_service_kit.failpoints import failpoint
from attune_service_kit.nats_client import header
from attune_service_kit.position import Positions, inbox_key, quarantine, receive
from attune_service_kit.reader import Delivered
from attune_service_kit.uuids import uuid_of

if TYPE_CHECKING:
    from attune_service_kit.database import Transaction
    from attune_service_kit.runtime import Runtime


@dataclass(slots=True)
class Part:
    """What one partition brings into a transaction: where it stands, and the messages behind that."""

    consumer: str
    number: int
    position: int
    messages: list[Delivered]

    @property
    def last(self) -> int:
        """Where it stands afterwards."""
        return self.messages[-1].seq


class Applier:
    """Applies messages of one plan."""

    def __init__(self, runtime: "Runtime", plan: Plan, positions: Positions) -> None:
        self._runtime = runtime
        self._plan = plan
        self._positions = positions
        self._seconds = runtime.settings.handler_seconds  # P-09

    async def commit(self, parts: Sequence[Part]) -> None:
        """Inbox, effects, events and positions in one transaction."""
        events: list[tuple[str, Event]] = []
        unreadable: list[tuple[str, Delivered, str]] = []
        for part in parts:
            for message in part.messages:
                event = event_of(message, part.number)
                if isinstance(event, Event):
                    events.append((part.consumer, event))
                else:
                    unreadable.append((part.consumer, message, event))
        async with self.transaction() as tx:
            fresh = await self._received(tx, events)
            for consumer, message, reason in unreadable:
                await write_quarantine(tx.conn, consumer, message, reason)
            if fresh:
                await self._plan.handle(self._runtime, tx, fresh)
            await self._positions.move(tx.conn, [(part.consumer, part.position, part.last) for part in parts])
            failpoint("consumer.before_commit")
        failpoint("consumer.after_commit")

    async def again(self, tx: "Transaction", part: Part) -> None:
        """Inbox and effects of a message that was set aside, whatever came behind it."""
        event = event_of(part.messages[0], part.number)
        if isinstance(event, str):
            raise FatalEvent(event)
        if fresh := await self._received(tx, [(part.consumer, event)]):
            await self._plan.handle(self._runtime, tx, fresh)

    async def _received(self, tx: "Transaction", events: Sequence[tuple[str, Event]]) -> list[Event]:
        """The events that are new as far as the inbox knows, each once; the handler's own key tells of the others."""
        keyed = self._plan.keyed
        told = events if keyed is None else [(consumer, event) for consumer, event in events if not keyed(event)]
        if not told and self._plan.plain:
            return [event for _, event in events]
        new = await receive(tx.conn, [(consumer, event.id) for consumer, event in told], self._seconds + 5)
        return [event for _, event in events] if new is None else _among(new, events, keyed)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """A transaction as the plan has it, for as long as a handler may take."""
        database = self._runtime.worker_database
        async with (
            asyncio.timeout(self._seconds),
            database.plain_transaction(self._seconds + 5) if self._plan.plain else database.transaction() as tx,
        ):
            yield tx


def _among(new: set[str], events: Sequence[tuple[str, Event]], keyed: Callable[[Event], bool] | None) -> list[Event]:
    """The events that are new, each once, and those of which the inbox knows nothing."""
    fresh = []
    for consumer, event in events:
        key = inbox_key(consumer, event.id)
        if keyed is not None and keyed(event):
            fresh.append(event)
        elif key in new:
            new.discard(key)
            fresh.append(event)
    return fresh


async def write_quarantine(conn: asyncpg.Connection, consumer: str, message: Delivered, reason: str) -> None:
    """Keep a message that cannot be applied, in the transaction that moves past it."""
    envelope: dict[str, Any] = {}
    event_id = None
    with contextlib.suppress(orjson.JSONDecodeError, ValueError, TypeError, KeyError):
        envelope = dict(orjson.loads(message.payload))
        event_id = UUID(str(envelope["id"]))
    subject = envelope.get("subject")
    await quarantine(
        conn,
        consumer,
        message.seq,
        event_id=event_id,
        event_type=_type_of(message.subject),
        subject=subject if isinstance(subject, str) else "",
        payload=message.payload,
        error=reason,
    )


@lru_cache(maxsize=4096)
def _type_of(nats_subject: str) -> str:
    return nats_subject.removeprefix("evt.").rpartition(".")[0]


def event_of(message: Delivered, partition: int) -> Event | str:
    """Read the envelope tolerantly; a string says why it is none. The type is the subject's: rights hang on that."""
    try:
        envelope = orjson.loads(message.payload)
        event_type = _type_of(message.subject)
        if envelope["type"] != event_type:
            return "the type in the envelope is not the subject's"
        if not isinstance(envelope["subject"], str) or not isinstance(envelope["data"], dict):
            return "not an event: subject or data has the wrong type"
        time_of = datetime.fromisoformat(envelope["time"])
        if time_of.tzinfo is None:
            return "not an event: its time has no zone"
        return Event(
            uuid_of(envelope["id"]),
            event_type,
            envelope["subject"],
            time_of,
            envelope["data"],
            partition,
            message.seq,
            header(message.headers, b"Attune-Correlation-Id"),
            header(message.headers, b"traceparent"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        return f"not an event: {type(error).__name__}"
