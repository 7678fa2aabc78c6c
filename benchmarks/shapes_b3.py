"""B3's eight shapes: what judging them costs, in process and through the worker, and what a hundred triggers cost.

In process: facts of many customers, one in a hundred late, through the stream's pure code in batches, every touched
state packed and unpacked again as for the database. The limit keeps a dict of sums and stores nothing.
Through the worker: the same postings on a NATS server of its own, one worker process and two, PostgreSQL with its syncs
on. Events a second from behind (sixty days, all there before anybody reads), then of one day: beside their publisher,
which sends as fast as it goes; the CPU an event costs, by process; at fixed rates the time from an event's intended
moment to the commit of its detection. The limit reads the same stream by fetch(500) into a dict; the peer is a handler
of FastStream with its state in SQL, one transaction a message, by one process and by two.
"""

import argparse
import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from benchmarks.bank_b3 import SHAPES, Bank, compiled, definitions, facts, written
from benchmarks.machine import machine
from benchmarks.peer_b3 import faststream
from benchmarks.worker_b3 import Load, Servers, raw_limit, through_the_worker

from eventing.compiled import Compiled
from eventing.customers import Customer
from eventing.fact_index import FactIndex
from eventing.facts import Fact

BATCH = 1_000


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


@dataclass(frozen=True)
class Size:
    """How many customers; how many facts in process and events through the worker."""

    keys: int
    facts: int
    load: Load


QUICK = Size(20_000, 60_000, Load(60_000, 40_000, (500, 2_000, 5_000), 5))
FULL = Size(1_000_000, 60_000, Load(120_000, 60_000, (500, 2_000, 5_000), 10))
TINY = Size(100, 600, Load(600, 200, (100, 200), 1))
# What ten triggers cost beside a hundred is seen with fewer events.
FEWER = 60_000
# A machine that others share is now faster, now slower: what is compared stands beside each other, some times.
ROUNDS = 3
ONE, TWO = "8 triggers", "8 triggers, two workers"


async def end_to_end(bank: Bank, load: Load, fewer: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """All eight shapes by one worker and by two, ten triggers and a hundred; then rounds with limit and peer."""
    with tempfile.TemporaryDirectory(prefix="attune-b3-") as place:
        folder = Path(place)
        folder.chmod(0o711)
        servers = Servers(folder)
        try:
            await servers.start()
            figures: dict[str, Any] = {}
            runs = (
                (ONE, 8, load, 1), (TWO, 8, load, 2),
                ("10 triggers", 10, Load(fewer), 1), ("100 triggers", 100, Load(fewer), 1),
            )  # fmt: skip
            for name, number, size, workers in runs:
                figures[name] = await through_the_worker(servers, bank, definitions(number), size, workers)
                sys.stderr.write(json.dumps({name: figures[name]}) + "\n")
            figures["rounds"] = [await _round(servers, bank, fewer) for _ in range(rounds)]
            return figures
        finally:
            servers.stop()


async def _round(servers: Servers, bank: Bank, count: int) -> dict[str, Any]:
    """Events a second from behind, one after the other: one worker and two, the limit, the peer."""
    found: dict[str, Any] = {}
    for workers in (1, 2):
        run = await through_the_worker(servers, bank, definitions(8), Load(count), workers)
        found[f"workers {workers}"] = run["behind"]["events_a_second"]
    found["limit"] = await raw_limit(servers, count)
    peer = await faststream(servers, bank)
    found |= {"faststream": peer} if isinstance(peer, str) else {f"faststream {n}": rate for n, rate in peer.items()}
    sys.stderr.write(json.dumps(found) + "\n")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--in-process", action="store_true", help="without the worker")
    options = parser.parse_args()
    # stdout carries the result alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    size = FULL if options.full else TINY if options.tiny else QUICK
    bank = Bank(size.keys, size.load.behind, size.load.events - size.load.behind)
    seen = facts(bank.some(0, size.facts))
    figures: dict[str, Any] = {"keys": size.keys, "load": asdict(size.load), "limit_us": dict_limit(seen)}
    measured = {name: [written(name, body)] for name, body in SHAPES.items()}
    measured |= {f"{number} triggers": definitions(number) for number in (8, 10, 100)}
    figures["in process"] = {name: in_process(compiled(files), seen) for name, files in measured.items()}
    del seen
    if not options.in_process:
        figures["worker"] = asyncio.run(
            end_to_end(bank, size.load, min(FEWER, size.load.behind), 1 if options.tiny else ROUNDS)
        )
    sys.stdout.write(json.dumps(figures | {"machine": machine()}, indent=None if options.json else 1) + "\n")
    if "worker" in figures:
        sys.stderr.write(f"B3: {closing(figures['worker'], size.load)}\n")


def closing(worker: dict[str, Any], load: Load) -> str:
    """The figures that are asked for, in one line; shares are medians of the rounds."""
    one, two = worker[ONE], worker[TWO]
    best = max(run["beside its publisher"]["events_a_second"] for run in (one, two))
    rate = load.rates[-1]
    fast = f"at {rate} a second"
    hundred = cost(worker["100 triggers"]["behind"]) / cost(worker["10 triggers"]["behind"])
    along = min(cost(run["beside its publisher"]) for run in (one, two))
    behind = [_median(worker["rounds"], f"workers {n}") for n in (1, 2)]
    shares = [_median(worker["rounds"], f"workers {n}", "limit") for n in (1, 2)]
    return (
        f"eight shapes {behind[0]:.0f} events/s by one worker, {shares[0]:.2f} of the limit, {behind[1]:.0f} by two,"
        f" {shares[1]:.2f} of it; {best} beside the publisher, {along:.0f} us of CPU in all;"
        f" p99 {one[fast].get('p99_ms')} ms and {two[fast].get('p99_ms')} ms {fast};"
        f" catch-up {behind[0] / rate:.1f} times that rate; a hundred triggers cost {hundred:.2f} of ten's CPU;"
        f" {beside(worker['rounds'])}"
    )


def beside(rounds: list[dict[str, Any]]) -> str:
    """What the peer does, and how many times that as many workers do."""
    if "faststream" in rounds[0]:
        return f"FastStream: {rounds[0]['faststream']}"
    return "; ".join(
        f"FastStream {_median(rounds, f'faststream {n}'):.0f} by {n}, as many workers"
        f" {_median(rounds, f'workers {n}', f'faststream {n}'):.1f} times that"
        for n in (1, 2)
    )


def _median(rounds: list[dict[str, Any]], name: str, beside: str | None = None) -> float:
    """The median of a figure, or of its share of another one of the same round."""
    return float(statistics.median(told[name] / (told[beside] if beside else 1) for told in rounds))


def cost(run: dict[str, Any]) -> float:
    """Microseconds of CPU an event in all processes, but for the jobs of the day's close."""
    return float(sum(spent for name, spent in run["cpu_us_an_event"].items() if name != "jobs"))


if __name__ == "__main__":
    main()
