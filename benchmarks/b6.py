"""B6: a customer's profile by key: the whole 360 view, and the hot feature vector.

customer-360 and insight run as they are (token, scope, row security, opening of sealed names, masking, ids, access
line, 5 % tracing); the raw limit is one ASGI function that fetches the same row, opens the same seals and writes the
same JSON. Both must give the same answers before anything is timed. Keys are asked as Zipf has it. The main figure is
CPU time a request, of the server's process and of its connections' backends, in closed loops whose slices alternate;
then open loops at fixed rates.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from benchmarks import bank_b6
from benchmarks.command_line import options, read, tell
from benchmarks.load import Plan, generate
from benchmarks.machine import summary
from benchmarks.servers import Servers, Slice, literal, ratio, servers
from benchmarks.serving import Target, serving

ATTUNE, LIMIT = "attune", "limit"
ROOT = Path(__file__).parents[1]
KINDS = {"view": ("customer_360", "/v1/customers/{}"), "vector": ("insight", "/v1/features/{}")}
RATES = {"view": (200, 800), "vector": (500, 1000)}
CONNECTIONS = 8


@dataclass(frozen=True)
class Size:
    """Customers; rounds of closed-loop slices of so many seconds; seconds of each open loop."""

    customers: int
    rounds: int
    slice_seconds: float
    open_seconds: float
    asked: int = 5000


QUICK = Size(100_000, 3, 0.6, 1.5)
FULL = Size(1_000_000, 10, 4.0, 30.0, asked=50_000)
TINY = Size(300, 1, 0.2, 0.3, asked=100)


class Bench:
    """Two services and the limit over the same databases."""

    def __init__(self, both: Servers, token: str, customers: list[UUID]) -> None:
        self._servers = both
        self._headers = {"Authorization": f"Bearer {token}"}
        self._paths = {kind: [path.format(c) for c in customers] for kind, (_, path) in KINDS.items()}
        self.targets: dict[tuple[str, str], Target] = {}

    def plan(self, name: str, kind: str, **how: Any) -> Plan:
        """A load on one of the servers."""
        return Plan(self.targets[name, kind].port, self._paths[kind], self._headers, **how)

    def compare(self) -> int:
        """Stop unless both give the same answers; how many were compared."""
        count = min(300, len(self._paths["view"]))
        for kind in KINDS:
            found = {}
            for name in (ATTUNE, LIMIT):
                happened = generate(self.plan(name, kind, connections=1, count=count, keep_bodies=True))
                assert happened.refused == 0, f"{name} refused {happened.refused} of {count} {kind}s"
                found[name] = [orjson.loads(body) for body in happened.bodies]
            differ = [n for n in range(count) if found[ATTUNE][n] != found[LIMIT][n]]
            assert not differ, f"{len(differ)} {kind}s differ, first of {self._paths[kind][differ[0]]}"
        return count

    def cpu(self, name: str, kind: str, seconds: float) -> Slice:
        """Microseconds a request of the process and of its backends, and requests a second, over one closed loop."""
        target = self.targets[name, kind]
        own, backends = target.cpu(), self._backends(name, kind)
        happened = generate(self.plan(name, kind, connections=CONNECTIONS, seconds=seconds))
        assert happened.refused == 0, f"{name} refused {happened.refused} {kind}s"
        spent = target.cpu() - own
        database = sum(used - backends.get(pid, 0.0) for pid, used in self._backends(name, kind).items())
        return spent / happened.count * 1e6, database / happened.count * 1e6, happened.count / happened.seconds

    def open_loop(self, name: str, kind: str, rate: int, seconds: float) -> dict[str, float]:
        """What those meet who ask at a fixed rate."""
        happened = generate(self.plan(name, kind, connections=32, seconds=seconds, rate=float(rate)))
        return summary(happened.latencies) | {"refused": happened.refused, "answered": happened.count}

    def _backends(self, name: str, kind: str) -> dict[int, float]:
        service = KINDS[kind][0]
        return self._servers.backends(service, f"{service}-%" if name == ATTUNE else "b6-limit")


@contextmanager
def everything(folder: Path, size: Size) -> Iterator[Bench]:
    """Run PostgreSQL, NATS, the two services and the limit over a bank of this size."""
    python = [sys.executable, "-m"]
    with servers(folder, "wall", ["customer_360", "insight"]) as both, ExitStack() as stack:
        targets = {}
        for kind, (service, _) in KINDS.items():
            own = both.environment(service)
            subprocess.run([*python, service, "migrate"], env=own, check=True, capture_output=True)
            port = both.ports.services[service]
            targets[ATTUNE, kind] = stack.enter_context(
                serving(ATTUNE, [*python, service, "all"], literal(own), "/readyz", port)
            )
        bank = both.environment("customer_360") | {
            "CUSTOMERS": both.postgres.url("attune", "customer_360"),
            "FEATURES": both.postgres.url("attune", "insight"),
        }
        subprocess.run([*python, "benchmarks.bank_b6", str(size.customers)], env=bank, check=True, cwd=ROOT)
        asked = bank_b6.asked(size.customers, size.asked)
        bench = Bench(both, both.issuer.issue("relationship_manager", "HQ")[0], asked)
        peer = literal(bank) | {"PORT": "{port}"}
        limit = stack.enter_context(serving(LIMIT, [*python, "benchmarks.limit_b6"], peer, bench._paths["vector"][0]))
        bench.targets = targets | {(LIMIT, kind): limit for kind in KINDS}
        yield bench


def measure(size: Size) -> dict[str, Any]:
    """Measure both in alternating slices, then each at fixed rates."""
    with tempfile.TemporaryDirectory(prefix="attune-b6-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)
        with everything(folder, size) as bench:
            compared = bench.compare()
            pairs = [(name, kind) for kind in KINDS for name in (ATTUNE, LIMIT)]
            for name, kind in pairs:  # warm
                bench.cpu(name, kind, size.slice_seconds)
            slices: dict[tuple[str, str], list[Slice]] = {pair: [] for pair in pairs}
            for _ in range(size.rounds):
                for name, kind in pairs:
                    slices[name, kind].append(bench.cpu(name, kind, size.slice_seconds))
            fixed = {
                kind: {
                    name: {f"{rate}/s": bench.open_loop(name, kind, rate, size.open_seconds) for rate in RATES[kind]}
                    for name in (ATTUNE, LIMIT)
                }
                for kind in KINDS
            }
    return {
        "customers": size.customers,
        "compared": compared,
        "closed_loop": {kind: {name: _medians(slices[name, kind]) for name in (ATTUNE, LIMIT)} for kind in KINDS},
        "open_loop": fixed,
        "cpu_to_limit": {kind: ratio(slices[ATTUNE, kind], slices[LIMIT, kind]) for kind in KINDS},
        "feast": "skipped: its own environment is not part of this repository",
    }


def _medians(values: list[Slice]) -> dict[str, float]:
    process, database, rate = (statistics.median(column) for column in zip(*values, strict=True))
    return {"process_us": round(process), "database_us": round(database), "requests_per_second": round(rate)}


def main() -> None:
    """Measure and print."""
    asked = read(options(__doc__))
    figures = measure(FULL if asked.full else TINY if asked.tiny else QUICK)
    view, vector = (figures["cpu_to_limit"][kind] for kind in KINDS)
    p99 = figures["open_loop"]["view"][ATTUNE]["800/s"]["p99_ms"]
    closing = (
        f"B6: 360 view {view['median']}x the limit's CPU, hot vector {vector['median']}x; 800 views/s with p99 {p99} ms"
    )
    tell(figures, closing, as_json=asked.json)


if __name__ == "__main__":
    main()
