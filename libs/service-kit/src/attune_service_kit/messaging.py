"""The broker: one connection a user, publishing with a window in flight, the streams and how they are made."""

import asyncio
import contextlib
import itertools
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import nats.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.js.client import JetStreamContext

from attune_service_kit.failpoints import failpoint
from attune_service_kit.nats_client import NatsClient, Sink, frame
from attune_service_kit.nats_rights import inbox_prefix
from attune_service_kit.streams import STREAMS, provision, stream_of

__all__ = ["STREAMS", "Broker", "Message", "PublishFailed", "Stored", "StreamState", "provision", "stream_of"]

log = structlog.get_logger(__name__)

StreamName = Literal["EVT", "LEDGER"]

# An acknowledgement that does not come within this time counts as a failure; the retry carries the same Nats-Msg-Id.
ACK_SECONDS = 2.0
# Messages without acknowledgement at one time: enough to keep the server's disk busy, little enough to resend.
WINDOW = 1024
# From this many messages on, one atomic batch. The server makes files for each and syncs its disk some five times,
# however many messages it has; each message for itself is a sync. More than 1,000 it refuses.
ATOMIC_FROM = 16
ATOMIC_MOST = 1_000
_ATOMIC_SECONDS = 10.0
_RECONNECT_SECONDS = 1


class PublishFailed(Exception):
    """The broker has not confirmed a message: it may be stored or not, so it is sent again with the same id."""


class BrokerDown(PublishFailed):
    """There is no connection right now; the client keeps trying for ever."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a stream. `id` is its Nats-Msg-Id: the broker refuses it twice within ten minutes (P-07)."""

    subject: str
    payload: bytes
    id: str
    stream: str
    traceparent: str | None = None
    correlation_id: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the NATS headers."""
        headers = {"Nats-Msg-Id": self.id, "Nats-Expected-Stream": self.stream}
        if self.traceparent:
            headers["traceparent"] = self.traceparent
        if self.correlation_id:
            headers["Attune-Correlation-Id"] = self.correlation_id
        return headers


@dataclass(frozen=True, slots=True)
class Stored:
    """The broker's acknowledgement: the message lies in the stream under this number."""

    seq: int
    duplicate: bool = False


