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
import sys
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from benchmarks.bank_b3 import SHAPES, compiled, definitions, facts, postings, written
from benchmarks.machine import machine
from benchmarks.worker_b3 import end_to_end

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
    """How many customers, how many events."""

    keys: int
    events: int


QUICK, FULL, TINY = Size(20_000, 60_000), Size(1_000_000, 300_000), Size(100, 600)


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
    known = postings(size.keys, size.events)
    seen = facts(known)
    figures: dict[str, Any] = {"keys": size.keys, "events": size.events, "limit_us": dict_limit(seen)}
    measured = {name: [written(name, body)] for name, body in SHAPES.items()}
    measured |= {f"{number} triggers": definitions(number) for number in (8, 10, 100)}
    figures["in process"] = {name: in_process(compiled(files), seen) for name, files in measured.items()}
    if not options.in_process:
        figures["worker"] = asyncio.run(end_to_end(known, (8, 10, 100)))
    sys.stdout.write(json.dumps(figures | {"machine": machine()}, indent=None if options.json else 1) + "\n")
    if "worker" in figures:
        worker = figures["worker"]
        ten, hundred = (worker[f"{number} triggers"]["events_a_second"] for number in (10, 100))
        share = worker["8 triggers"]["events_a_second"] / worker["limit"]
        sys.stderr.write(
            f"B3: {worker['8 triggers']['events_a_second']} events/s under all eight shapes, {share:.2f} of the limit;"
            f" a hundred triggers cost {ten / hundred:.2f} of ten\n"
        )


if __name__ == "__main__":
    main()
