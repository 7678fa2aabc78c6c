"""B2 at a tiny size, for correctness only: everybody gives ONNX Runtime's scores. No figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_b2_scores_as_onnx_runtime_does() -> None:
    command = [sys.executable, "-m", "benchmarks.b2", "--tiny", "--json", "--peers="]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["compared"] == 3 * 24 * 201 + 200
    for kind in ("one_row", "hundred_rows", "hundred_rows_as_columns"):
        assert {name: shown["per_second"] > 0 for name, shown in figures["closed_loop"][kind].items()} == dict.fromkeys(
            ("attune", "starlette", "raw"), True
        )
    assert all(rate["refused"] == 0 and rate["answered"] > 0 for rate in figures["open_loop"].values())
