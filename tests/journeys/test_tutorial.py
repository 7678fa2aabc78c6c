"""The tutorial, walked by its own words: what it tells to type is typed, and what it promises comes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def steps(port: int) -> list[tuple[str, str]]:
    """Language and text of each block, at the address of the home that was started for it."""
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    return FENCE.findall(text)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_tutorial_is_walked_as_it_stands(tmp_path: Path, server_dir: Path, attune: Any) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ATTUNE_HOME": str(server_dir / "tutorial"),
    }

    def typed(lines: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, (lines, done.stderr[-2000:])
        return done.stdout + done.stderr

    for folder in ("mappings", "specs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (begin,) = (text for language, text in steps(0)[:1] if not language)
    try:
        # What this environment has stands already; the address is the one that `up` names.
        said = typed("\n".join(line for line in begin.splitlines() if line.startswith("attune ")))
        port = int(re.findall(r"up: http://127\.0\.0\.1:(\d+)", said)[0])
        answers = []
        for language, text in steps(port)[1:]:
            if language == "python":
                (tmp_path / "teller.py").write_text(text, "utf-8")
            else:
                answers.append(typed(text.replace(".venv/bin/", "")))
    finally:
        attune("down", "--home", environment["ATTUNE_HOME"])
    imported, trained, replayed, looked, measured, served = answers
    assert "no rejects" in imported
    assert "cards/propensity-purchase-v1.html" in trained
    assert "opportunities" in replayed
    assert '"large-deposit"' in looked
    assert '"verdict":"not proved"' in measured
    assert "一年期定期存款" in served
