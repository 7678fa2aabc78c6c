"""B1 --mixed: next best actions at 200/s beside 300 ledger events/s, in one whole home on one machine."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from benchmarks import b3
from benchmarks.limit_b3 import Threshold
from benchmarks.load import Plan, Running
from benchmarks.machine import summary

from attune.home import Home
from attune.processes import database_url
from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.messaging import Message

RATE = 200
_CUSTOMERS = "SELECT customer_id FROM proj_party ORDER BY md5(customer_id::text) LIMIT 3000"


def measure_mixed(folder: Path | None, *, full: bool, tiny: bool) -> dict[str, Any]:
    """Ask for next best actions while the ledger's events become opportunities; the figures of both."""
    size = b3.FULL if full else b3.TINY if tiny else b3.QUICK
    with b3.prepared(folder, size) as (home, last):
        platform = b3.Attune(home)
        day = last + timedelta(days=1)
        known = b3.thresholds(home, day)
        messages = b3.postings(known, day, b3.RATE * size.seconds, 1)
        headers = {"Authorization": f"Bearer {DevelopmentIssuer(home.keys).issue('call_centre')[0]}"}
        plan = Plan(
            port=platform.ports.services["campaign"],
            paths=asyncio.run(_paths(home, platform)),
            headers=headers,
            connections=32,
            seconds=float(size.seconds),
            rate=float(RATE),
        )
        running = Running(plan)
        latency = asyncio.run(platform.latency(messages, day))
        happened = running.result()
    expected = _large(messages, known)
    assert set(latency) <= expected, "an opportunity without a large deposit"
    return {
        "rate": RATE,
        "events_per_second": b3.RATE,
        "seconds": size.seconds,
        "next_best_actions": summary(happened.latencies) | {"answered": happened.count, "refused": happened.refused},
        "opportunities": summary(list(latency.values())) | {"count": len(latency)},
        "lost": len(expected - set(latency)),
    }


def _large(messages: list[Message], known: list[Threshold]) -> set[str]:
    """The postings above their customer's threshold: today's own do not count for it."""
    of = {threshold.customer_id: threshold for threshold in known}
    found = set()
    for message in messages:
        data = orjson.loads(message.payload)["data"]
        threshold = of[data["customer_id"]]
        if data["amount_minor"] * threshold.days > threshold.integral:
            found.add(data["posting_id"])
    return found


async def _paths(home: Home, platform: b3.Attune) -> list[str]:
    connection = await asyncpg.connect(database_url(home, platform.ports, "campaign", "worker"))
    rows = await connection.fetch(_CUSTOMERS)
    await connection.close()
    return [f"/v1/customers/{row[0]}/next-best-actions?channel=counter" for row in rows]
