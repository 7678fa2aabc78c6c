"""B3's eight shapes through the worker: servers of this run alone, events a second, what one costs, the limit."""

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from benchmarks.bank_b3 import Bank, compiled, owner
from benchmarks.paced_b3 import Goal, cpu_of, message_of, open_loop, publish, reached
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from attune_contracts.identifiers import PARTITIONS, partition
from attune_contracts.ledger import TransactionPosted
from attune_service_kit import migrations
from attune_service_kit.crypto import new_kek
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.messaging import Broker, provision
from attune_service_kit.nats_client import connect
from attune_service_kit.nkeys import new_seed
from eventing.app import SERVICE
from eventing.definition import Definition
from eventing.facts import of_posting
from eventing.replaying import Partition

CHUNK = 50_000
_HELD = """
SELECT lease_owner, count(*) AS held FROM position
WHERE consumer LIKE 'LEDGER.p%' AND lease_owner IS NOT NULL AND lease_until > now() GROUP BY lease_owner"""

_APPLIED = "SELECT count(*) FROM posting"
# What comes late for a closed day gathers for a while: of such a day a few are open.
_OPEN_DAYS = """
SELECT EXISTS (SELECT FROM posting WHERE business_date < (SELECT max(business_date) FROM posting)
               GROUP BY business_date HAVING count(*) FILTER (WHERE NOT in_lake) * 10 > count(*))
    OR EXISTS (SELECT FROM job WHERE state IN ('queued', 'running'))"""


def seeds(user: str) -> str:
    """The key of a NATS user."""
    return new_seed(user.ljust(32).encode())


class Servers:
    """PostgreSQL and NATS of this run alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(
            folder / "postgres",
            passwords=lambda user: f"pw-{user}",
            # When a detection could be read: asked afterwards, so that nobody has to look all the time.
            settings={"track_commit_timestamp": "on"},
        )
        self.nats = EmbeddedNats(folder / "nats", seeds=seeds, services=("eventing",))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "kek").write_text(new_kek())

    def settings(self, **changes: Any) -> Any:
        """Eventing's settings."""
        values: dict[str, Any] = {
            "environment": "test", "clock": "events", "database_url": self.url("app"), "nats_url": self.nats.url,
            "worker_database_url": self.url("worker"), "owner_database_url": self.url("owner"), "nats_user": "eventing",
            "nats_seed": seeds("eventing"), "ledger_nats_user": "ledger", "ledger_nats_seed": seeds("ledger"),
            "lake_url": str(self.folder / "lake"), "scratch": str(self.folder / "scratch"), "token_issuer": "http://b3",
            "token_jwks": str(self.folder / "jwks"), "cursor_key": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd",
            "kek_file": str(self.folder / "kek"), "port": 0, "lease_seconds": 1.5,
        }  # fmt: skip
        return SERVICE.settings(**values | changes)

    def url(self, role: str) -> str:
        """The database as a role."""
        return self.postgres.url(f"eventing_{role}", "eventing")

    async def start(self) -> None:
        """Start both."""
        self._running = {
            "postgres": self.postgres.start(self.folder / "postgres.log"),
            "nats": self.nats.start(self.folder / "nats.log"),
        }
        await self.postgres.wait_ready()
        await self.nats.wait_ready()

    def stop(self) -> None:
        """Stop both."""
        self.nats.stop()
        self.postgres.stop()

    def pids(self) -> dict[str, list[int]]:
        """The process of each."""
        return {name: [process.pid] for name, process in self._running.items()}

    def worker(self) -> subprocess.Popen[bytes]:
        """One worker process."""
        values = self.settings().model_dump(mode="json", exclude_unset=True)
        values |= {"cursor_key": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd", "nats_seed": seeds("eventing")}
        values |= {
            "ledger_nats_seed": seeds("ledger"),
            "database_url": self.url("app"),
            "worker_database_url": self.url("worker"),
        }
        values.pop("owner_database_url", None)
        environment = {f"EVENTING_{name.upper()}": str(value) for name, value in values.items()}
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "eventing", "worker"], env={"PATH": os.environ["PATH"], **environment},
                stdout=log, stderr=log,
            )  # fmt: skip


