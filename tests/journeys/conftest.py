"""Journeys drive the product from outside: the command line, real processes, the gateway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")


class Attune:
    """Runs `attune` commands as a person or a script would: in processes of their own."""

    root = ROOT

    def command(self, *arguments: object) -> list[str]:
        """The command line, in the environment that runs the tests."""
        return [sys.executable, "-m", "attune.main", *(str(a) for a in arguments)]

    def __call__(self, *arguments: object, timeout: float = 280) -> dict[str, Any]:
        """Run with --json and return its object; a refusal fails the test with its own words."""
        done = self._run(*arguments, "--json", timeout=timeout)
        assert done.returncode == 0, done.stderr[-3000:]
        lines = done.stdout.strip().splitlines()
        assert len(lines) == 1, f"stdout carries more than one JSON object: {done.stdout[:500]}"
        return dict(json.loads(lines[0]))

    def refused(self, *arguments: object) -> str:
        """Run a command that must fail; return its one line."""
        done = self._run(*arguments, timeout=60)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout == ""
        return done.stderr

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command with --json and let it run."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command(*arguments, "--json"), stdout=pipe, stderr=pipe, text=True, cwd=ROOT)

    def _run(self, *arguments: object, timeout: float) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)


@pytest.fixture(scope="session")
def attune() -> Attune:
    """The command line."""
    return Attune()


@pytest.fixture(scope="module")
def home(server_dir: Path, attune: Attune, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A running home of this module's own; ended and its processes gone after it."""
    folder = server_dir / f"home-{request.module.__name__.rsplit('.', 1)[-1]}"
    attune("up", "--detach", "--home", folder)
    yield folder
    attune("down", "--home", folder)


@pytest.fixture(scope="session")
def berka() -> Path:
    """The folder of the real Czech bank, or the reason why this test is skipped."""
    folder = REAL_DATA / "berka"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist (set ATTUNE_REAL_DATA)")
    return folder
