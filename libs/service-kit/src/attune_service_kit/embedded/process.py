"""What both bundled servers need: a free port, a start in the foreground that ends with its parent, a bounded stop."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """Return a loopback port that nobody listens on right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs before exec so that the kernel ends it with its parent (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, int(how))


def start(argv: Sequence[str], log: Path, ending: signal.Signals, **options: Any) -> subprocess.Popen[bytes]:
    """Start a server in its own session, output appended to `log`; it gets `ending` when this process dies."""
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent(ending),
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
