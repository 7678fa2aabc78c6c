"""What both bundled servers need: a free port, a start in the foreground that ends with its parent, a bounded stop."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def free_port() -> int:
    """Return a loopback port that nobody listens on right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ending_with_parent(argv: Sequence[str], how: signal.Signals) -> list[str]:
    """Return the command line under which the kernel ends the child with its parent, where there is setpriv (Linux).

    Not by `preexec_fn`: that forks with Python's at-fork hooks, and the tracer's hook may wait in the child for ever.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", how.name.removeprefix("SIG"), "--", *argv] if setpriv else list(argv)


def start(argv: Sequence[str], log: Path, ending: signal.Signals, **options: Any) -> subprocess.Popen[bytes]:
    """Start a server in its own session, output appended to `log`; it gets `ending` when this process dies."""
    with log.open("ab") as output:
        return subprocess.Popen(
            _ending_with_parent(argv, ending),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )


def stop(process: subprocess.Popen[bytes], how: signal.Signals, timeout: float = 20.0) -> None:
    """End a server by the signal it knows; kill it if it has not ended within `timeout` seconds."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
