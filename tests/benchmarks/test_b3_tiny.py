"""The benchmarks run at a tiny size, for correctness only: equal outputs, nothing lost. No figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_b3_finds_what_the_limit_finds() -> None:
    command = [sys.executable, "-m", "benchmarks.b3", "--tiny", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["events"] == 900
    assert figures["opportunities"] > 0
    assert figures["lost"] == 0
