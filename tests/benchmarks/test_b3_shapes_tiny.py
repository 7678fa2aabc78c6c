"""The eight shapes' benchmark at a tiny size, for correctness only: the worker finds what the pure code finds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_worker_finds_what_the_pure_code_finds() -> None:
    command = [sys.executable, "-m", "benchmarks.shapes_b3", "--tiny", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["worker"]["100 triggers"]["detections"] > 0
