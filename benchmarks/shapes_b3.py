"""B3's eight shapes: what judging them costs, in process and through the worker, and what a hundred triggers cost.

In process: facts of many customers, one in a hundred late, through the stream's pure code in batches, every touched
state packed and unpacked again as for the database. The limit keeps a dict of sums and stores nothing.
Through the worker: the same postings on a NATS server of its own, one worker process, PostgreSQL with its syncs on;
events a second from the worker's first posting to its last. The limit reads the same stream by fetch(500) into a dict.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from benchmarks.machine import machine
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from attune_contracts.envelope import envelope, nats_subject_of
from attune_contracts.identifiers import account_id, customer_id, partition
from attune_contracts.ledger import AccountKind, Direction, TransactionPosted
from attune_service_kit import migrations
from attune_service_kit.crypto import new_kek
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.messaging import Broker, Message, provision
from attune_service_kit.nats_client import connect
from attune_service_kit.nkeys import new_seed
from eventing.app import SERVICE
from eventing.compiled import Compiled
from eventing.customers import Customer
from eventing.definition import Definition
from eventing.fact_index import FactIndex
from eventing.facts import Fact, of_behaviour, of_posting

DAY0 = date(2025, 1, 1)
DAYS = 60
KINDS = 200
BATCH = 1_000
TEXTS = {"zh": "一", "en": "one"}
SHAPES: dict[str, dict[str, Any]] = {
    "own-history": {"own_history": {"over": "1 months"}, "where": "direction = 'credit' AND amount >= 3000"},
    "calendar": {"calendar": {"of": "holding_matures_on", "offsets": [-7]}, "on": "dates"},
    "count": {"count": {"at_least": 3, "within": "10 minutes"}, "where": "channel = 'card' AND amount >= 1000"},
    "sequence": {"sequence": {"first": "kind = 'k1'", "then": "kind = 'k2' AND amount >= 1000", "within": "7 days"}},
    "absence": {"absence": {"after": "kind = 'k3'", "without": "kind = 'k4'", "within": "14 days"}},
    "silence": {"silence": {"for": "30 days"}, "where": "channel = 'card'"},
    "change": {"change": {"of": "sum", "falls_below": "0.5", "baseline": 1}, "where": "kind = 'k5'"},
    "behaviour": {
        "behaviour": {"at_least": 3, "within": "7 days", "same": "product"}, "on": "behaviours",
        "where": "behaviour = 'product_viewed'",
    },
}  # fmt: skip


def written(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """A trigger's file."""
    return {"trigger": name, "title": TEXTS, "meaning": TEXTS, "on": "postings", "lateness": "3 days"} | body


def definitions(number: int) -> list[dict[str, Any]]:
    """The eight, and as many as are left that ask for one code of two hundred and a smallest amount each."""
    more = {
        f"more-{n}": {
            "count": {"at_least": 3, "within": "7 days"}, "where": f"kind = 'k{n + 10}' AND amount >= {n * 20 + 500}",
        }
        for n in range(max(number - len(SHAPES), 0))
    }  # fmt: skip
    return [written(name, body) for name, body in (SHAPES | more).items()][:number]


def compiled(files: Iterable[dict[str, Any]]) -> list[Compiled]:
    """Ready to be judged."""
    return [Compiled.of(Definition.model_validate(file)) for file in files]


