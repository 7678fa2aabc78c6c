"""P-16: three times what a service can do, for a minute.

customer-360 as it runs in a home, over the bank of B6, with places for half as many requests again as its peak has
under way: with twice as many each would wait twice as long even if a refusal cost nothing. First its peak in a closed
loop; then views at three times that rate in an open loop, while somebody asks for its health, opts customers out and
reads a view now and then; then a rate that it can do. Counted are the views that are answered, what those and the
refused ones wait, what becomes of health and of the opt-outs, and whether each opt-out that was confirmed stands in
the ledger and went out as an event. The generator works on the same cores.
"""

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import bank_b6
from benchmarks.command_line import options, read, tell
from benchmarks.load import Happened, Plan, Running, generate
from benchmarks.machine import summary
from benchmarks.servers import Servers, literal, servers
from benchmarks.serving import Target, serving

ROOT = Path(__file__).parents[1]
AT_PEAK = 16
TIMES = 3

_WAITING = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
# Nothing but opt-outs writes here; one that changes nothing is on record too.
_TOLD = """
SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM audit WHERE what = 'consent.changed'),
       (SELECT count(*) FROM outbox WHERE type LIKE 'customer_360.consent.changed.%')"""


@dataclass(frozen=True)
class Size:
    """Customers; seconds of the peak's measurement, of the overload and of what comes after it."""

    customers: int
    peak_seconds: float
    seconds: float
    after_seconds: float
    pause: float = 0.2


QUICK, FULL, TINY = Size(10_000, 5, 15, 5), Size(100_000, 10, 60, 10), Size(500, 2, 4, 2)


@dataclass
class Urgent:
    """What became of those who must be heard whatever else goes on."""

    health: list[float] = field(default_factory=list)
    opted_out: list[float] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    refusals: int = 0
    without_retry_after: int = 0


class Person(threading.Thread):
    """Asks one thing after another, on connections of its own, until told to stop."""

    def __init__(self, port: int, token: str, customers: int, pause: float) -> None:
        super().__init__(daemon=True)
        self.found = Urgent()
        self._url, self._token, self._pause = f"http://127.0.0.1:{port}", token, pause
        self._customers = customers
        self._ended = threading.Event()

    def run(self) -> None:
        """Health, an opt-out, a view, a pause."""
        number = 0
        while not self._ended.wait(self._pause):
            customer = bank_b6.customer(number % self._customers)
            self._urgent("/livez", self.found.health)
            self._urgent(f"/v1/customers/{customer}/consents:opt-out", self.found.opted_out, b"{}")
            status, headers, _ = self._ask(f"/v1/customers/{customer}")
            if status == 503:
                self.found.refusals += 1
                self.found.without_retry_after += headers.get("Retry-After") != "1"
            number += 1

    def stop(self) -> Urgent:
        """Let the last round end."""
        self._ended.set()
        self.join(30)
        return self.found

    def _urgent(self, path: str, heard: list[float], body: bytes | None = None) -> None:
        status, _, seconds = self._ask(path, body)
        if status == 200:
            heard.append(seconds)
        else:
            self.found.unheard.append(f"{path.rpartition('/')[2]}: {status}")

    def _ask(self, path: str, body: bytes | None = None) -> tuple[int, Any, float]:
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
        begun = time.perf_counter()
        try:
            asked = urllib.request.Request(self._url + path, body, headers)  # noqa: S310 - a loopback address
            with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
                answer.read()
                return answer.status, answer.headers, time.perf_counter() - begun
        except urllib.error.HTTPError as error:
            return error.code, error.headers, time.perf_counter() - begun
        except OSError as error:
            return 0, {"error": str(error)}, time.perf_counter() - begun


@dataclass(frozen=True)
class Bench:
    """The service, and how it is asked."""

    both: Servers
    target: Target
    token: str
    size: Size

    def plan(self, **how: Any) -> Plan:
        """Views of customers, as the front ends ask for them."""
        paths = [f"/v1/customers/{c}" for c in bank_b6.asked(self.size.customers, 2000)]
        headers = {"Authorization": f"Bearer {self.token}"}
        return Plan(self.target.port, paths, headers, keep_statuses=True, **how)

    def lost(self, confirmed: int) -> dict[str, int]:
        """Of so many confirmed opt-outs: those on no record, changes without an event, events that do not go out."""
        return asyncio.run(self._lost(confirmed))

    async def _lost(self, confirmed: int) -> dict[str, int]:
        connection = await self.both.postgres.connect("customer_360")
        try:
            for _ in range(200):
                if not await connection.fetchval(_WAITING):
                    break
                await asyncio.sleep(0.1)
            on_record, changes, told = await connection.fetchrow(_TOLD)
            waiting = int(await connection.fetchval(_WAITING))
            return {"opt_outs": confirmed - on_record, "events": changes - told, "events_waiting": waiting}
        finally:
            await connection.close()


