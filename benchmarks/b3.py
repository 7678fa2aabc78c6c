"""B3: a ledger event becomes a visible opportunity.

A generated bank is imported, the keyed state rebuilt up to its last day, and the postings of the day after sent as the
user `ledger`: open loop at a fixed rate (latency from the intended moment of publishing until the opportunity can be
read in campaign's database), then as fast as they go (events a second until every service has followed). The limit
consumes the same events by nats-py's fetch(500) against a dict of the same thresholds and stores nothing. The
detections of both must be the same set before any figure is printed.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog
from benchmarks.limit_b3 import Limit, Threshold
from benchmarks.machine import machine, summary

from attune.bank.generate import generate
from attune.bank_import import run_import
from attune.client import Client
from attune.commands.triggers import set_trigger
from attune.home import Home
from attune.processes import SERVICES, Ports, database_url
from attune.session import supervised
from attune_contracts.envelope import envelope, nats_subject_of
from attune_contracts.identifiers import posting_event_id
from attune_contracts.ledger import Direction, TransactionPosted
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.lake import Lake
from attune_service_kit.lake_sql import connect, register
from attune_service_kit.messaging import Broker, Message
from attune_service_kit.nkeys import new_seed

ROOT = Path(__file__).parents[1]
RATE = 300
LARGE_SHARE = 0.03
TRIGGER = "large-deposit"
# The closing-balance integral of the six months before a day, and whether the history reaches that far (X37).
THRESHOLDS = """
WITH d AS (SELECT CAST(? AS DATE) AS day, CAST(CAST(? AS DATE) - INTERVAL 6 MONTH AS DATE) AS start),
deposit AS (SELECT * FROM accounts WHERE kind IN ('demand', 'time')),
moved AS (
    SELECT a.customer_id, min(t.business_date) AS first,
        sum(CASE t.direction WHEN 'credit' THEN t.amount_minor ELSE -t.amount_minor END
            * date_diff('day', greatest(t.business_date, d.start), d.day)) AS integral
    FROM transactions t JOIN deposit a USING (account_id), d WHERE t.business_date < d.day GROUP BY ALL),
opened AS (SELECT customer_id, sum(opening_balance_minor) AS opening FROM deposit GROUP BY ALL)
SELECT m.customer_id, min(a.account_id),
    CAST(any_value(m.integral + o.opening * date_diff('day', d.start, d.day)) AS BIGINT),
    any_value(date_diff('day', d.start, d.day))
FROM moved m JOIN opened o USING (customer_id) JOIN deposit a USING (customer_id), d
WHERE a.kind = 'demand' AND m.first <= d.start GROUP BY m.customer_id ORDER BY m.customer_id
"""


@dataclass(frozen=True)
class Size:
    """How much is sent."""

    customers: int
    seconds: int
    burst: int


QUICK, FULL, TINY = Size(3000, 60, 20_000), Size(20_000, 600, 200_000), Size(300, 3, 1500)


def thresholds(home: Home, day: date) -> list[Threshold]:
    """Return each customer's demand account, closing-balance integral and number of days before `day`."""
    lake = Lake(str(home.lake), home.scratch)
    con = connect(lake)
    register(con, lake, "accounts", "transactions")
    return [Threshold(*row) for row in con.execute(THRESHOLDS, [day, day]).fetchall()]


def postings(known: list[Threshold], day: date, count: int, seed: int) -> list[Message]:
    """Return `count` postings of a day: a few above the customer's threshold, the others far below it."""
    chance = random.Random(seed)
    messages = []
    for number in range(count):
        who = chance.choice(known)
        share = chance.uniform(1.2, 3) if chance.random() < LARGE_SHARE else chance.uniform(0.001, 0.5)
        amount = int(max(who.integral, 0) * share / who.days) + 1
        booked = datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(milliseconds=number)
        posting = TransactionPosted(
            customer_id=who.customer_id,
            posting_id=f"{day:%Y%m%d}-{number:07d}",
            account_id=who.account_id,
            business_date=day,
            booked_at=booked,
            direction=Direction.CREDIT,
            amount_minor=amount,
            currency="CNY",
            kind="transfer_in",
        )
        event = envelope(posting, time=booked, event_id=posting_event_id("b3", posting.posting_id))
        payload = orjson.dumps(event.model_dump(mode="json"))
        messages.append(Message(nats_subject_of(event), payload, str(event.id), "LEDGER"))
    return messages