def postings(keys: int, count: int, seed: int = 1) -> list[TransactionPosted]:
    """Postings of so many customers in order of day, one in a hundred up to three days late."""
    draw = random.Random(seed)
    known = [(customer_id("b3", str(n)), account_id("b3", str(n))) for n in range(keys)]
    found: list[tuple[date, TransactionPosted]] = []
    for number in range(count):
        who, account = draw.choice(known)
        day = DAY0 + timedelta(number * DAYS // count)
        kind = f"k{draw.randrange(KINDS)}"
        posting = TransactionPosted.model_construct(
            customer_id=who, posting_id=f"{number:09d}", account_id=account, business_date=day, booked_at=None,
            direction=draw.choice(DIRECTIONS), amount_minor=int(draw.lognormvariate(11, 1)), currency="CNY", kind=kind,
            channel=draw.choice(("card", "web", "counter", None)), flags=(), reverses=None, account_kind=DEMAND,
            origin="live", run=None,
        )  # fmt: skip
        arrives = day + timedelta(draw.randint(1, 3)) if draw.random() < 0.01 else day
        found.append((arrives, posting))
    return [posting for _, posting in sorted(found, key=lambda pair: pair[0])]


DIRECTIONS = tuple(Direction)
DEMAND = AccountKind.DEMAND


def facts(known: Sequence[TransactionPosted]) -> list[tuple[UUID, Fact]]:
    """The same as facts, a behaviour beside every tenth."""
    found: list[tuple[UUID, Fact]] = []
    for number, posting in enumerate(known):
        found.append((posting.customer_id, of_posting(posting)))
        if number % 10 == 0:
            at = datetime.fromisoformat(f"{posting.business_date}T04:00:00+00:00")
            fields = {"behaviour": "product_viewed", "product": f"p{number % 70}"}
            found.append((posting.customer_id, of_behaviour(f"v{number}", posting.business_date, at, fields)))
    return found


def in_process(triggers: list[Compiled], known: list[tuple[UUID, Fact]]) -> dict[str, float]:
    """Microseconds a fact, and the bytes of the states of a customer."""
    index = FactIndex(triggers)
    stored: dict[UUID, dict[Any, bytes]] = {}
    customers: dict[UUID, Customer] = {}
    newest = found = 0
    gc.collect()
    start = time.perf_counter()
    for first in range(0, len(known), BATCH):
        touched: dict[UUID, Customer] = {}
        for who, fact in known[first : first + BATCH]:
            customer = customers.get(who)
            if customer is None:
                customer = customers[who] = Customer()
            newest = max(newest, fact.day)
            found += len(customer.apply(index, fact, newest).found)
            touched[who] = customer
        for who, customer in touched.items():
            packed = customer.packed(customer.touched)
            customer.touched.clear()
            stored.setdefault(who, {}).update(packed)
            # The next batch decodes what it needs, as after a start.
            customer.states.update(packed)
    spent = time.perf_counter() - start
    sizes = [len(packed) for states in stored.values() for key, packed in states.items() if key[0]]
    return {
        "us_a_fact": round(spent / len(known) * 1e6, 2),
        "facts_a_second": round(len(known) / spent),
        "verdicts": found,
        "bytes_a_state": round(sum(sizes) / max(len(sizes), 1), 1),
    }


def dict_limit(known: list[tuple[UUID, Fact]]) -> float:
    """Microseconds a fact of a dict of sums."""
    state: dict[UUID, int] = {}
    start = time.perf_counter()
    for who, fact in known:
        state[who] = state.get(who, 0) + fact.net
    return round((time.perf_counter() - start) / len(known) * 1e6, 2)


# --- through the worker ----------------------------------------------------------------------------------------------


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


async def through_the_worker(
    servers: Servers, known: list[TransactionPosted], files: list[dict[str, Any]]
) -> dict[str, float]:
    """Events a second until the worker has committed them all."""
    await servers.postgres.provision(("eventing",)) if not (servers.folder / "made").exists() else None
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
    messages = [_message(posting) for posting in known]
    broker = Broker(servers.nats.url, user="ledger", seed=seeds("ledger"), name="b3")
    await broker.start()
    await broker.ready()
    await broker.publish_window(messages)
    worker = servers.worker()
    try:
        begun = await _until(conn, 1)
        ended = await _until(conn, len(known))
        sizes = await conn.fetchrow(
            "SELECT count(*) AS states, avg(length(packed)) AS bytes FROM keyed_state WHERE trigger <> ''"
        )
        assert sizes is not None
        found = await conn.fetchval("SELECT count(*) FROM detection")
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.wait, 30)
        await broker.stop()
        await conn.close()
    return {
        "events_a_second": round(len(known) / (ended - begun)),
        "states": sizes["states"],
        "bytes_a_state": round(float(sizes["bytes"] or 0), 1),
        "detections": found,
    }


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--worker", action="store_true", help="through the worker, too")
    options = parser.parse_args()
    known = postings(options.keys, options.events)
    seen = facts(known)
    figures: dict[str, Any] = {"keys": options.keys, "events": options.events, "limit_us": dict_limit(seen)}
    shapes: dict[str, Callable[[], list[Compiled]]] = {}
    for name, body in SHAPES.items():
        shapes[name] = lambda name=name, body=body: compiled([written(name, body)])  # type: ignore[misc]
    for number in (8, 10, 100):
        shapes[f"{number} triggers"] = lambda number=number: compiled(definitions(number))  # type: ignore[misc]
    figures["in process"] = {name: in_process(make(), seen) for name, make in shapes.items()}
    if options.worker:
        figures["worker"] = asyncio.run(end_to_end(known, (8, 10, 100)))
    sys.stdout.write(json.dumps(figures | {"machine": machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