@contextmanager
def everything(folder: Path, size: Size) -> Iterator[Bench]:
    """Run PostgreSQL, NATS and customer-360 over a bank of this size."""
    python = [sys.executable, "-m"]
    with servers(folder, "wall", ["customer_360", "insight"]) as both:
        for service in ("customer_360", "insight"):
            own = both.environment(service)
            subprocess.run([*python, service, "migrate"], env=own, check=True, capture_output=True)
        own = both.environment("customer_360") | {
            "CUSTOMER_360_MAX_IN_FLIGHT": str(AT_PEAK + AT_PEAK // 2),
            "CUSTOMER_360_RESERVED_IN_FLIGHT": "8",
        }
        bank = own | {
            "CUSTOMERS": both.postgres.url("attune", "customer_360"),
            "FEATURES": both.postgres.url("attune", "insight"),
        }
        subprocess.run([*python, "benchmarks.bank_b6", str(size.customers)], env=bank, check=True, cwd=ROOT)
        port = both.ports.services["customer_360"]
        with serving("customer_360", [*python, "customer_360", "all"], literal(own), "/readyz", port) as target:
            yield Bench(both, target, both.issuer.issue("relationship_manager", "HQ")[0], size)


def measure(size: Size) -> dict[str, Any]:
    """The peak, three times the peak, and a rate that can be done."""
    with tempfile.TemporaryDirectory(prefix="attune-p16-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)
        with everything(folder, size) as bench:
            generate(bench.plan(connections=AT_PEAK, seconds=size.peak_seconds / 2))  # warm
            at_peak = generate(bench.plan(connections=AT_PEAK, seconds=size.peak_seconds))
            assert at_peak.refused == 0, "refused at its peak"
            peak = at_peak.count / at_peak.seconds
            memory = bench.target.process.memory_info().rss
            person = Person(bench.target.port, bench.token, size.customers, size.pause)
            load = Running(bench.plan(connections=6 * AT_PEAK, seconds=size.seconds, rate=TIMES * peak))
            person.start()
            over = load.result()
            urgent = person.stop()
            grown = bench.target.process.memory_info().rss / memory
            after = generate(bench.plan(connections=AT_PEAK, seconds=size.after_seconds, rate=peak / 2))
            confirmed = len(urgent.opted_out)
            lost = bench.lost(confirmed)
    accepted, refused, others = _told_apart(over)
    return {
        "customers": size.customers,
        "seconds": round(over.seconds, 1),
        "peak_per_second": round(peak),
        "asked_per_second": round(TIMES * peak),
        "accepted_per_second": round(len(accepted) / over.seconds),
        "goodput": round(len(accepted) / over.seconds / peak, 2),
        "refused": len(refused),
        "otherwise": others,
        "at_peak": summary(at_peak.latencies),
        "accepted": summary(accepted) if accepted else {},
        "refusals": summary(refused) if refused else {},
        "health": summary(urgent.health) | {"heard": len(urgent.health)},
        "opting_out": summary(urgent.opted_out) | {"heard": confirmed},
        "unheard": urgent.unheard,
        "refusals_seen": {"count": urgent.refusals, "without_retry_after": urgent.without_retry_after},
        "lost": lost,
        "memory_grown": round(grown, 2),
        "after": summary(after.latencies) | {"refused": after.refused},
    }


def _told_apart(over: Happened) -> tuple[list[float], list[float], dict[str, int]]:
    """What accepted and refused ones waited from the moment they were sent, and other answers."""
    by: dict[int, list[float]] = {}
    for status, seconds in zip(over.statuses, over.latencies, strict=True):
        by.setdefault(status, []).append(seconds)
    others = {str(status): len(found) for status, found in by.items() if status not in (200, 503)}
    return by.get(200, []), by.get(503, []), others


def main() -> None:
    """Measure and print."""
    asked = read(options(__doc__))
    size = FULL if asked.full else TINY if asked.tiny else QUICK
    figures = measure(size)
    closing = (
        f"P-16: {figures['goodput']} of the peak at {TIMES}x its rate,"
        f" accepted p99 {figures['accepted'].get('p99_ms')} ms, refused p99 {figures['refusals'].get('p99_ms')} ms;"
        f" {len(figures['unheard'])} urgent ones unheard"
    )
    tell(figures | {"size": asdict(size)}, closing, as_json=asked.json)


if __name__ == "__main__":
    main()
