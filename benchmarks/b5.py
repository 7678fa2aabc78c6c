"""B5: nightly scoring: five models over everybody's features, from Parquet to Parquet.

Scoring's job runs as its worker runs it: checked answers, hashes of what was seen and by whom, five partitions
published with manifests and checksums; in the first turn the rows that renewals start from are loaded into PostgreSQL.
The limit is ONNX Runtime over the same file (two one-thread sessions a model, the next rows read meanwhile), the peer
PySpark with the same models in a pandas UDF, in an environment of its own (skipped where it is not installed). Every
score of all of them is compared before any figure is printed. Turns alternate; each runs in a process of its own, whose
start is not counted. Then how long the service takes until it is ready with these models, and with `--full` the job's
memory over ten times as many customers.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import structlog
from benchmarks.bank_b5 import AS_OF, MODELS
from benchmarks.machine import machine
from benchmarks.model_rows import NAMES
from benchmarks.peers.environments import python_of
from benchmarks.servers import Servers, literal, servers
from benchmarks.serving import ROOT, serving

ATTUNE, LIMIT, PEER = "attune", "onnxruntime", "pyspark"
READY_TURNS = 3

Told = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """Customers, turns, and over how many customers the memory is taken once more (None: it is not)."""

    customers: int
    turns: int
    larger: int | None = None


TINY, QUICK, FULL = Size(2_000, 1), Size(100_000, 3), Size(1_000_000, 3, 10_000_000)


class Bench:
    """One bank, and who scores it."""

    def __init__(self, both: Servers, folder: Path, size: Size, *, peer: bool) -> None:
        self._both, self._folder, self._size = both, folder, size
        self._environment = os.environ | both.environment("scoring")
        self._peer = python_of(PEER) if peer else None
        self.names = [ATTUNE, LIMIT, *([PEER] if self._peer else [])]
        self.customers = 0

    def fill(self, customers: int) -> None:
        """Give the bank so many customers."""
        self._python("benchmarks.bank_b5", str(customers), str(self._folder))
        self.customers = customers

    def run(self, name: str) -> Told:
        """One turn."""
        models = ",".join(str(self._folder / f"{number}.onnx") for number in MODELS)
        target = self._folder / f"{name}.parquet"
        given = [str(self._folder / "features.parquet"), models, str(target)]
        if name == ATTUNE:
            told = self._python("benchmarks.job_b5")
            assert told["result"]["rows"] == self.customers, told["result"]
            return told
        if name == LIMIT:
            return self._python("benchmarks.limit_b5", *given)
        shutil.rmtree(target, ignore_errors=True)
        script = str(Path(__file__).parent / "peers" / "pyspark_b5.py")
        return _told(
            [str(self._peer), script, *given, ",".join(NAMES)], os.environ | {"PYSPARK_PYTHON": str(self._peer)}
        )

    def compare(self) -> int:
        """Stop unless all have the same scores, to the bit; how many were compared."""
        lake = Path(self._both.environment("scoring")["SCORING_LAKE_URL"])
        with duckdb.connect() as con:
            first, *others = [
                f"(SELECT customer_id, score AS score_{at} FROM read_parquet('{_newest(lake, number)}')) AS t{at}"
                for at, number in enumerate(MODELS)
            ]
            joined = "".join(f" JOIN {other} USING (customer_id)" for other in others)
            con.execute(f"CREATE VIEW {ATTUNE} AS SELECT * FROM {first}{joined}")
            for name in self.names[1:]:
                path = self._folder / f"{name}.parquet"
                files = f"{path}/*.parquet" if path.is_dir() else path
                con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{files}')")
            equal = " AND ".join(f"a.score_{at} = b.score_{at}" for at, _ in enumerate(MODELS))
            for name in self.names[1:]:
                found = con.execute(
                    f"SELECT count(*), count(*) FILTER ({equal}) FROM {ATTUNE} a JOIN {name} b USING (customer_id)"
                ).fetchone()
                assert found == (self.customers, self.customers), f"{name} has other scores: {found}"
        return self.customers * len(MODELS) * (len(self.names) - 1)

    def ready(self) -> list[tuple[float, float]]:
        """Seconds from the start of the service's process until it is ready, and of its CPU; a few times."""
        own, port = literal(self._both.environment("scoring")), self._both.ports.services["scoring"]
        found = []
        for _ in range(READY_TURNS):
            started = time.perf_counter()
            with serving(ATTUNE, [sys.executable, "-m", "scoring", "app"], own, "/readyz", port, 60, 0.01) as target:
                found.append((time.perf_counter() - started, target.cpu()))
        return found

    def _python(self, module: str, *given: str) -> Told:
        return _told([sys.executable, "-m", module, *given], self._environment)


def _told(argv: list[str], environment: dict[str, str]) -> Told:
    done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.strip().splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


