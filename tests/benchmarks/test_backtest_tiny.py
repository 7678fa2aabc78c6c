"""The backtest beside hand-written SQL at a tiny size: equal detections, every figure there. None is judged here."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments, "--tiny", "--json"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=ROOT,
    )


def test_the_backtest_is_compared_with_equal_detections() -> None:
    done = ran("-m", "benchmarks.backtest_b3")
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert (found["postings"], found["detections"]) == (10_000, 275)
    for way in ("attune", "by_hand"):
        assert found[way].keys() == {"found", "seconds", "cpu_seconds", "peak_mb"}
        assert (found[way]["found"], found[way]["seconds"] > 0) == (275, True)


def test_detections_that_differ_are_no_figure() -> None:
    nothing_undone = "b.REVERSED = \"SELECT '', 0 WHERE $last < DATE '1990-01-01'\""
    done = ran("-c", f"import benchmarks.backtest_b3 as b; {nothing_undone}; b.main()")
    assert done.returncode == 1
    assert "the outputs differ" in done.stderr