async def prepared(servers: Servers, bank: Bank, files: list[dict[str, Any]]) -> tuple[asyncpg.Connection, Broker]:
    """A database with the triggers and all the owners and nothing else, empty streams, and who publishes."""
    if not (servers.folder / "made").exists():
        await servers.postgres.provision(("eventing",))
        await migrations.run(SERVICE, servers.url("owner"))
        await _own(servers, bank)
        (servers.folder / "made").write_text("")
    await _clean_streams(servers)
    conn = await servers.postgres.connect("eventing")
    await conn.execute("TRUNCATE keyed_state, timer, posting, detection, outbox, inbox, position, trigger, job")
    await conn.execute("UPDATE ledger_partition SET business_date = NULL, event_time = NULL, epoch = epoch + 1")
    await conn.executemany(
        "INSERT INTO trigger (name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days,"
        " expires_hours, enabled, created_by, definition) VALUES ($1, 1, $2, $3, 6, 0, 0, 3, 48, true, 'b3', $4)",
        [
            (f["trigger"], Definition.model_validate(f).kind, TransactionPosted.TYPE, orjson.dumps(f).decode())
            for f in files
        ],
    )
    broker = Broker(servers.nats.url, user="ledger", seed=seeds("ledger"), name="b3")
    await broker.start()
    await broker.ready()
    return conn, broker


async def _own(servers: Servers, bank: Bank) -> None:
    """Every customer has an account, whether postings come on it or not."""
    conn = await servers.postgres.connect("eventing")
    columns = ("account_id", "customer_id", "partition", "kind")
    for first in range(0, bank.keys, CHUNK):
        owners = map(owner, range(first, min(first + CHUNK, bank.keys)))
        rows = [(account, who, partition(who), "demand") for who, account in owners]
        await conn.copy_records_to_table("account_owner", records=rows, columns=columns)
    await conn.execute("ANALYZE account_owner")
    await conn.close()


@dataclass(frozen=True)
class Load:
    """How many events there are before anybody reads, then come at full speed, then `seconds` at each of the rates."""

    behind: int
    along: int = 0
    rates: tuple[int, ...] = ()
    seconds: int = 0

    @property
    def events(self) -> int:
        """All of them."""
        return self.behind + self.along + sum(self.rates) * self.seconds


async def through_the_worker(
    servers: Servers, bank: Bank, files: list[dict[str, Any]], load: Load, workers: int = 1
) -> dict[str, Any]:
    """Events a second that the workers take in; what they find at once is what the pure code finds."""
    conn, broker = await prepared(servers, bank, files)
    published = asyncio.create_task(publish(broker, map(message_of, bank.some(0, load.behind))))
    await published
    processes = [servers.worker() for _ in range(workers)]
    try:
        await _shared(conn, workers)
        figures: dict[str, Any] = {"behind": await _watched(servers, processes, conn, load.behind, published)}
        seen = load.behind
        if load.along or load.rates:
            await _days_closed(conn)
        if load.along:
            part = [message_of(posting) for posting in bank.some(seen, seen + load.along)]
            seen += load.along
            figures["beside its publisher"] = await _watched(servers, processes, conn, seen, publish(broker, part))
        for rate in load.rates:
            part = [message_of(posting) for posting in bank.some(seen, seen + rate * load.seconds)]
            seen += len(part)
            figures[f"at {rate} a second"] = await open_loop(conn, broker, part, rate, at_once(files))
        figures |= await _states(conn)
        rows = await conn.fetch("SELECT trigger, event_key FROM detection WHERE state = 'raised'")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            await asyncio.to_thread(process.wait, 60)
        await broker.stop()
        await conn.close()
    found = {(row["trigger"], row["event_key"]) for row in rows if row["trigger"] in at_once(files)}
    assert found == standing(bank, load.events, files), "the worker and the pure code found different detections"
    return figures | {"detections": len(rows)}


