"""B1: a teller opens a customer, and the next best actions are there.

One bank in one PostgreSQL, its projections filled by COPY's like, an offer sheet of the size asked for; three servers
decide over it: Attune's campaign process as it runs in a home (HTTP, worker, telemetry, access lines, token, row
security, a committed record before each answer), the raw limit (one ASGI function, asyncpg, numpy, nothing recorded)
and the tutorial build (FastAPI and SQLModel row by row, with a record). All three must choose the same offers in the
same order before anything is timed. The main figure is CPU time a decision, of the server's process and of its
connections' backends in PostgreSQL, in closed loops whose slices alternate; then open loops at fixed rates.

`--mixed` measures something else: next best actions at 200/s beside 300 ledger events/s in a whole home.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from benchmarks import bank_b1
from benchmarks.command_line import options, read, tell
from benchmarks.load import Happened, Plan, generate
from benchmarks.machine import summary
from benchmarks.servers import Servers, Slice, literal, ratio, servers
from benchmarks.serving import Target, serving

from attune_service_kit.embedded import EmbeddedPostgres

ATTUNE, LIMIT, TUTORIAL = "attune", "limit", "tutorial"
BACKENDS = {ATTUNE: "campaign-%", LIMIT: "b1-limit", TUTORIAL: "b1-tutorial"}
RATES = (100, 300)
CONNECTIONS = 8


@dataclass(frozen=True)
class Size:
    """Customers, offers; rounds of closed-loop slices of so many seconds; seconds of each open loop."""

    customers: int
    offers: int
    rounds: int
    slice_seconds: float
    open_seconds: float
    asked: int = 5000


QUICK = Size(100_000, 50, 4, 1.5, 4.0)
FULL = Size(1_000_000, 500, 10, 4.0, 30.0)
TINY = Size(400, 20, 1, 0.3, 0.5, asked=200)


class Bench:
    """The three servers over one database."""

    def __init__(self, both: Servers, token: str, size: Size) -> None:
        self._servers = both
        self._headers = {"Authorization": f"Bearer {token}"}
        step = 7919 if size.customers % 7919 else 7907
        self._paths = [
            f"/v1/customers/{bank_b1.customer(n * step % size.customers)}/next-best-actions?channel=counter"
            for n in range(min(size.asked, size.customers))
        ]
        self.targets: dict[str, Target] = {}
        self.backends = dict(BACKENDS)

    def plan(self, name: str, **how: Any) -> Plan:
        """A load on one of the servers."""
        return Plan(self.targets[name].port, self._paths, self._headers, **how)

    def compare(self, first: str = ATTUNE) -> dict[str, int]:
        """Stop unless all choose the same offers in the same order as the first; what was chosen, in numbers."""
        count = min(600, len(self._paths))
        found = {}
        for name in self.targets:
            happened = generate(self.plan(name, connections=1, count=count, keep_bodies=True))
            assert happened.refused == 0, f"{name} refused {happened.refused} of {count}"
            found[name] = [_chosen(body) for body in happened.bodies]
        for name, chosen in found.items():
            differ = [n for n in range(count) if chosen[n] != found[first][n]]
            assert not differ, (
                f"{name} chooses otherwise for {len(differ)} customers, first for {self._paths[differ[0]]}"
            )
        chosen = found[first]
        return {
            "compared": count,
            "with_three_offers": sum(len(c) == 3 for c in chosen),
            "without_any": sum(not c for c in chosen),
            "different_lists": len({tuple(c) for c in chosen}),
        }

    def cpu(self, name: str, seconds: float) -> Slice:
        """Microseconds a decision of the process and of its backends, and decisions a second, over one closed loop."""
        own, backends = self.targets[name].cpu(), self._servers.backends("campaign", self.backends[name])
        happened = generate(self.plan(name, connections=CONNECTIONS, seconds=seconds))
        assert happened.refused == 0, f"{name} refused {happened.refused} requests"
        spent = self.targets[name].cpu() - own
        after = self._servers.backends("campaign", self.backends[name])
        database = sum(used - backends.get(pid, 0.0) for pid, used in after.items())
        return spent / happened.count * 1e6, database / happened.count * 1e6, happened.count / happened.seconds

    def latencies(self, name: str, rate: int, seconds: float) -> Happened:
        """What an open loop at this rate meets."""
        return generate(self.plan(name, connections=32, seconds=seconds, rate=float(rate)))


def _chosen(body: str) -> list[str]:
    answer = orjson.loads(body)
    return list(answer["offers"]) if "offers" in answer else [action["offer"] for action in answer["actions"]]


@contextmanager
def everything(folder: Path, size: Size) -> Iterator[Bench]:
    """Run PostgreSQL, NATS and the three servers over a bank of this size."""
    python = [sys.executable, "-m"]
    with servers(folder, "events", ["campaign"]) as both:
        campaign = both.environment("campaign")
        subprocess.run([*python, "campaign", "migrate"], env=campaign, check=True, capture_output=True)
        asyncio.run(_fill(both.postgres, size))
        bench = Bench(both, both.issuer.issue("teller", "HQ")[0], size)
        peers = {"PORT": "{port}", "DATABASE": both.postgres.url("attune", "campaign")}
        own, port = literal(campaign), both.ports.services["campaign"]
        with (
            serving(ATTUNE, [*python, "campaign", "all"], own, "/readyz", port) as attune,
            serving(LIMIT, [*python, "benchmarks.limit_b1"], peers, bench._paths[0]) as limit,
            serving(TUTORIAL, [*python, "benchmarks.peers.tutorial_b1"], peers, "/openapi.json") as tutorial,
        ):
            bench.targets = {target.name: target for target in (attune, limit, tutorial)}
            yield bench


async def _fill(postgres: EmbeddedPostgres, size: Size) -> None:
    connection: asyncpg.Connection = await postgres.connect("campaign")
    await bank_b1.fill(connection, size.customers, size.offers)
    await connection.close()


def measure(size: Size) -> dict[str, Any]:
    """Measure the three in alternating slices, then each at fixed rates."""
    with tempfile.TemporaryDirectory(prefix="attune-b1-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)
        with everything(folder, size) as bench:
            compared = bench.compare()
            for name in bench.targets:  # warm
                bench.cpu(name, size.slice_seconds)
            slices: dict[str, list[Slice]] = {name: [] for name in bench.targets}
            for _ in range(size.rounds):
                for name in bench.targets:
                    slices[name].append(bench.cpu(name, size.slice_seconds))
            fixed = {
                name: {f"{rate}/s": _open(bench, name, rate, size) for rate in RATES}
                for name in bench.targets
                if name != TUTORIAL
            }
    cpu = {name: _medians(values) for name, values in slices.items()}
    return {
        "customers": size.customers,
        "offers": size.offers,
        "equal": compared,
        "closed_loop": cpu,
        "open_loop": fixed,
        "cpu_to_limit": ratio(slices[ATTUNE], slices[LIMIT]),
        "tutorial_to_attune": ratio(slices[TUTORIAL], slices[ATTUNE]),
        "bentoml": "skipped: its own environment is not part of this repository",
    }


def _open(bench: Bench, name: str, rate: int, size: Size) -> dict[str, float]:
    happened = bench.latencies(name, rate, size.open_seconds)
    return summary(happened.latencies) | {"refused": happened.refused, "answered": happened.count}


def _medians(values: list[Slice]) -> dict[str, float]:
    process, database, rate = (statistics.median(column) for column in zip(*values, strict=True))
    return {"process_us": round(process), "database_us": round(database), "decisions_per_second": round(rate)}


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--mixed", action="store_true", help="next best actions at 200/s beside 300 events/s")
    asked = read(parser)
    if asked.mixed:
        from benchmarks.mixed_b1 import measure_mixed

        figures = measure_mixed(asked.home, full=asked.full, tiny=asked.tiny)
        closing = (
            f"next best actions at {figures['rate']}/s beside {figures['events_per_second']} events/s:"
            f" p99 {figures['next_best_actions']['p99_ms']} ms, {figures['lost']} opportunities lost"
        )
    else:
        figures = measure(FULL if asked.full else TINY if asked.tiny else QUICK)
        own = figures["closed_loop"][ATTUNE]
        closing = (
            f"{own['process_us']} + {own['database_us']} us of CPU a decision, {figures['cpu_to_limit']['median']}x the"
            f" limit, {figures['tutorial_to_attune']['median']}x less than the tutorial;"
            f" p99 {figures['open_loop'][ATTUNE]['300/s']['p99_ms']} ms at 300/s"
        )
    tell(figures, f"B1: {closing}", as_json=asked.json)


if __name__ == "__main__":
    main()
