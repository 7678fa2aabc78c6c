"""B13 at a tiny size, for correctness only: with and without what is for safety the same is chosen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_b13_decides_alike_with_everything_on_and_off() -> None:
    command = [sys.executable, "-m", "benchmarks.b13", "--tiny", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["equal"]["compared"] == 200
    without = {"without_telemetry", "without_authorisation", "without_audit"}
    assert set(figures["closed_loop"]) == {"on", "off", "traced"} | without
    assert all(variant["process_us"] > 0 for variant in figures["closed_loop"].values())
