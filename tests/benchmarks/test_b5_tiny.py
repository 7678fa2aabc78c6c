"""B5 at a tiny size, for correctness only: every score is ONNX Runtime's to the bit. No figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_b5_scores_everybody_as_onnx_runtime_does() -> None:
    command = [sys.executable, "-m", "benchmarks.b5", "--tiny", "--json", "--no-peer"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["customers"], figures["models"], figures["compared"]) == (2_000, 5, 10_000)
    assert figures["skipped"] == ["pyspark"]
    assert min(*figures["ratios"].values(), figures["ready_seconds"], figures["attune"]["peak_mb"]) > 0
