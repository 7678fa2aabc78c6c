"""B2: what serving scores costs: one row and a hundred of forty features as JSON, as columns, as a matrix of float32.

Scoring runs as it ships (token, scope, limits, checks by name and type, ids, access line, 5 % tracing). The limits are
ONNX Runtime behind a Starlette route, behind one ASGI function, and in process for the matrix; the peers are MLServer,
BentoML and LitServe, each in an environment of its own (`python -m benchmarks.peers.environments`; one that is not
there is skipped). Peers are sent the same rows by position, as their protocols have them; every answer is compared
with ONNX Runtime's before anything is timed. The main figure is CPU time a request of the server's processes, in closed
loops whose slices alternate; then an open loop at a fixed rate.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson
import psutil
import structlog
from benchmarks import limit_b2
from benchmarks.load import Plan, generate
from benchmarks.machine import machine, percentile, summary
from benchmarks.model_rows import NAMES, by_feature, named, rows
from benchmarks.peers.environments import python_of
from benchmarks.servers import literal, servers
from benchmarks.serving import ROOT, Target, serving

from attune.ports import free_ports
from scoring.features import Floats

MODEL = "bench-1"
ATTUNE, STARLETTE, RAW, ORT = "attune", "starlette", "raw", "onnxruntime"
PEERS = ("mlserver", "bentoml", "litserve")
ONE, HUNDRED, COLUMNS, MATRIX = "one_row", "hundred_rows", "hundred_rows_as_columns", "matrix"
SIZES = {ONE: 1, HUNDRED: 100, COLUMNS: 100}
CONNECTIONS = 8
PATIENCE = 120.0  # seconds for a server to start
JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Size:
    """Rounds of closed-loop slices of so many seconds; seconds of each open loop; rows of a matrix."""

    rounds: int
    slice_seconds: float
    open_seconds: float
    rate: int
    matrix_rows: int


QUICK = Size(3, 0.5, 0.8, 200, 10_000)
FULL = Size(12, 3.0, 20.0, 300, 10_000)
TINY = Size(1, 0.2, 0.2, 20, 200)

Scores = Callable[[str], list[float]]


@dataclass(frozen=True)
class Kind:
    """How one server is asked with one kind of body, and how its answer is read."""

    path: str
    bodies: list[str]
    read: Scores
    headers: dict[str, str]


@dataclass(frozen=True)
class Slice:
    """What one closed loop told: CPU of the server's processes a request in microseconds, and the answers' times."""

    cpu_us: float
    per_second: float
    latencies: list[float]


def told(*path: str | int) -> Scores:
    """A reader of JSON answers: where the scores stand."""

    def read(body: str) -> list[float]:
        found = orjson.loads(body.encode("latin-1"))
        for part in path:
            found = found[part]
        return [float(value) for value in found]

    return read


def _attune(body: str) -> list[float]:
    return [item["scores"][0] for item in orjson.loads(body.encode("latin-1"))["items"]]


def _matrix(body: str) -> list[float]:
    return [float(value) for value in np.frombuffer(body.encode("latin-1"), "<f8")]


def _json(document: Any) -> str:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY).decode("latin-1")


def kinds(name: str, kind: str, parts: list[Floats], token: str) -> Kind:
    """One server's requests for these rows."""
    positions = [[[None if math.isnan(v) else v for v in row] for row in part.tolist()] for part in parts]
    if name == "mlserver":
        tensor = {"name": "rows", "datatype": "FP32"}
        flat = [[value for row in part for value in row] for part in positions]
        bodies = [
            _json({"inputs": [tensor | {"shape": [len(part), len(NAMES)], "data": data}]})
            for part, data in zip(parts, flat, strict=True)
        ]
        return Kind("/v2/models/b2/infer", bodies, told("outputs", 0, "data"), JSON_TYPE)
    if name == "bentoml":
        return Kind("/score", [_json({"rows": part}) for part in positions], told(), JSON_TYPE)
    if name == "litserve":
        return Kind("/predict", [_json({"rows": part}) for part in positions], told("scores"), JSON_TYPE)
    key, shape = ("columns", by_feature) if kind == COLUMNS else ("rows", named)
    bodies = [_json({"model": MODEL, key: shape(part)}) for part in parts]
    if name == ATTUNE:
        return Kind("/v1/scores", bodies, _attune, JSON_TYPE | {"Authorization": f"Bearer {token}"})
    return Kind("/score", bodies, told("scores"), JSON_TYPE)


