"""B3's publisher: at full speed or at a fixed rate, until everything is applied; latencies from the intended moment."""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from benchmarks.machine import summary

from attune_contracts.envelope import envelope, nats_subject_of
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.messaging import Broker, Message, Stored

# At a fixed rate messages leave in portions of so many milliseconds, as a relay sends them.
PORTION_MS = 20
PORTION = 5_000
_REACHED = """
SELECT coalesce(bool_and(coalesce(p.last_seq, 0) >= g.seq), true)
FROM unnest($1::text[], $2::bigint[]) AS g(consumer, seq) LEFT JOIN position p USING (consumer)"""
# When a detection was committed: known to the server without anybody looking while it works.
_FOUND = """
SELECT event_key, extract(epoch FROM min(pg_xact_commit_timestamp(xmin)))::float8 AS at FROM detection
WHERE trigger = any($1::text[]) AND event_key = any($2::text[]) AND NOT late GROUP BY event_key"""

Goal = dict[str, int]
"""The last message of each partition, by consumer."""


def message_of(posting: TransactionPosted) -> Message:
    """A posting on its way."""
    at = datetime.fromisoformat(f"{posting.business_date}T04:00:00+00:00")
    event = envelope(posting, time=at)
    return Message(nats_subject_of(event), orjson.dumps(event.model_dump(mode="json")), str(event.id), "LEDGER")


async def publish(broker: Broker, messages: Iterable[Message]) -> Goal:
    """Publish as fast as it goes; return how far the consumers have to come."""
    goal: Goal = {}
    left = iter(messages)
    while portion := list(islice(left, PORTION)):
        for message, outcome in zip(portion, await broker.publish_window(portion), strict=True):
            assert isinstance(outcome, Stored), outcome
            goal[f"LEDGER.p{message.subject.rpartition('.')[2].removeprefix('p')}"] = outcome.seq
    return goal


async def reached(conn: asyncpg.Connection, goal: Goal) -> None:
    """Wait until every partition has applied its last message."""
    while True:
        if await conn.fetchval(_REACHED, list(goal), list(goal.values())):
            return
        await asyncio.sleep(0.02)


async def _stored(broker: Broker, portion: Sequence[Message], due: float) -> tuple[Goal, float]:
    """Publish a portion; also the seconds from when it was due until it was stored."""
    goal = await publish(broker, portion)
    return goal, time.time() - due


async def open_loop(
    conn: asyncpg.Connection, broker: Broker, messages: Sequence[Message], rate: int, triggers: Iterable[str]
) -> dict[str, Any]:
    """Send at a fixed rate whatever happens; from each event's intended moment to the commit of its detection."""
    size = max(rate * PORTION_MS // 1000, 1)
    start = time.time() + 0.1
    intended: dict[str, float] = {}
    tasks = []
    for first in range(0, len(messages), size):
        portion = messages[first : first + size]
        for number, message in enumerate(portion, first):
            intended[str(orjson.loads(message.payload)["data"]["posting_id"])] = start + number / rate
        # The last of a portion is due now, the first has been for some milliseconds.
        if (wait := start + (first + len(portion)) / rate - time.time()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(_stored(broker, portion, start + (first + len(portion)) / rate)))
    goal: Goal = {}
    stored = await asyncio.gather(*tasks)
    for done, _ in stored:
        goal |= {consumer: max(seq, goal.get(consumer, 0)) for consumer, seq in done.items()}
    sent = time.time() - start
    await reached(conn, goal)
    rows = await conn.fetch(_FOUND, list(triggers), list(intended))
    latencies = [row["at"] - intended[row["event_key"]] for row in rows]
    of_the_broker = summary([seconds for _, seconds in stored])
    return summary(latencies) | {
        "stored": of_the_broker,
        "detections": len(latencies),
        "sent_a_second": round(len(messages) / sent),
    }


def cpu_of(pids: Iterable[int]) -> float:
    """Seconds of CPU that processes and all that they have begotten have used."""
    children: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split() if folder.name.isdigit() else []
        except OSError:  # it has ended
            continue
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            # User and system time, also of children that have ended.
            spent[int(folder.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    total, todo = 0.0, list(pids)
    while todo:
        pid = todo.pop()
        total += spent.get(pid, 0.0)
        todo += children.get(pid, [])
    return total
