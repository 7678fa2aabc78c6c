"""The two streams (X4): EVT for what the services say, LEDGER for the bank's postings, readable by eventing only."""

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError

import attune_contracts
from attune_contracts.envelope import Data

_DAY = 86_400.0
_GIGABYTE = 1 << 30
# JetStream has not that much room left: the server's own limit or the volume's.
_NO_ROOM = {10023, 10028, 10047}

# Producer and noun of what travels on LEDGER.
_LEDGER = ("ledger.", "eventing.behaviour.")


@dataclass(frozen=True)
class Stream:
    """What a stream keeps, and for how long. `subjects` is empty where they follow from the event classes."""

    name: str
    max_age: float  # seconds
    max_bytes: int
    subjects: tuple[str, ...] = ()


STREAMS = {
    "EVT": Stream("EVT", 7 * _DAY, 3 * _GIGABYTE),
    "LEDGER": Stream("LEDGER", 3 * _DAY, 4 * _GIGABYTE, ("evt.ledger.>", "evt.eventing.behaviour.>")),
}


def stream_of(event_type: str) -> str:
    """Return the stream in which an event type travels."""
    return "LEDGER" if event_type.startswith(_LEDGER) else "EVT"


def event_classes() -> Iterator[type[Data]]:
    """Yield every event class of the contracts, and of whoever else has declared one in this process."""
    for module in pkgutil.iter_modules(attune_contracts.__path__):
        if not module.name.startswith("_") and module.name != "schemas":
            import_module(f"attune_contracts.{module.name}")
    waiting = [Data]
    while waiting:
        for found in waiting.pop().__subclasses__():
            waiting.append(found)
            if "TYPE" in vars(found):
                yield found


def subjects(stream: str) -> list[str]:
    """Return a stream's subjects: `evt.<producer>.<noun>.>`, listed since JetStream refuses overlaps."""
    if fixed := STREAMS[stream].subjects:
        return list(fixed)
    nouns = {tuple(event.TYPE.split(".")[:2]) for event in event_classes() if stream_of(event.TYPE) == stream}
    return [f"evt.{producer}.{noun}.>" for producer, noun in sorted(nouns)]


async def provision(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the streams, or bring their subjects and limits up to date; as the NATS user `provision`.

    On a small volume a stream gets half, a quarter … of its `max_bytes`. Raises what JetStream refuses otherwise.
    """
    for stream in STREAMS.values():
        room = stream.max_bytes
        while True:
            try:
                await _make(js, stream, room, replicas)
                break
            except APIError as error:
                if error.err_code not in _NO_ROOM or room < 1 << 24:
                    raise
                room //= 2


async def _make(js: JetStreamContext, stream: Stream, max_bytes: int, replicas: int) -> None:
    config = StreamConfig(
        name=stream.name,
        subjects=subjects(stream.name),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=stream.max_age,
        max_bytes=max_bytes,
        max_msg_size=131_072,
        duplicate_window=600,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
        allow_atomic=True,
    )
    try:
        await js.stream_info(stream.name)
    except NotFoundError:
        await js.add_stream(config)
    else:
        await js.update_stream(config)