def matrix(part: Floats, token: str) -> Kind:
    """Attune's request for the same rows as float32."""
    body = ",".join(NAMES).encode() + b"\n" + part.astype("<f4").tobytes()
    headers = {"Content-Type": "application/octet-stream", "Authorization": f"Bearer {token}"}
    return Kind(f"/v1/scores:matrix?model={MODEL}", [body.decode("latin-1")], _matrix, headers)


def _group_cpu(process: psutil.Process) -> float:
    """Seconds of user and system time of a server's processes so far."""
    spent = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent


class Bench:
    """Servers over one model."""

    def __init__(self, session: onnxruntime.InferenceSession, token: str, size: Size) -> None:
        self._session, self.size = session, size
        self._input = session.get_inputs()[0].name
        self.values = {kind: [rows(count, seed) for seed in range(24)] for kind, count in SIZES.items()}
        self.values[MATRIX] = [rows(size.matrix_rows, 77)]
        self._token = token
        self.targets: dict[str, Target] = {}
        self._asked: dict[tuple[str, str], Kind] = {}

    def add(self, name: str, target: Target) -> None:
        """A server that runs."""
        self.targets[name] = target
        for kind in SIZES:
            if kind != COLUMNS or name not in PEERS:  # theirs are compact already: no name stands in them
                self._asked[name, kind] = kinds(name, kind, self.values[kind], self._token)
        if name == ATTUNE:
            self._asked[name, MATRIX] = matrix(self.values[MATRIX][0], self._token)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every server with every kind of body that it takes."""
        return list(self._asked)

    def exact(self, values: Floats) -> list[float]:
        """What ONNX Runtime answers."""
        scores: list[float] = self._session.run(None, {self._input: values})[0][:, 1].astype(np.float64).tolist()
        return scores

    def compare(self) -> int:
        """Stop unless every server gives ONNX Runtime's answers; how many scores were compared."""
        count = 0
        for (name, kind), asked in self._asked.items():
            happened = generate(self._plan(name, kind, connections=1, count=len(asked.bodies), keep_bodies=True))
            assert happened.refused == 0, f"{name} refused {kind}: {happened.bodies[0][:300]}"
            for body, values in zip(happened.bodies, self.values[kind], strict=True):
                found, exact = asked.read(body), self.exact(values)
                assert len(found) == len(exact), f"{name} answers {len(found)} of {len(exact)} rows"
                assert np.allclose(found, exact, rtol=0, atol=1e-6), f"{name} gives other scores for {kind}"
                count += len(found)
        return count

    def slice(self, name: str, kind: str) -> Slice:
        """One closed loop."""
        process = self.targets[name].process
        before = _group_cpu(process)
        connections = 2 if kind == MATRIX else CONNECTIONS
        happened = generate(self._plan(name, kind, connections=connections, seconds=self.size.slice_seconds))
        assert happened.refused == 0, f"{name} refused {happened.refused} requests for {kind}"
        spent = (_group_cpu(process) - before) / happened.count * 1e6
        return Slice(spent, happened.count / happened.seconds, happened.latencies)

    def ort(self) -> Slice:
        """The matrix by ONNX Runtime alone, for as long as a slice, in this process."""
        (values,) = self.values[MATRIX]
        before, until, count = time.process_time(), time.perf_counter() + self.size.slice_seconds, 0
        while time.perf_counter() < until:
            self._session.run(None, {self._input: values})
            count += 1
        spent = (time.process_time() - before) / count
        return Slice(spent * 1e6, 1 / spent, [])

    def at_rate(self, name: str) -> dict[str, float]:
        """What those meet who ask for one row at a fixed rate."""
        plan = self._plan(name, ONE, connections=16, seconds=self.size.open_seconds, rate=float(self.size.rate))
        happened = generate(plan)
        return summary(happened.latencies) | {"refused": happened.refused, "answered": happened.count}

    def _plan(self, name: str, kind: str, **how: Any) -> Plan:
        asked = self._asked[name, kind]
        return Plan(self.targets[name].port, [asked.path], asked.headers, sent=asked.bodies, **how)


