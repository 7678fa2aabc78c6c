"""Servers under test: each a process of its own, whose CPU time is what a request costs."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from attune.ports import free_port

ROOT = Path(__file__).parents[1]


@dataclass
class Target:
    """A process that is asked."""

    name: str
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def serving(
    name: str,
    argv: list[str],
    environment: dict[str, str],
    ready: str,
    port: int | None = None,
    patience: float = 30,
    every: float = 0.05,
) -> Iterator[Target]:
    """Run a server until the block ends, on any free port by default; `{port}` in the environment stands for it."""
    port = port or free_port()
    own = {key: value.format(port=port) for key, value in environment.items()}
    process = subprocess.Popen(
        argv, cwd=ROOT, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=1).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(every)
        yield Target(name, port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(10)
