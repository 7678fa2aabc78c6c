"""The figures of the condition language at a tiny size: equal answers, every figure there. None is judged here."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_condition_language_is_compared_with_equal_answers() -> None:
    command = [sys.executable, "-m", "benchmarks.expressions", "--tiny", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["rows"] == 500
    assert len(found["hostile_ms"]) == 6
    assert all(found["one_row"][name]["times"] > 0 for name in ("one", "ten"))
    assert found["many_rows"]["times"] > 0
