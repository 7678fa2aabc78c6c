"""B3's publisher: at full speed or at a fixed rate, until everything is applied; latencies from the intended moment."""

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import orjson
from benchmarks.machine import summary

from attune_contracts.envelope import envelope, nats_subject_of
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.messaging import ATOMIC_MOST, Broker, Message, Stored

# At a fixed rate messages leave in portions, so many milliseconds apart at least.
PORTION_MS = 20
PORTION = 12_000
LANES = 3
_REACHED = """
SELECT coalesce(bool_and(coalesce(p.last_seq, 0) >= g.seq), true)
FROM unnest($1::text[], $2::bigint[]) AS g(consumer, seq) LEFT JOIN position p USING (consumer)"""
# When a detection was committed: known to the server without anybody looking while it works.
_FOUND = """
SELECT event_key, extract(epoch FROM min(pg_xact_commit_timestamp(xmin)))::float8 AS at FROM detection
WHERE trigger = any($1::text[]) AND event_key = any($2::text[]) AND NOT late GROUP BY event_key"""

# Of every event: when its transaction began and when that was committed; when what was said of it was published.
_APPLIED = """
SELECT posting_id, extract(epoch FROM received_at)::float8 AS begun,
       extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS committed
FROM posting WHERE posting_id = any($1::text[])"""
_SAID = """
SELECT convert_from(payload, 'UTF8')::json -> 'data' ->> 'event_key' AS key,
       extract(epoch FROM published_at)::float8 AS said
FROM outbox WHERE type = 'eventing.detection.raised.v1' AND published_at IS NOT NULL"""

Goal = dict[str, int]
"""The last message of each partition, by consumer."""


def message_of(posting: TransactionPosted) -> Message:
    """A posting on its way."""
    at = datetime.fromisoformat(f"{posting.business_date}T04:00:00+00:00")
    event = envelope(posting, time=at)
    return Message(nats_subject_of(event), orjson.dumps(event.model_dump(mode="json")), str(event.id), "LEDGER")


async def publish(broker: Broker, messages: Iterable[Message]) -> Goal:
    """Publish as fast as it goes; return how far the consumers have to come.

    Many go in lanes of whole partitions, so that a customer's events stay in order: the broker has work while a lane's
    next batch is made.
    """
    goal: Goal = {}
    left = iter(messages)
    while portion := list(islice(left, PORTION)):
        number = LANES if len(portion) > LANES * ATOMIC_MOST else 1
        lanes = [
            [message for message in portion if int(message.subject[-1]) % number == lane] for lane in range(number)
        ]
        stored = await asyncio.gather(*map(broker.publish_window, lanes))
        for message, outcome in zip(chain(*lanes), chain(*stored), strict=True):
            assert isinstance(outcome, Stored), outcome
            goal[f"LEDGER.p{message.subject[-1]}"] = outcome.seq
    return goal


async def reached(conn: asyncpg.Connection, goal: Goal) -> None:
    """Wait until every partition has applied its last message."""
    while True:
        if await conn.fetchval(_REACHED, list(goal), list(goal.values())):
            return
        await asyncio.sleep(0.02)


async def _send(broker: Broker, messages: Sequence[Message], rate: int, start: float) -> tuple[Goal, dict[str, float]]:
    """Publish as they are due, as a relay does; return how far that is, and when each was stored.

    What has become due while a portion was being stored is the next one.
    """
    goal: Goal = {}
    stored: dict[str, float] = {}
    began, sent = start, 0
    while sent < len(messages):
        await asyncio.sleep(max(began + PORTION_MS / 1000 - time.time(), 0.001))
        began = time.time()
        portion = messages[sent : int((began - start) * rate)]
        if portion:
            done = await publish(broker, portion)
            goal |= {consumer: max(seq, goal.get(consumer, 0)) for consumer, seq in done.items()}
            stored |= dict.fromkeys((message.id for message in portion), time.time())
            sent += len(portion)
    return goal, stored


async def open_loop(
    conn: asyncpg.Connection, broker: Broker, messages: Sequence[Message], rate: int, triggers: Iterable[str]
) -> dict[str, Any]:
    """Send at a fixed rate whatever happens; from each event's intended moment to the commit of its detection.

    `stages` has for all events how long after that moment they were stored by the broker, their transaction began and
    was committed, and what they brought about was published.
    """
    keys = {message.id: str(orjson.loads(message.payload)["data"]["posting_id"]) for message in messages}
    start = time.time() + 0.1
    intended = {key: start + number / rate for number, key in enumerate(keys.values())}
    goal, stored = await _send(broker, messages, rate, start)
    sent = time.time() - start
    await reached(conn, goal)
    found = {row["event_key"]: row["at"] for row in await conn.fetch(_FOUND, list(triggers), list(intended))}
    applied = await conn.fetch(_APPLIED, list(intended))
    said = {row["key"]: row["said"] for row in await conn.fetch(_SAID)}
    return _latencies(found, intended) | {
        "stages": {
            "stored": _latencies({keys[event]: at for event, at in stored.items()}, intended),
            "begun": _latencies({row["posting_id"]: row["begun"] for row in applied}, intended),
            "committed": _latencies({row["posting_id"]: row["committed"] for row in applied}, intended),
            "said": _latencies({key: at for key, at in said.items() if key in found}, intended),
        },
        "detections": len(found),
        "sent_a_second": round(len(messages) / sent),
    }


def _latencies(at: Mapping[str, float], intended: Mapping[str, float]) -> dict[str, Any]:
    """Nothing where nothing was found: few of a million customers have a past in so short a time."""
    return summary([moment - intended[key] for key, moment in at.items()]) if at else {}


class Cpu(NamedTuple):
    """Seconds of CPU that processes have used: they themselves, and with all that they have begotten."""

    own: float
    all: float


def cpu_of(pids: Iterable[int]) -> Cpu:
    """What processes have used until now."""
    children: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    own: dict[int, float] = {}
    tick = os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split() if folder.name.isdigit() else []
        except OSError:  # it has ended
            continue
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            # User and system time, then that of children that have ended.
            own[int(folder.name)] = sum(map(int, fields[11:13])) / tick
            spent[int(folder.name)] = sum(map(int, fields[11:15])) / tick
    todo = list(pids)
    mine, total = sum(own.get(pid, 0.0) for pid in todo), 0.0
    while todo:
        pid = todo.pop()
        total += spent.get(pid, 0.0)
        todo += children.get(pid, [])
    return Cpu(mine, total)