def _peer(name: str, python: str, folder: Path, model: Path) -> tuple[list[str], dict[str, str], str]:
    """How a peer is started: its command, its settings, and a path that answers once it is ready."""
    here, named_model = Path(__file__).parent / "peers", {"MODEL": str(model)}
    if name == "mlserver":
        grpc, metrics = free_ports(2)
        ports = {"MLSERVER_GRPC_PORT": str(grpc), "MLSERVER_METRICS_PORT": str(metrics), "MLSERVER_HTTP_PORT": "{port}"}
        return (
            [str(Path(python).with_name("mlserver")), "start", str(here / "mlserver_b2")],
            named_model | ports,
            "/v2/health/ready",
        )
    if name == "bentoml":
        own = {"BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "True", "BENTOML_PORT": "{port}"}
        argv = [
            python,
            "-m",
            "bentoml",
            "serve",
            "bentoml_b2:Scores",
            "--working-dir",
            str(here),
            "--host",
            "127.0.0.1",
        ]
        return argv, named_model | own, "/readyz"
    return [python, str(here / "litserve_b2.py")], named_model | {"PORT": "{port}"}, "/health"


@contextmanager
def _ended() -> Iterator[list[psutil.Process]]:
    """Processes that are gone when the block ends: LitServe leaves its workers behind."""
    processes: list[psutil.Process] = []
    try:
        yield processes
    finally:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.kill()


@contextmanager
def everything(folder: Path, size: Size, peers: tuple[str, ...]) -> Iterator[tuple[Bench, list[str]]]:
    """Run scoring as it ships, both limits, and the peers that are installed; who was skipped."""
    python, model = [sys.executable, "-m"], folder / "model.onnx"
    with servers(folder, "wall", ["scoring"]) as both, ExitStack() as stack:
        own = both.environment("scoring")
        subprocess.run([*python, "scoring", "migrate"], env=own, check=True, capture_output=True)
        subprocess.run([*python, "benchmarks.bank_b2", str(model)], env=own, check=True, cwd=ROOT)
        bench = Bench(limit_b2.session(str(model)), both.issuer.issue("marketer", "HQ")[0], size)
        port = both.ports.services["scoring"]
        run = stack.enter_context
        bench.add(ATTUNE, run(serving(ATTUNE, [*python, "scoring", "app"], literal(own), "/readyz", port, PATIENCE)))
        for name in (STARLETTE, RAW):
            settings = {"PORT": "{port}", "MODEL": str(model)}
            bench.add(name, run(serving(name, [*python, "benchmarks.limit_b2", name], settings, "/", None, PATIENCE)))
        skipped = []
        for name in peers:
            if (interpreter := python_of(name)) is None:
                skipped.append(name)
                continue
            leftovers = run(_ended())
            target = run(serving(name, *_peer(name, interpreter, folder, model), None, PATIENCE))
            leftovers += target.process.children(recursive=True)
            bench.add(name, target)
        yield bench, skipped


def measure(size: Size, peers: tuple[str, ...] = PEERS) -> dict[str, Any]:
    """Measure all in alternating slices, then each at a fixed rate."""
    with tempfile.TemporaryDirectory(prefix="attune-b2-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)
        with everything(folder, size, peers) as (bench, skipped):
            compared = bench.compare()
            slices: dict[tuple[str, str], list[Slice]] = {pair: [] for pair in [*bench.pairs, (ORT, MATRIX)]}
            for number in range(size.rounds + 1):
                for (name, kind), found in slices.items():
                    told = bench.ort() if name == ORT else bench.slice(name, kind)
                    found += [told] if number else []  # the first round warms
            fixed = {name: bench.at_rate(name) for name in bench.targets}
    return figures(slices, size) | {"compared": compared, "open_loop": fixed, "skipped": skipped}


def figures(slices: dict[tuple[str, str], list[Slice]], size: Size) -> dict[str, Any]:
    """The medians of each server, and the ratios that B2 is about."""
    names = list(dict.fromkeys(name for name, _ in slices))
    present = [name for name in PEERS if name in names]
    shown: dict[str, Any] = {
        kind: {name: _shown(slices[name, kind]) for name in names if (name, kind) in slices}
        for kind in (*SIZES, MATRIX)
    }
    ratios: dict[str, Any] = {}
    for kind in SIZES:
        ratios[kind] = {f"cpu_to_{n}": _ratio(slices[ATTUNE, kind], slices[n, kind]) for n in (STARLETTE, RAW)}
        if present:
            theirs = HUNDRED if kind == COLUMNS else kind
            best = max(present, key=lambda name: shown[theirs][name]["per_second"])
            beside = zip(slices[ATTUNE, kind], slices[best, theirs], strict=True)
            rate = [a.per_second / b.per_second for a, b in beside]
            ratios[kind] |= {"best_peer": best, "rate_to_best_peer": round(statistics.median(rate), 2)}
    share = _ratio(slices[ORT, MATRIX], slices[ATTUNE, MATRIX])
    rows_per_second = round(size.matrix_rows / statistics.median(s.cpu_us for s in slices[ATTUNE, MATRIX]) * 1e6)
    ratios[MATRIX] = {"rows_to_onnxruntime": share, "rows_per_cpu_second": rows_per_second}
    return {"closed_loop": shown, "ratios": ratios}


def _shown(slices: list[Slice]) -> dict[str, float]:
    """One server's medians."""
    told = {
        "cpu_us": round(statistics.median(s.cpu_us for s in slices), 1),
        "per_second": round(statistics.median(s.per_second for s in slices), 1),
    }
    latencies = [seconds for s in slices for seconds in s.latencies]
    if latencies:
        told |= {f"p{n}_ms": round(percentile(latencies, n / 100) * 1000, 2) for n in (50, 99)}
    return told


def _ratio(own: list[Slice], other: list[Slice]) -> float:
    """The median of the slices' ratios of CPU time."""
    return round(statistics.median(a.cpu_us / b.cpu_us for a, b in zip(own, other, strict=True)), 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", type=Path, help="not used: nothing is kept")
    parser.add_argument("--peers", default=",".join(PEERS), help="with commas; empty for none")
    options = parser.parse_args()
    # stdout carries the result alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    size = FULL if options.full else TINY if options.tiny else QUICK
    told = measure(size, tuple(filter(None, options.peers.split(","))))
    told["load_average"] = round(os.getloadavg()[0], 1)
    sys.stdout.write(json.dumps(told | {"machine": machine()}, indent=None if options.json else 1) + "\n")
    if not options.json:
        lines = [_line(kind, told["ratios"][kind]) for kind in SIZES]
        many = told["ratios"][MATRIX]["rows_to_onnxruntime"]
        sys.stdout.write(f"B2: {'; '.join(lines)}; a matrix {many} of ONNX Runtime's rows\n")


def _line(kind: str, ratios: dict[str, Any]) -> str:
    beside = f", {ratios['rate_to_best_peer']}x {ratios['best_peer']}'s rate" if "best_peer" in ratios else ""
    return f"{kind.replace('_', ' ')} {ratios['cpu_to_starlette']}x the limit's CPU{beside}"


if __name__ == "__main__":
    main()