async def send_open_loop(broker: Broker, messages: list[Message], rate: float) -> dict[str, float]:
    """Send at a fixed rate whatever happens; return each posting's intended moment (no coordinated omission)."""
    start = time.monotonic() + 0.1
    sent: dict[str, float] = {}
    tasks = []
    for number, message in enumerate(messages):
        due = start + number / rate
        sent[key_of(message)] = due
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(broker.publish(message)))
    await asyncio.gather(*tasks)
    return sent


def key_of(message: Message) -> str:
    """Return the posting's id."""
    return str(orjson.loads(message.payload)["data"]["posting_id"])


async def watch_opportunities(url: str, day: date, stop: asyncio.Event) -> dict[str, float]:
    """Return when each opportunity of a day could first be read, looking every 10 ms."""
    connection = await asyncpg.connect(url)
    seen: dict[str, float] = {}
    # Ids are ordered by time: the looking costs the same at the end as at the beginning. The last look takes all.
    query = "SELECT event_key FROM opportunity WHERE business_date = $1 AND ($2 OR id > $3)"
    while True:
        ended = stop.is_set()
        rows = await connection.fetch(query, day, ended, _id_of(time.time() - 30))
        moment = time.monotonic()
        for row in rows:
            seen.setdefault(row["event_key"], moment)
        if ended:
            await connection.close()
            return seen
        await asyncio.sleep(0.01)


def _id_of(moment: float) -> UUID:
    """The least id that is born at a moment (UUIDv7)."""
    return UUID(int=int(moment * 1000) << 80)


class Attune:
    """The platform under test: one running home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        ports = home.state()["ports"]
        services = {name: ports[name] for name in SERVICES}
        self.ports = Ports(ports["postgres"], ports["nats"], ports["gateway"], services)

    async def latency(self, messages: list[Message], day: date) -> dict[str, float]:
        """Return the seconds from each large deposit's intended moment until its opportunity could be read."""
        broker = await self._broker()
        stop = asyncio.Event()
        url = database_url(self.home, self.ports, "campaign", "worker")
        watcher = asyncio.create_task(watch_opportunities(url, day, stop))
        sent = await send_open_loop(broker, messages, RATE)
        await asyncio.to_thread(self._settle)
        stop.set()
        seen = await watcher
        await broker.stop()
        return {key: seen[key] - sent[key] for key in seen}

    async def throughput(self, messages: list[Message]) -> float:
        """Return events a second from the first publish until eventing has committed them all."""
        broker = await self._broker()
        start = time.monotonic()
        await broker.publish_window(messages)
        await asyncio.to_thread(self._settle)
        await broker.stop()
        return len(messages) / (time.monotonic() - start)

    async def found(self, day: date) -> set[str]:
        """Return the postings of a day that became opportunities."""
        connection = await asyncpg.connect(database_url(self.home, self.ports, "campaign", "worker"))
        rows = await connection.fetch("SELECT event_key FROM opportunity WHERE business_date = $1", day)
        await connection.close()
        return {row["event_key"] for row in rows}

    async def _broker(self) -> Broker:
        url = f"nats://127.0.0.1:{self.ports.nats}"
        broker = Broker(url, user="ledger", seed=self.home.nats_seed("ledger"), name="b3")
        await broker.start()
        await broker.ready()
        return broker

    def _settle(self) -> None:
        with Client(self.home) as client:
            client.settle("eventing", "scoring", "campaign")