Outcome = Stored | PublishFailed
Answer = Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream holds. `created` tells a stream from its successor after a loss."""

    created: str
    first_seq: int
    last_seq: int
    messages: int

    @property
    def missing(self) -> int:
        """Messages between the first and the last that are not there: limits delete from the front only."""
        return self.last_seq - self.first_seq + 1 - self.messages if self.messages else 0


class _Window:
    """The messages of one call that wait for their acknowledgement."""

    def __init__(self, size: int) -> None:
        self.outcomes: list[Outcome | None] = [None] * size
        self.left = 0
        self.heard = time.monotonic()
        self.moved = asyncio.Event()

    def settle(self, index: int, outcome: Outcome) -> None:
        self.outcomes[index] = outcome
        self.left -= 1
        self.heard = time.monotonic()
        self.moved.set()


class Broker:
    """One user's connection. `start` returns at once; without a broker everything fails fast with BrokerDown."""

    def __init__(self, url: str, *, user: str | None, seed: str | None, name: str) -> None:
        self.user = user
        self.errors: Counter[str] = Counter()  # refused rights and full disks look like timeouts: count what is said
        self.generation = 0  # grows with every (re)connection: a pull request does not survive one
        self._url = url
        self._seed = seed
        self._name = name
        self._client = NatsClient()
        self._keeper: asyncio.Task[None] | None = None
        self._waiting: dict[str, tuple[_Window, int]] = {}
        self._acks = ""
        self._next = 0
        self._answers: dict[str, Answer] = {}

    @property
    def inbox(self) -> str:
        """The prefix of our reply subjects: nobody else has the right to listen there."""
        return inbox_prefix(self.user) if self.user else "_INBOX"

    @property
    def connected(self) -> bool:
        """Whether there is a connection right now."""
        return bool(self._acks) and self._client.is_connected

    @property
    def js(self) -> JetStreamContext:
        """nats-py's JetStream context, for what is not on a hot path."""
        return self._client.jetstream(timeout=ACK_SECONDS)

    async def start(self) -> None:
        """Begin to connect; a broker that is down is tried again for ever."""
        self._keeper = asyncio.create_task(self._keep_connected(), name=f"broker {self._name}")

    async def ready(self, timeout: float = 30.0) -> None:
        """Return when connected; raise BrokerDown after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.connected:
            if time.monotonic() > deadline:
                raise BrokerDown(f"no connection within {timeout} s")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Close the connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._acks = ""
        with contextlib.suppress(Exception):
            await self._client.close()

    async def _keep_connected(self) -> None:
        """nats-py reconnects by itself, but some errors of the server close it for good: then begin anew."""
        while True:
            closed = asyncio.Event()
            try:
                await self._connect(closed)
                await closed.wait()
            except (OSError, nats.errors.Error, TimeoutError) as error:
                await self._on_error(error)
            self._acks = ""
            with contextlib.suppress(Exception):
                await self._client.close()
            await asyncio.sleep(0.5)

    async def _connect(self, closed: asyncio.Event) -> None:
        async def on_closed() -> None:
            closed.set()

        self._client = client = NatsClient()
        await client.connect(
            self._url,
            name=self._name,
            nkeys_seed_str=self._seed,
            inbox_prefix=self.inbox,
            tls=ssl.create_default_context() if self._url.startswith("tls://") else None,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_SECONDS,
            connect_timeout=2,
            # Nothing is kept for later while there is no connection: the outbox is what keeps.
            pending_size=-1,
            error_cb=self._on_error,
            reconnected_cb=self._on_connected,
            closed_cb=on_closed,
        )
        acks = client.new_inbox()
        await client.subscribe(f"{acks}.*", cb=self._on_ack, pending_msgs_limit=-1, pending_bytes_limit=-1)
        for subject, answer in self._answers.items():
            await client.subscribe(subject, queue=self.user or "", cb=_replying(answer))
        self._acks = acks
        await self._on_connected()

    async def _on_connected(self) -> None:
        self.generation += 1
        log.info("broker_connected", count=self.generation)

    async def _on_error(self, error: Exception) -> None:
        kind = "permission" if "permissions violation" in str(error).lower() else type(error).__name__
        self.errors[kind] += 1
        if self.errors[kind] in (1, 10, 100) or self.errors[kind] % 1000 == 0:
            log.warning("broker_error", error=f"{kind}: {error}"[:300], count=self.errors[kind])

    # --- publishing --------------------------------------------------------------------------------------------------

    async def publish(self, message: Message) -> Stored:
        """Publish one message and return when it is stored; raise PublishFailed if that is not sure."""
        outcome = (await self.publish_window([message]))[0]
        if isinstance(outcome, PublishFailed):
            raise outcome
        return outcome

    async def publish_window(self, messages: Sequence[Message], timeout: float = ACK_SECONDS) -> list[Outcome]:
        """Publish many messages and return each one's outcome in the same order.

        Many go as atomic batches; what such a batch refuses goes one by one with up to WINDOW in flight, so that one
        message that cannot be stored stops no other. `timeout` is the longest silence of the broker, in seconds.
        """
        outcomes: list[Outcome] = []
        for _, run in itertools.groupby(messages, key=lambda message: message.stream):
            waiting = list(run)
            for start in range(0, len(waiting), ATOMIC_MOST):
                part = waiting[start : start + ATOMIC_MOST]
                outcomes += await self.publish_atomically(part) or await self.publish_singly(part, timeout)
        return outcomes

    async def publish_atomically(self, messages: Sequence[Message]) -> Sequence[Outcome] | None:
        """Publish messages of one stream all or none, in order, synced once; None if that did not work or is not sure.

        A batch of fewer than ATOMIC_FROM is not worth its price: None. One that holds a message already stored is
        refused as a whole: publish it singly.
        """
        if not ATOMIC_FROM <= len(messages) <= ATOMIC_MOST or not self.connected:
            return None
        window = _Window(1)
        window.left = 1
        token = self._expect(window, 0)
        try:
            await self._client.send_frames(_batch(messages, f"{self._acks}.{token}"))
            failpoint("relay.after_publish")
            await self._heard(window, 0, _ATOMIC_SECONDS)
        except (OSError, nats.errors.Error, TimeoutError) as error:
            await self._on_error(error)
        finally:
            self._waiting.pop(token, None)
        last = window.outcomes[0]
        if not isinstance(last, Stored):
            log.info("batch_not_atomic", count=len(messages), reason=str(last))
            return None
        return [Stored(last.seq - len(messages) + number) for number in range(1, len(messages) + 1)]

    def _expect(self, window: _Window, index: int) -> str:
        token = str(self._next)
        self._next += 1
        self._waiting[token] = (window, index)
        return token

    async def publish_singly(self, messages: Sequence[Message], timeout: float = ACK_SECONDS) -> list[Outcome]:
        """Publish messages each for itself, up to WINDOW in flight, and return each one's outcome in the same order."""
        if not self.connected:
            return [BrokerDown("no connection")] * len(messages)
        window = _Window(len(messages))
        tokens: list[str] = []
        try:
            for index, message in enumerate(messages):
                if window.left >= WINDOW:
                    await self._heard(window, WINDOW // 2, timeout)
                token = self._expect(window, index)
                tokens.append(token)
                window.left += 1
                await self._client.publish(message.subject, message.payload, f"{self._acks}.{token}", message.headers())
            failpoint("relay.after_publish")
            await self._heard(window, 0, timeout)
        except (OSError, nats.errors.Error, TimeoutError) as error:
            await self._on_error(error)
        finally:
            for token in tokens:
                self._waiting.pop(token, None)
        return [outcome or PublishFailed("no acknowledgement") for outcome in window.outcomes]

    async def _heard(self, window: _Window, left: int, timeout: float) -> None:
        """Wait until at most `left` messages lack their acknowledgement; TimeoutError after `timeout` s of silence."""
        while window.left > left:
            window.moved.clear()
            silence = time.monotonic() - window.heard
            async with asyncio.timeout(max(timeout - silence, 0.01)):
                await window.moved.wait()

    async def _on_ack(self, message: Msg) -> None:
        token = message.subject.rpartition(".")[2]
        window, index = self._waiting.pop(token, (None, 0))
        if window is None:
            return
        if not message.data:  # 503: nobody listens on this subject, so there is no such stream
            window.settle(index, PublishFailed("no stream takes this subject"))
            return
        answer = orjson.loads(message.data)
        if error := answer.get("error"):
            window.settle(index, PublishFailed(f"{error.get('err_code')} {error.get('description')}"))
        else:
            window.settle(index, Stored(answer["seq"], answer.get("duplicate", False)))

    # --- questions ---------------------------------------------------------------------------------------------------

    async def request(self, subject: str, payload: bytes = b"", timeout: float = ACK_SECONDS) -> bytes:
        """Ask and return the answer; raise BrokerDown without a connection, PublishFailed without an answer in time."""
        if not self.connected:
            raise BrokerDown("no connection")
        try:
            return (await self._client.request(subject, payload, timeout=timeout)).data
        except (OSError, nats.errors.Error, TimeoutError) as error:
            raise PublishFailed(f"no answer on {subject}: {type(error).__name__}") from error

    async def api(self, call: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call `$JS.API.<call>` and return its answer; raise PublishFailed with the server's words if it refuses."""
        raw = await self.request(f"$JS.API.{call}", orjson.dumps(body) if body is not None else b"")
        answer: dict[str, Any] = orjson.loads(raw)
        if error := answer.get("error"):
            raise PublishFailed(f"{call}: {error.get('err_code')} {error.get('description')}")
        return answer

    async def stream_state(self, stream: str) -> StreamState:
        """Return what a stream holds."""
        answer = await self.api(f"STREAM.INFO.{stream}")
        state = answer["state"]
        return StreamState(answer["created"], state["first_seq"], state["last_seq"], state["messages"])

    async def answer(self, subject: str, how: Answer) -> None:
        """Answer NATS requests on a subject; several processes of a service share them. Outlives reconnections."""
        self._answers[subject] = how
        if self.connected:
            await self._client.subscribe(subject, queue=self.user or "", cb=_replying(how))

    async def listen(self, sink: Sink) -> tuple[str, NatsSubscription]:
        """Open an inbox of our own and return its subject; the caller unsubscribes."""
        if not self.connected:
            raise BrokerDown("no connection")
        inbox = self._client.new_inbox()
        return inbox, await self._client.listen(inbox, sink)

    async def send(self, subject: str, payload: bytes, reply: str) -> None:
        """Send a plain message whose answers go to an inbox opened by `listen`."""
        try:
            await self._client.publish(subject, payload, reply)
        except (OSError, nats.errors.Error) as error:
            raise BrokerDown(type(error).__name__) from error


def _batch(messages: Sequence[Message], reply: str) -> list[bytes]:
    """The frames of one atomic batch; the last one commits it."""
    batch = secrets.token_hex(8)
    frames = []
    for number, message in enumerate(messages, 1):
        headers = message.headers()
        headers["Nats-Batch-Id"], headers["Nats-Batch-Sequence"] = batch, str(number)
        if number == len(messages):
            headers["Nats-Batch-Commit"] = "1"
        frames.append(frame(message.subject, message.payload, headers, reply if number == len(messages) else ""))
    return frames


def _replying(how: Answer) -> Callable[[Msg], Awaitable[None]]:
    async def reply(message: Msg) -> None:
        try:
            await message.respond(await how(message.data))
        except Exception:
            log.exception("answer_failed")

    return reply
