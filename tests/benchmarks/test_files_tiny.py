"""From file to file at a tiny size: Attune's figures are there without the peer. None is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_trigger_and_a_filter_go_from_file_to_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.files_b3", "--tiny", "--json"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=ROOT,
        env=os.environ | {"ATTUNE_PEERS": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert (found["postings"], found["rows"]) == (10_000, {"own_history": 651, "filter": 627})
    for what in ("own_history", "filter"):
        assert found[what].keys() == {"attune"}
        assert found[what]["attune"]["seconds"] > 0
    assert "PyFlink is not installed" in done.stderr
