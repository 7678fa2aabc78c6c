"""B6 at a tiny size, for correctness only: both give the same answers. No figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_b6_answers_as_the_limit_does() -> None:
    command = [sys.executable, "-m", "benchmarks.b6", "--tiny", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["customers"], figures["compared"]) == (300, 100)
    for kind in ("view", "vector"):
        for rates in figures["open_loop"][kind].values():
            assert all(rate["refused"] == 0 and rate["answered"] > 0 for rate in rates.values())
