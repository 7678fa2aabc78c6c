"""A running home for the time of one command: the one that is up, or one started for it and ended after it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from attune.home import Clock, Home
from attune.output import Failure, console
from attune.supervisor import is_running

START_SECONDS = 120.0


def supervisor_pid(home: Home) -> int | None:
    """Return the pid of the supervisor that runs this home, None if nobody does."""
    state = home.state().get("supervisor")
    return int(state["pid"]) if state and is_running(int(state["pid"]), state["started"]) else None


@contextmanager
def running(home: Home, clock: Clock | None = None) -> Iterator[Home]:
    """Use the home that is up; if none is, start it for this command and end it after."""
    if supervisor_pid(home):
        yield home
        return
    console.print(f"[dim]starting {home.root} for this command …[/dim]")
    with supervised(home, clock):
        yield home


@contextmanager
def supervised(home: Home, clock: Clock | None = None, port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a supervisor of our own: it ends when this block, or this process, ends."""
    # The supervisor reads our end of a pipe: when we die, however we die, it reads the end of file and stops.
    process = spawn(home, clock, port, stdin=subprocess.PIPE, until_eof=True)
    try:
        wait_up(home, process)
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait(60)


def spawn(
    home: Home,
    clock: Clock | None,
    port: int | None,
    *,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    until_eof: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `attune up` in a session of its own, with its output in the home's log."""
    home.create(clock)
    argv = [sys.executable, "-m", "attune.main", "up", "--home", str(home.root)]
    argv += ["--clock", clock] if clock else []
    argv += ["--port", str(port)] if port else []
    argv += ["--until-eof"] if until_eof else []
    with supervisor_log(home).open("wb") as log:
        return subprocess.Popen(argv, stdin=stdin, stdout=log, stderr=log, start_new_session=True, env=dict(os.environ))


def supervisor_log(home: Home) -> Path:
    """Where a supervisor in the background writes."""
    return home.logs / "supervisor.log"


def wait_up(home: Home, process: subprocess.Popen[bytes]) -> None:
    """Wait until the supervisor says that everything serves."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        state = home.state()
        if state.get("supervisor", {}).get("pid") == process.pid and state.get("ready"):
            return
        if process.poll() is not None:
            raise Failure(supervisor_log(home).read_text().strip().removeprefix("attune: ") or "the supervisor ended")
        time.sleep(0.05)
    process.terminate()
    raise Failure(f"not up within {START_SECONDS:.0f} s: see {home.logs}")
