"""The command line answers at once: what only some commands need is imported by them."""

import subprocess
import sys

HEAVY = ("duckdb", "fastapi", "lightgbm", "nats", "numpy", "pyarrow", "sqlalchemy")


def test_the_command_line_is_light() -> None:
    code = f"import sys, attune.main; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