def _newest(lake: Path, number: int) -> Path:
    """The one file of a model's scores: the newest manifest names it."""
    folder = lake / "scores" / f"model=bench-{number}"
    (file,) = json.loads(max((folder / "_manifest").glob("*.json")).read_bytes())["files"]
    return folder / str(file["name"])


@contextmanager
def bank(folder: Path, size: Size, *, peer: bool) -> Iterator[Bench]:
    """Run PostgreSQL and NATS; scoring's tables stand and its bank is filled."""
    with servers(folder, "wall", ["scoring"]) as both:
        own = os.environ | both.environment("scoring")
        subprocess.run([sys.executable, "-m", "scoring", "migrate"], env=own, check=True, capture_output=True)
        bench = Bench(both, folder, size, peer=peer)
        bench.fill(size.customers)
        yield bench


def measure(size: Size, *, peer: bool = True) -> Told:
    """Take turns, compare, look at the start and at the memory."""
    with tempfile.TemporaryDirectory(prefix="attune-b5-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)
        with bank(folder, size, peer=peer) as bench:
            first = bench.run(ATTUNE)  # loads the rows that renewals start from, as the first run of a night does
            turns: dict[str, list[Told]] = {name: [] for name in bench.names}
            for _ in range(size.turns):
                for name, found in turns.items():
                    found.append(bench.run(name))
            compared, ready = bench.compare(), bench.ready()
            larger = None
            if size.larger:
                bench.fill(size.larger)
                larger = bench.run(ATTUNE)
    return figures(size, first, turns, larger) | {
        "compared": compared,
        "ready_seconds": round(statistics.median(seconds for seconds, _ in ready), 2),
        "ready_cpu_seconds": round(statistics.median(cpu for _, cpu in ready), 2),
        "skipped": [] if PEER in turns else [PEER],
    }


def figures(size: Size, first: Told, turns: dict[str, list[Told]], larger: Told | None) -> Told:
    """Medians, and the ratios that B5 is about."""
    scores = size.customers * len(MODELS)
    shown: Told = {name: _shown(found, scores) for name, found in turns.items()}
    shown[ATTUNE]["peak_mb"] = max(turn["peak_mb"] for turn in [first, *turns[ATTUNE]])
    shown["with_rows_loaded"] = _shown([first], scores) | {"database_cpu": round(first["database_cpu"], 2)}
    shown["ratios"] = {
        f"rate_to_{name}": _ratio(found, turns[ATTUNE], "seconds") for name, found in turns.items() if name != ATTUNE
    } | {"cpu_to_onnxruntime": _ratio(turns[ATTUNE], turns[LIMIT], "cpu")}
    if larger:
        shown["larger"] = {"customers": size.larger, **_shown([larger], (size.larger or 0) * len(MODELS))}
        shown["larger"]["peak_mb"] = larger["peak_mb"]
        shown["ratios"]["memory_of_larger"] = round(larger["peak_mb"] / shown[ATTUNE]["peak_mb"], 2)
    return shown | {"customers": size.customers, "models": len(MODELS), "as_of": str(AS_OF)}


def _shown(turns: list[Told], scores: int) -> dict[str, float]:
    seconds = statistics.median(turn["seconds"] for turn in turns)
    told = {"seconds": round(seconds, 2), "scores_per_second": round(scores / seconds)}
    if all("cpu" in turn for turn in turns):
        told["cpu_us_a_score"] = round(statistics.median(turn["cpu"] for turn in turns) / scores * 1e6, 2)
    return told


def _ratio(above: list[Told], below: list[Told], what: str) -> float:
    """The median of the turns' ratios."""
    return round(statistics.median(float(a[what] / b[what]) for a, b in zip(above, below, strict=True)), 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", type=Path, help="not used: nothing is kept")
    parser.add_argument("--no-peer", action="store_true", help="without PySpark, though it is installed")
    options = parser.parse_args()
    # stdout carries the result alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    told = measure(FULL if options.full else TINY if options.tiny else QUICK, peer=not options.no_peer)
    told["load_average"] = round(os.getloadavg()[0], 1)
    sys.stdout.write(json.dumps(told | {"machine": machine()}, indent=None if options.json else 1) + "\n")
    if not options.json:
        ratios = told["ratios"]
        beside = f", {ratios['rate_to_pyspark']}x PySpark's" if "rate_to_pyspark" in ratios else ""
        memory = f"{told[ATTUNE]['peak_mb']} MB"
        if "larger" in told:
            memory += f" ({told['larger']['peak_mb']} MB over {told['larger']['customers']} customers)"
        sys.stdout.write(
            f"B5: {told[ATTUNE]['scores_per_second']} scores a second, {ratios['rate_to_onnxruntime']} of bare ONNX"
            f" Runtime's{beside}; {memory}; ready in {told['ready_seconds']} s\n"
        )


if __name__ == "__main__":
    main()
