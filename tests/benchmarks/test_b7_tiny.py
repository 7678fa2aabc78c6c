"""B7 at a tiny size, for correctness only: the rows of both sides are equal, every bad one is reported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_b7_imports_what_the_limit_copies() -> None:
    command = [sys.executable, "-m", "benchmarks.b7", "--tiny", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["parquet"]["rows"], figures["parquet"]["rejected"]) == (30_000, 30)
    assert set(figures["memory"]) == {"peak_mb_at_a_tenth", "growth"}
    stored = figures["postgres"]
    assert min(stored.values()) > 0
    assert {"times_to_sql", "times_to_sql_multi", "parties_share_of_copy"} <= set(stored)