async def measure(home: Home, size: Size, limit_server: EmbeddedNats, last: date) -> dict[str, Any]:
    """Send the same events to both, compare what they found, and return the figures."""
    platform = Attune(home)
    slow_day, fast_day = last + timedelta(days=1), last + timedelta(days=2)
    slow = postings(thresholds(home, slow_day), slow_day, RATE * size.seconds, 1)
    latency = await platform.latency(slow, slow_day)
    # The postings of the first day are part of the second day's history: both sides must know them.
    known = {t.customer_id: t for t in thresholds(home, fast_day)}
    for message in slow:
        data = orjson.loads(message.payload)["data"]
        if (before := known.get(data["customer_id"])) is not None:
            known[before.customer_id] = before.plus(data["amount_minor"])
    fast = postings(list(known.values()), fast_day, size.burst, 2)
    rate = await platform.throughput(fast)
    # The limit takes as long again: what was measured so far is not lost with it.
    so_far = summary(list(latency.values())) | {"events_per_second": round(rate)}
    sys.stderr.write(json.dumps({"attune": so_far}) + "\n")

    limit = Limit(limit_server)
    await limit.start()
    try:
        limit_latency = await limit.latency(slow, thresholds(home, slow_day), RATE)
        limit_rate, limit_found = await limit.throughput(fast, list(known.values()))
    finally:
        await limit.stop()
    lost = set(limit_latency) - set(latency)
    assert not lost, f"{len(lost)} large deposits are no opportunity"
    assert set(latency) == set(limit_latency), "Attune and the limit found different large deposits in the open loop"
    assert await platform.found(fast_day) == limit_found, (
        "Attune and the limit found different large deposits at full speed"
    )
    return {
        "events": len(slow),
        "rate": RATE,
        "opportunities": len(latency),
        "lost": len(lost),
        "attune": so_far,
        "limit": summary(list(limit_latency.values())) | {"events_per_second": round(limit_rate)},
        "share_of_limit": round(rate / limit_rate, 3),
    }


def limit_seed(user: str) -> str:
    """Return the key of a user of the limit's own server."""
    return new_seed(user.ljust(32).encode())


@contextmanager
def prepared(folder: Path | None, size: Size) -> Iterator[tuple[Home, date]]:
    """Run a home with a generated bank whose state stands at its last day."""
    with tempfile.TemporaryDirectory(prefix="attune-b3-") as scratch:
        place = Path(scratch)
        place.chmod(0o711)
        home = Home.at(folder or place / "home")
        bank = generate(place / "bank", size.customers, 1)
        with supervised(home, "events"):
            run_import(home, ROOT / "mappings" / "demo.yaml", place / "bank")
            with Client(home) as client:
                set_trigger(client, TRIGGER, cooldown_days=0)
                before = (bank.last_day + timedelta(days=1)).isoformat()
                client.run_job("eventing", "/v1/ledger/rebuilds", {"before": before})
                client.settle()  # scores and loads that follow an import are no part of what is measured
            yield home, bank.last_day


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    # stdout carries the result alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    size = FULL if options.full else TINY if options.tiny else QUICK
    with prepared(options.home, size) as (home, last), tempfile.TemporaryDirectory(prefix="attune-b3-") as store:
        server = EmbeddedNats(
            Path(store) / "limit", seeds=lambda user: new_seed(user.ljust(32).encode()), services=("eventing",)
        )
        server.start(Path(store) / "nats.log")
        try:
            figures = asyncio.run(measure(home, size, server, last))
        finally:
            server.stop()
    if options.json:
        sys.stdout.write(json.dumps(figures | {"machine": machine()}) + "\n")
        return
    sys.stdout.write(json.dumps(figures | {"machine": machine()}, indent=1) + "\n")
    closing = f"{figures['attune']['events_per_second']} events/s, {figures['share_of_limit']} of the limit"
    sys.stdout.write(
        f"B3: p99 {figures['attune']['p99_ms']} ms at {RATE} events/s, {figures['lost']} lost; {closing}\n"
    )


if __name__ == "__main__":
    main()
