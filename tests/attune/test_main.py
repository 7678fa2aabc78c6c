"""The command line answers at once: what only some commands need is imported by them."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from attune.main import PANELS, main

HEAVY = ("duckdb", "fastapi", "lightgbm", "nats", "numpy", "pyarrow", "sqlalchemy")


def test_the_command_line_is_light() -> None:
    code = f"import sys, attune.main; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_it_says_its_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["attune", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().out) == (0, f"attune {version('attune-cli')}\n")


def test_help_shows_each_command_once_where_it_belongs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["attune", "--help"])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().out
    places = [said.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    for names in PANELS.values():
        for name in names:
            assert said.count(f"│ {name} ") == 1, name
