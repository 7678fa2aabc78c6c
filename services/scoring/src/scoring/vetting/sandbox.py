"""Ask the process with limits about models. Its environment holds nothing of ours: no address, no key."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from scoring.feature_specs import FeatureSpec
from scoring.outputs import Output

MEMORY = 1 << 30
CPU_SECONDS = 8
SECONDS = 10.0
"""From the moment that a model is looked at: the process is up by then."""

_STARTING = 60.0
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ORT_DISABLE_TELEMETRY": "1",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True)
class Suspect:
    """A file that may be a model, and what it is said to be."""

    path: Path
    sha256: str
    specs: Sequence[FeatureSpec]
    output: Output


@dataclass(frozen=True)
class Verdict:
    """Why not, each with code, texts and place; nothing where it may become a model. And what was seen of it."""

    reasons: list[dict[str, str]]
    facts: dict[str, Any]


def ask(
    suspects: Sequence[Suspect], *, memory: int = MEMORY, cpu: int = CPU_SECONDS, seconds: float = SECONDS
) -> list[Verdict]:
    """Look at each in a fork of one process; takes as long as they do, so never in the event loop."""
    requests = b"".join(orjson.dumps(_request(s, memory, cpu, seconds)) + b"\n" for s in suspects)
    answered = subprocess.run(
        [sys.executable, "-I", "-m", "scoring.vetting.child"],
        input=requests,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT | {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
        cwd="/",
        timeout=_STARTING + (seconds + 1) * len(suspects),
        start_new_session=True,
        check=True,
    )
    return [Verdict(**orjson.loads(line)) for line in answered.stdout.splitlines()]


def _request(suspect: Suspect, memory: int, cpu: int, seconds: float) -> dict[str, Any]:
    output = asdict(suspect.output)
    # JSON knows no infinity: a bound that is not told is left out.
    bounds = {name: value for name in ("lowest", "highest") if abs(value := output.pop(name)) != float("inf")}
    return {
        "path": str(suspect.path),
        "sha256": suspect.sha256,
        "specs": [spec.model_dump() for spec in suspect.specs],
        "output": output | bounds,
        "memory": memory,
        "cpu": cpu,
        "seconds": seconds,
    }
