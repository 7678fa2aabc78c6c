"""Reading one partition of a stream in order: a pull consumer without acknowledgements, checked for every gap (X5)."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
import structlog
from nats.aio.subscription import Subscription as NatsSubscription

from attune_service_kit.messaging import Broker, PublishFailed
from attune_service_kit.nats_client import header, status

log = structlog.get_logger(__name__)

_SECOND = 1_000_000_000  # JetStream counts in nanoseconds
_PULL_SECONDS = 30
_HEARTBEAT_SECONDS = 5
# Two heartbeats missed: the server has forgotten our request, or us.
_SILENCE_SECONDS = 2 * _HEARTBEAT_SECONDS + 2
_INACTIVE_SECONDS = 60


class ReaderBroken(Exception):
    """Something may be missing between the stream and us: open the reader anew from the position."""


class Delivered(NamedTuple):
    """One message as it came: `seq` is its number in the stream, `delivery` the number of this delivery, gapless."""

    seq: int
    delivery: int
    subject: str
    payload: bytes
    headers: bytes = b""


class Reader:
    """The messages of some subjects from a given number on. Nothing is acknowledged: the position says what is done."""

    def __init__(self, broker: Broker, stream: str, name: str, subjects: Sequence[str], *, batch: int) -> None:
        self.broker = broker
        self._stream = stream
        self._name = name
        self._subjects = list(subjects)
        self._batch = batch
        self._buffer: list[Delivered] = []
        self._arrived = asyncio.Event()
        self._credit = 0
        self._expected = 1
        self._sent = 0
        self._broken = ""
        self._heard = 0.0
        self._generation = 0
        self._inbox = ""
        self._subscription: NatsSubscription | None = None

    @property
    def delivered(self) -> int:
        """The number of the last delivery."""
        return self._expected - 1

    async def open(self, first_seq: int) -> None:
        """Make the consumer from `first_seq` on; one of this name left by another worker is replaced."""
        self._generation = self.broker.generation
        consumer = f"{self._stream}.{self._name}"
        with contextlib.suppress(PublishFailed):
            await self.broker.api(f"CONSUMER.DELETE.{consumer}")
        config: dict[str, Any] = {
            "name": self._name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": first_seq,
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subjects": self._subjects,
            "inactive_threshold": _INACTIVE_SECONDS * _SECOND,
            "mem_storage": True,
            "num_replicas": 1,
        }
        await self.broker.api(f"CONSUMER.CREATE.{consumer}", {"stream_name": self._stream, "config": config})
        self._inbox, self._subscription = await self.broker.listen(self._on_message)
        self._heard = time.monotonic()
        await self._top_up()

    async def close(self) -> None:
        """Stop reading; the consumer is deleted, or the server forgets it by itself."""
        if self._subscription is not None:
            with contextlib.suppress(Exception):
                await self._subscription.unsubscribe()
        self._broken = "closed"
        if self.broker.connected:
            with contextlib.suppress(PublishFailed):
                await self.broker.api(f"CONSUMER.DELETE.{self._stream}.{self._name}")

    async def next(self, limit: int, timeout: float) -> list[Delivered]:
        """Return what has come, at most `limit`; [] after `timeout` seconds of nothing. Raises ReaderBroken."""
        if not self._buffer:
            self._check()
            await self._top_up()
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
            if not self._buffer:
                self._check()
                return []
        taken = self.more(limit)
        if not self._broken:
            await self._top_up()
        return taken

    def more(self, limit: int) -> list[Delivered]:
        """Return at once what has come meanwhile, at most `limit`."""
        taken = self._buffer[:limit]
        del self._buffer[:limit]
        return taken

    async def unapplied(self, applied: int) -> int:
        """Return how many messages are not applied yet, given the number of the last applied delivery."""
        answer = await self.broker.api(f"CONSUMER.INFO.{self._stream}.{self._name}")
        sent = int(answer["delivered"]["consumer_seq"])
        return int(answer["num_pending"]) + max(sent - applied, 0)

    async def verify(self) -> None:
        """Raise ReaderBroken if what the server had sent at the last call has not come since: for quiet times."""
        if self.delivered < self._sent:
            raise ReaderBroken(f"{self._sent} sent, {self.delivered} received")
        answer = await self.broker.api(f"CONSUMER.INFO.{self._stream}.{self._name}")
        self._sent = int(answer["delivered"]["consumer_seq"])

    def _check(self) -> None:
        if not self._broken and self._generation != self.broker.generation:
            self._broken = "reconnected"
        if not self._broken and time.monotonic() - self._heard > _SILENCE_SECONDS:
            self._broken = "silence"
        if self._broken:
            raise ReaderBroken(self._broken)

    async def _top_up(self) -> None:
        """Keep up to two batches on their way: while one is applied the next one comes."""
        wanted = 2 * self._batch - self._credit - len(self._buffer)
        if wanted < self._batch:
            return
        request = {
            "batch": wanted,
            "expires": _PULL_SECONDS * _SECOND,
            "idle_heartbeat": _HEARTBEAT_SECONDS * _SECOND,
        }
        self._credit += wanted
        await self.broker.send(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}", orjson.dumps(request), self._inbox
        )

    def _on_message(self, subject: str, reply: str, payload: bytes, headers: bytes) -> None:
        self._heard = time.monotonic()
        if self._broken:
            return
        if not reply.startswith("$JS.ACK."):
            self._on_status(headers)
            return
        self._credit -= 1
        # $JS.ACK.[domain.account.]stream.consumer.delivered.seq.delivery.time.pending[.token]
        tokens = reply.split(".")
        at = 7 if len(tokens) >= 11 else 5
        seq, delivery = int(tokens[at]), int(tokens[at + 1])
        if delivery != self._expected:
            self._broken = f"delivery {delivery} instead of {self._expected}"
        else:
            self._expected += 1
            self._buffer.append(Delivered(seq, delivery, subject, payload, headers))
        self._arrived.set()

    def _on_status(self, headers: bytes) -> None:
        code, description = status(headers)
        if code == "100":  # a heartbeat
            return
        if code in ("404", "408"):  # the request has run out
            self._credit -= int(header(headers, b"Nats-Pending-Messages") or self._credit)
            self._arrived.set()
            return
        self._broken = f"{code or 'unknown'} {description}"
        self._arrived.set()
