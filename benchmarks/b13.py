"""B13: what safety costs.

The decision of B1, by campaign's own process over one bank, with everything on and with what is for safety off, alone
and together: telemetry (ids, spans, access line), authorisation (token, scope, row security), audit (the committed
record of each decision). Of a decision no field is masked; what masking costs is a part of B6. All must choose the same
offers in the same order before anything is timed. The main figure is CPU time a decision, of the process and of its
backends in PostgreSQL, in closed loops whose slices alternate: off / on.

Beside them everything off but for a span of every request, which is what instrumentations make where nothing is said:
by FastAPI's own, and by OpenTelemetry's package for FastAPI where that is installed (`benchmarks.peers.environments`).
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import b1
from benchmarks.command_line import options, read, tell
from benchmarks.peers.environments import packages_of, python_of
from benchmarks.servers import Slice, literal, servers
from benchmarks.serving import serving

ON, OFF, TRACED, PEER = "on", "off", "traced", "instrumented"
WITHOUT = ("telemetry", "authorisation", "audit")
# What is off in each; `traced` has spans of every request beside that.
VARIANTS: dict[str, tuple[str, ...]] = {ON: (), OFF: WITHOUT} | {f"without_{what}": (what,) for what in WITHOUT}
VARIANTS[TRACED] = ("authorisation", "audit")
if python_of("opentelemetry"):
    VARIANTS[PEER] = WITHOUT


@dataclass(frozen=True)
class Size:
    """The bank of B1; rounds of closed-loop slices of so many seconds."""

    bank: b1.Size
    rounds: int
    slice_seconds: float


QUICK = Size(b1.QUICK, 4, 1.5)
FULL = Size(b1.Size(100_000, 50, 0, 0, 0), 12, 4.0)
TINY = Size(b1.TINY, 1, 0.2)


@contextmanager
def everything(folder: Path, size: Size) -> Iterator[b1.Bench]:
    """Run PostgreSQL, NATS and one campaign process for each variant over the same bank."""
    with servers(folder, "events", ["campaign"]) as both, ExitStack() as stack:
        campaign = both.environment("campaign")
        subprocess.run([sys.executable, "-m", "campaign", "migrate"], env=campaign, check=True, capture_output=True)
        asyncio.run(b1._fill(both.postgres, size.bank))
        bench = b1.Bench(both, both.issuer.issue("teller", "HQ")[0], size.bank)
        unbound = {"CAMPAIGN_DATABASE_URL": both.postgres.url("attune", "campaign")}
        spans = {"CAMPAIGN_SAMPLE_RATIO": "1", "CAMPAIGN_TRACE_FILE": str(folder / "spans.jsonl")}
        peer = spans | {"INSTRUMENTATION": str(packages_of("opentelemetry"))}
        more = {TRACED: spans, PEER: peer}
        for name, off in VARIANTS.items():
            own = campaign | (unbound if "authorisation" in off else {}) | more.get(name, {})
            settings = literal(own | {"NAME": f"b13-{name}", "OFF": ",".join(off)}) | {"CAMPAIGN_PORT": "{port}"}
            argv = [sys.executable, "-m", "benchmarks.bare_b13"]
            bench.targets[name] = stack.enter_context(serving(name, argv, settings, "/readyz"))
            bench.backends[name] = f"b13-{name}"
        yield bench


def measure(size: Size) -> dict[str, Any]:
    """Measure all variants in alternating slices."""
    with tempfile.TemporaryDirectory(prefix="attune-b13-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)
        with everything(folder, size) as bench:
            equal = bench.compare(ON)
            for name in VARIANTS:  # warm
                bench.cpu(name, size.slice_seconds)
            slices: dict[str, list[Slice]] = {name: [] for name in VARIANTS}
            for _ in range(size.rounds):
                for name in VARIANTS:
                    slices[name].append(bench.cpu(name, size.slice_seconds))
    return {
        "customers": size.bank.customers,
        "equal": equal,
        "closed_loop": {name: b1._medians(values) for name, values in slices.items()},
        "off_to_on": _kept(slices[OFF], slices[ON]),
        "rate_on_to_off": round(_rates(slices[ON], slices[OFF]), 2),
        "added_us": {what: _added(slices[ON], slices[f"without_{what}"]) for what in WITHOUT},
        "spans_of_everything_added_us": _added(slices[TRACED], slices[OFF]),
        "opentelemetry_instrumentation": _added(slices[PEER], slices[OFF])
        if PEER in slices
        else "skipped: no environment",
    }


def _kept(off: list[Slice], on: list[Slice]) -> dict[str, float]:
    """CPU time with everything off, of that with everything on."""
    shares = [(a[0] + a[1]) / (b[0] + b[1]) for a, b in zip(off, on, strict=True)]
    shown = statistics.median(shares), min(shares), max(shares)
    return dict(zip(("median", "lowest", "highest"), (round(value, 2) for value in shown), strict=True))


def _rates(on: list[Slice], off: list[Slice]) -> float:
    """Decisions a second, of those with everything off."""
    return statistics.median(a[2] / b[2] for a, b in zip(on, off, strict=True))


def _added(more: list[Slice], less: list[Slice]) -> float:
    """Microseconds of CPU more for each decision, of the process and its backends."""
    return round(statistics.median(a[0] + a[1] - b[0] - b[1] for a, b in zip(more, less, strict=True)), 1)


def main() -> None:
    """Measure and print."""
    asked = read(options(__doc__))
    figures = measure(FULL if asked.full else TINY if asked.tiny else QUICK)
    added = ", ".join(f"{what} {us} us" for what, us in figures["added_us"].items())
    kept = figures["off_to_on"]["median"]
    closing = f"B13: everything on does {kept} of what everything off does, by CPU a decision ({added})"
    tell(figures, closing, as_json=asked.json)


if __name__ == "__main__":
    main()
