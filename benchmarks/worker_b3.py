"""B3's eight shapes through the worker: servers of this run alone, events a second, the limit."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from benchmarks.bank_b3 import compiled, definitions
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from attune_contracts.envelope import envelope, nats_subject_of
from attune_contracts.identifiers import PARTITIONS, partition
from attune_contracts.ledger import TransactionPosted
from attune_service_kit import migrations
from attune_service_kit.crypto import new_kek
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.messaging import Broker, Message, provision
from attune_service_kit.nats_client import connect
from attune_service_kit.nkeys import new_seed
from eventing.app import SERVICE
from eventing.definition import Definition
from eventing.facts import of_posting
from eventing.replaying import Partition


def seeds(user: str) -> str:
    """The key of a NATS user."""
    return new_seed(user.ljust(32).encode())


class Servers:
    """PostgreSQL and NATS of this run alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres", passwords=lambda user: f"pw-{user}")
        self.nats = EmbeddedNats(folder / "nats", seeds=seeds, services=("eventing",))
        (folder / "kek").write_text(new_kek())

    def settings(self, **changes: Any) -> Any:
        """Eventing's settings."""
        values: dict[str, Any] = {
            "environment": "test", "clock": "events", "database_url": self.url("app"), "nats_url": self.nats.url,
            "worker_database_url": self.url("worker"), "owner_database_url": self.url("owner"), "nats_user": "eventing",
            "nats_seed": seeds("eventing"), "ledger_nats_user": "ledger", "ledger_nats_seed": seeds("ledger"),
            "lake_url": str(self.folder / "lake"), "scratch": str(self.folder / "scratch"), "token_issuer": "http://b3",
            "token_jwks": str(self.folder / "jwks"), "cursor_key": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd",
            "kek_file": str(self.folder / "kek"), "port": 0,
        }  # fmt: skip
        return SERVICE.settings(**values | changes)

    def url(self, role: str) -> str:
        """The database as a role."""
        return self.postgres.url(f"eventing_{role}", "eventing")

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


async def prepared(
    servers: Servers, known: list[TransactionPosted], files: list[dict[str, Any]]
) -> tuple[asyncpg.Connection, Broker]:
    """An empty database with the triggers and the owners, empty streams, and who publishes."""
    if not (servers.folder / "made").exists():
        await servers.postgres.provision(("eventing",))
        await migrations.run(SERVICE, servers.url("owner"))
        (servers.folder / "made").write_text("")
    await _clean_streams(servers)
    conn = await asyncpg.connect(servers.url("worker"))
    for table in ("keyed_state", "timer", "posting", "detection", "outbox", "inbox", "position", "account_owner"):
        await conn.execute(f"DELETE FROM {table}")
    await conn.execute("UPDATE ledger_partition SET business_date = NULL, event_time = NULL, epoch = epoch + 1")
    await _prepare(conn, known, files)
    broker = Broker(servers.nats.url, user="ledger", seed=seeds("ledger"), name="b3")
    await broker.start()
    await broker.ready()
    return conn, broker


async def through_the_worker(
    servers: Servers, known: list[TransactionPosted], files: list[dict[str, Any]]
) -> dict[str, float]:
    """Events a second until the worker has committed them all; what it finds at once is what the pure code finds."""
    conn, broker = await prepared(servers, known, files)
    await broker.publish_window([_message(posting) for posting in known])
    worker = servers.worker()
    try:
        begun = await _until(conn, 1)
        ended = await _until(conn, len(known))
        sizes = await conn.fetchrow(
            "SELECT count(*) AS states, avg(length(packed)) AS bytes FROM keyed_state WHERE trigger <> ''"
        )
        assert sizes is not None
        rows = await conn.fetch("SELECT trigger, event_key FROM detection WHERE state = 'raised'")
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.wait, 30)
        await broker.stop()
        await conn.close()
    at_once = {trigger.name for trigger in compiled(files) if not trigger.has_timer}
    found = {(row["trigger"], row["event_key"]) for row in rows if row["trigger"] in at_once}
    assert found == standing(known, files, at_once), "the worker and the pure code found different detections"
    return {
        "events_a_second": round(len(known) / (ended - begun)),
        "states": sizes["states"],
        "bytes_a_state": round(float(sizes["bytes"] or 0), 1),
        "detections": len(rows),
    }


def standing(known: list[TransactionPosted], files: list[dict[str, Any]], names: set[str]) -> set[tuple[str, str]]:
    """What the pure executor finds, a partition for each of the stream's."""
    found: set[tuple[str, str]] = set()
    chosen = [trigger for trigger in compiled(files) if trigger.name in names]
    parts = {number: Partition.of(chosen) for number in range(PARTITIONS)}
    for posting in known:
        parts[partition(posting.customer_id)].apply(str(posting.customer_id), of_posting(posting))
    for part in parts.values():
        found |= {(name, key) for name, stands in part.standing.items() for _, key in stands}
    return found


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


async def _prepare(conn: asyncpg.Connection, known: list[TransactionPosted], files: list[dict[str, Any]]) -> None:
    owners = sorted({(p.account_id, p.customer_id) for p in known})
    for first in range(0, len(owners), 50_000):
        some = owners[first : first + 50_000]
        await conn.execute(
            "INSERT INTO account_owner (account_id, customer_id, partition, kind)"
            " SELECT *, 'demand' FROM unnest($1::uuid[], $2::uuid[], $3::smallint[])",
            [account for account, _ in some], [who for _, who in some], [partition(who) for _, who in some],
        )  # fmt: skip
    await conn.execute("DELETE FROM trigger")
    await conn.executemany(
        "INSERT INTO trigger (name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days,"
        " expires_hours, enabled, created_by, definition) VALUES ($1, 1, $2, $3, 6, 0, 0, 3, 48, true, 'b3', $4)",
        [
            (f["trigger"], Definition.model_validate(f).kind, TransactionPosted.TYPE, orjson.dumps(f).decode())
            for f in files
        ],
    )


def _message(posting: TransactionPosted) -> Message:
    at = datetime.fromisoformat(f"{posting.business_date}T04:00:00+00:00")
    event = envelope(posting, time=at)
    return Message(nats_subject_of(event), orjson.dumps(event.model_dump(mode="json")), str(event.id), "LEDGER")


async def _until(conn: asyncpg.Connection, count: int) -> float:
    while True:
        if await conn.fetchval("SELECT count(*) FROM posting") >= count:
            return time.monotonic()
        await asyncio.sleep(0.05)


async def end_to_end(known: list[TransactionPosted], numbers: Sequence[int]) -> dict[str, Any]:
    """The worker under so many triggers each, and the limit."""
    with tempfile.TemporaryDirectory(prefix="attune-b3-") as place:
        folder = Path(place)
        folder.chmod(0o711)
        servers = Servers(folder)
        servers.postgres.start(folder / "postgres.log")
        servers.nats.start(folder / "nats.log")
        try:
            await servers.postgres.wait_ready()
            await servers.nats.wait_ready()
            figures: dict[str, Any] = {}
            for number in numbers:
                figures[f"{number} triggers"] = await through_the_worker(servers, known, definitions(number))
                sys.stderr.write(json.dumps({f"{number} triggers": figures[f"{number} triggers"]}) + "\n")
            figures["limit"] = await raw_limit(servers, len(known))
            return figures
        finally:
            servers.nats.stop()
            servers.postgres.stop()
