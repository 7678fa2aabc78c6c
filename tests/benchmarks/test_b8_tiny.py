"""B8 at a tiny size: the three answer alike. No figure is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(120)
def test_b8_compares_equal_answers() -> None:
    command = [sys.executable, "-m", "benchmarks.b8", "--tiny", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    assert set(figures["cpu_us"]) == {"direct", "gateway", "httpx_proxy"}
    assert figures["times_the_proxy"] > 0