async def _shared(conn: asyncpg.Connection, workers: int) -> None:
    """Wait until so many workers have the ledger's partitions among themselves."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rows = await conn.fetch(_HELD)
        if len(rows) == workers and sum(row["held"] for row in rows) == PARTITIONS:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"the partitions are not shared by {workers} workers")


async def _days_closed(conn: asyncpg.Connection) -> None:
    """Wait until the days of the backlog lie in the lake: what comes then is of one day."""
    while True:
        if not await conn.fetchval(_OPEN_DAYS):
            return
        await asyncio.sleep(0.1)


async def _watched(
    servers: Servers,
    processes: Sequence[subprocess.Popen[bytes]],
    conn: asyncpg.Connection,
    events: int,
    sending: "Awaitable[Goal]",
) -> dict[str, Any]:
    """Events a second until all are applied, and the CPU that one costs, by process.

    The jobs that a worker starts (a day's close) are told apart: they come by the day, not by the event.
    """
    # A publisher of a service holds no hundred thousand messages for its collector to look through.
    gc.collect()
    gc.freeze()
    busy = {"workers": [process.pid for process in processes], **servers.pids()}
    before = {name: cpu_of(pids) for name, pids in busy.items()}
    mine = time.process_time()
    start, known = time.monotonic(), int(await conn.fetchval(_APPLIED))
    await reached(conn, await sending)
    spent, number = time.monotonic() - start, max(events - known, 1)
    after = {name: cpu_of(pids) for name, pids in busy.items()}
    used = {name: after[name].all - before[name].all for name in busy}
    workers = after["workers"].own - before["workers"].own
    used |= {"workers": workers, "jobs": used["workers"] - workers}
    costs = {name: round(seconds / number * 1e6, 1) for name, seconds in used.items()}
    costs["this process"] = round((time.process_time() - mine) / number * 1e6, 1)
    return {"events": number, "events_a_second": round(number / spent), "cpu_us_an_event": costs}


async def _states(conn: asyncpg.Connection) -> dict[str, Any]:
    row = await conn.fetchrow(
        "SELECT count(*) AS states, coalesce(avg(length(packed)), 0)::float8 AS bytes FROM keyed_state"
        " WHERE trigger <> ''"
    )
    assert row is not None
    return {"states": row["states"], "bytes_a_state": round(row["bytes"], 1)}


def at_once(files: list[dict[str, Any]]) -> set[str]:
    """The triggers that find something when a fact comes."""
    return {trigger.name for trigger in compiled(files) if not trigger.has_timer}


def standing(bank: Bank, events: int, files: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """What the pure executor finds at once."""
    chosen = [trigger for trigger in compiled(files) if trigger.name in at_once(files)]
    parts = [Partition.of(chosen) for _ in range(PARTITIONS)]
    for posting in bank.some(0, events):
        parts[partition(posting.customer_id)].apply(str(posting.customer_id), of_posting(posting))
    return {(name, key) for part in parts for name, stands in part.standing.items() for _, key in stands}


async def raw_limit(servers: Servers, count: int) -> float:
    """Events a second of fetch(500) into a dict of sums: the same stream, nothing stored."""
    reader = await connect(servers.nats.url, seeds("eventing"), inbox_prefix=b"_INBOX_eventing")
    provisioner = await connect(servers.nats.url, seeds("provision"), inbox_prefix=b"_INBOX_provision")
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, durable_name="eventing_p0")
    await provisioner.jetstream().add_consumer("LEDGER", config)
    await provisioner.close()
    subscription = await reader.jetstream().pull_subscribe_bind("eventing_p0", "LEDGER")
    state: dict[str, int] = {}
    start, seen = time.monotonic(), 0
    while seen < count:
        for message in await subscription.fetch(500, timeout=5):
            data = orjson.loads(message.data)["data"]
            who = data["customer_id"]
            state[who] = state.get(who, 0) + data["amount_minor"]
            seen += 1
    spent = time.monotonic() - start
    await reader.close()
    return round(count / spent)


async def _clean_streams(servers: Servers) -> None:
    provisioner = await connect(servers.nats.url, seeds("provision"), inbox_prefix=b"_INBOX_provision")
    js = provisioner.jetstream()
    for stream in ("EVT", "LEDGER"):
        try:
            await js.delete_stream(stream)
        except NotFoundError:  # the first run has none
            continue
    await provision(js)
    await provisioner.close()
