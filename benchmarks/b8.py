"""B8: what the gateway adds to an authenticated read.

The same requests go to a raw ASGI server directly, through Attune's gateway (token verified and cached, route by
template, request ids, limits, access line) and through a FastAPI + httpx proxy that verifies the token. All answers are
equal before anything is timed. The main figure is the CPU time of the process in the middle for each request, in
closed loops whose slices alternate; then latencies in an open loop, direct and through the gateway in turn.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.command_line import options, read, tell
from benchmarks.load import Plan, generate
from benchmarks.machine import percentile
from benchmarks.serving import Target, serving

from attune_contracts.audiences import audience_of
from attune_service_kit.auth import DevelopmentIssuer

PATHS = [f"/v1/customers/0190a7c0-0000-8000-8000-{n:012d}" for n in range(200)]
RATE = 300.0


@dataclass(frozen=True)
class Size:
    """How much is asked: rounds of closed-loop slices of so many requests, open-loop slices of so many seconds."""

    rounds: int
    requests: int
    open_rounds: int
    open_seconds: float


QUICK, FULL, TINY = Size(5, 3_000, 3, 4.0), Size(12, 8_000, 9, 10.0), Size(1, 60, 1, 0.3)


@contextmanager
def everything(folder: Path) -> Iterator[tuple[dict[str, Target], dict[str, str]]]:
    """Run the three servers; gives them and the headers of a request."""
    issuer = DevelopmentIssuer(folder)
    headers = {"Authorization": f"Bearer {issuer.issue('call_centre')[0]}"}
    python = [sys.executable, "-m"]
    with serving("direct", [*python, "benchmarks.limit_b8"], {"PORT": "{port}"}, "/") as direct:
        upstream = f"http://127.0.0.1:{direct.port}"
        names = ("customer_360", "eventing", "insight", "scoring", "campaign")
        gateway_settings = {
            "GATEWAY_ENVIRONMENT": "development",
            "GATEWAY_PORT": "{port}",
            "GATEWAY_UPSTREAMS": json.dumps(dict.fromkeys(names, upstream)).replace("{", "{{").replace("}", "}}"),
            "GATEWAY_TOKEN_ISSUER": issuer.issuer,
            "GATEWAY_TOKEN_JWKS": str(issuer.jwks_path),
            "GATEWAY_CLIENT_REQUESTS": "1000000",
        }
        peer_settings = {
            "PORT": "{port}",
            "UPSTREAM": upstream,
            "JWKS": str(issuer.jwks_path),
            "ISSUER": issuer.issuer,
            "AUDIENCE": audience_of("gateway"),
        }
        with (
            serving("gateway", [*python, "gateway", "app"], gateway_settings, "/livez") as gateway,
            serving("httpx_proxy", [*python, "benchmarks.peers.httpx_proxy"], peer_settings, "/") as peer,
        ):
            yield {t.name: t for t in (direct, gateway, peer)}, headers


def compare(targets: dict[str, Target], headers: dict[str, str]) -> None:
    """Stop unless all three give the same answers."""
    plans = {name: Plan(t.port, PATHS[:20], headers, 2, count=40, keep_bodies=True) for name, t in targets.items()}
    bodies = {name: sorted(generate(plan).bodies) for name, plan in plans.items()}
    assert bodies["direct"] == bodies["gateway"] == bodies["httpx_proxy"], "the three answer differently"
    assert len(bodies["direct"]) == 40


def cpu_of(target: Target, headers: dict[str, str], requests: int) -> float:
    """Microseconds of the process's CPU time for each request of a closed loop."""
    before = target.cpu()
    happened = generate(Plan(target.port, PATHS, headers, 8, count=requests))
    assert happened.refused == 0, f"{target.name} refused {happened.refused} requests"
    return (target.cpu() - before) / happened.count * 1e6


def measure(size: Size) -> dict[str, Any]:
    """Measure the three in alternating slices."""
    with tempfile.TemporaryDirectory(prefix="attune-b8-") as folder, everything(Path(folder)) as (targets, headers):
        compare(targets, headers)
        for target in targets.values():  # warm
            cpu_of(target, headers, max(100, size.requests // 4))
        cpu: dict[str, list[float]] = {name: [] for name in targets}
        for _ in range(size.rounds):
            for name, target in targets.items():
                # The proxy is slow: a third of the requests say as much.
                cpu[name].append(cpu_of(target, headers, size.requests // (3 if name == "httpx_proxy" else 1)))
        added, direct = [], []
        for _ in range(size.open_rounds):
            tails = {}
            for name in ("direct", "gateway"):
                plan = Plan(targets[name].port, PATHS, headers, 16, seconds=size.open_seconds, rate=RATE)
                tails[name] = percentile(generate(plan).latencies, 0.99) * 1000
            direct.append(tails["direct"])
            added.append(tails["gateway"] - tails["direct"])
    # The clock of processes goes by hundredths of a second: few requests may seem to have cost nothing.
    ratios = [peer / max(own, 1.0) for peer, own in zip(cpu["httpx_proxy"], cpu["gateway"], strict=True)]
    return {
        "cpu_us": {name: round(statistics.median(values), 1) for name, values in cpu.items()},
        "gateway_cpu_us_spread": [round(min(cpu["gateway"]), 1), round(max(cpu["gateway"]), 1)],
        "times_the_proxy": round(statistics.median(ratios), 2),
        "rate": RATE,
        "direct_p99_ms": round(statistics.median(direct), 2),
        "added_p99_ms": round(statistics.median(added), 2),
    }


def main() -> None:
    """Measure and print."""
    asked = read(options(__doc__))
    figures = measure(FULL if asked.full else TINY if asked.tiny else QUICK)
    closing = (
        f"B8: {figures['cpu_us']['gateway']} us of CPU added, {figures['times_the_proxy']}x better than FastAPI + "
        f"httpx, p99 +{figures['added_p99_ms']} ms at {RATE:.0f}/s"
    )
    tell(figures, closing, as_json=asked.json)


if __name__ == "__main__":
    main()
