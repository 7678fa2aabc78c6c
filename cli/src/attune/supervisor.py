"""Runs every process of one home in the foreground: restarts what dies, ends everything on exit (X32)."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

BACK_OFF_SECONDS = (0.1, 0.5, 1, 2, 5)
STEADY_SECONDS = 30.0
GRACE_SECONDS = 25.0


@dataclass
class Child:
    """One process: how to start it, and how to know that it serves."""

    name: str
    argv: list[str]
    env: Mapping[str, str]
    log: Path
    ready: Callable[[], Awaitable[bool]]
    stop_signal: signal.Signals = signal.SIGTERM
    user: int | None = None
    group: int | None = None
    process: asyncio.subprocess.Process | None = None
    started: float = 0.0
    failures: int = field(default=0)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process and self.process.returncode is None else None

    async def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches the supervisor only."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv,
                env=dict(self.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/" if self.user is not None else None,
                user=self.user,
                group=self.group,
                extra_groups=() if self.user is not None else None,
            )
        self.started = time.monotonic()

    async def wait_ready(self, timeout: float) -> bool:
        """Return True once it serves, False if it died or did not serve within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.pid is None:
                return False
            if await self.ready():
                return True
            await asyncio.sleep(0.05)
        return False

    async def stop(self) -> None:
        """Ask it to end, then make it; its own children go with it."""
        if self.process is None:
            return
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
            try:
                await asyncio.wait_for(self.process.wait(), GRACE_SECONDS)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        kill_group(self.process.pid)

    def last_words(self, lines: int = 5) -> str:
        """Return the end of its log: what it said before it died."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


class Supervisor:
    """Keeps a set of children alive until it is told to stop."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._changed = changed

    async def launch(self, *children: Child, timeout: float = 60) -> None:
        """Start children side by side and wait until all serve; from then on they are restarted when they die."""
        self.children += children
        await asyncio.gather(*(child.start() for child in children))
        waiting = [asyncio.create_task(_served(child, timeout)) for child in children]
        try:
            await asyncio.gather(*waiting)  # the first that fails is told at once
        finally:
            for task in waiting:
                task.cancel()
        self._watchers += [asyncio.create_task(self._watch(child)) for child in children]
        self._changed()

    async def stop(self) -> None:
        """End all children in the reverse order of their start, those of one launch side by side."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        servers = [c for c in self.children if c.user is not None or c.name in ("postgres", "nats")]
        await asyncio.gather(*(c.stop() for c in self.children if c not in servers))
        for child in reversed(servers):
            await child.stop()

    async def _watch(self, child: Child) -> None:
        while not self._stopping and child.process is not None:
            await child.process.wait()
            # What it had started dies with it: a job goes on in the next process, from its cursor.
            kill_group(child.process.pid)
            if time.monotonic() - child.started > STEADY_SECONDS:
                child.failures = 0
            await asyncio.sleep(BACK_OFF_SECONDS[min(child.failures, len(BACK_OFF_SECONDS) - 1)])
            child.failures += 1
            await child.start()
            self._changed()


async def _served(child: Child, timeout: float) -> None:
    if not await child.wait_ready(timeout):
        raise StartFailed(f"{child.name} did not start; its log {child.log} ends with:\n{child.last_words()}")


class StartFailed(Exception):
    """A child died or did not serve in time."""


def kill_group(pid: int) -> None:
    """End whatever is left of a process's session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def is_running(pid: int, started: float) -> bool:
    """Say whether the process of that pid is still the one that was recorded (its start time agrees)."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.NoSuchProcess:
        return False


def end_orphans(processes: Mapping[str, Mapping[str, float]]) -> list[str]:
    """End what a killed supervisor left behind, by pid and start time; return the names."""
    ended = []
    for name, known in processes.items():
        pid = int(known["pid"])
        if is_running(pid, known["started"]):
            # PostgreSQL forgives SIGKILL, but a fast shutdown (SIGINT) spares it the recovery.
            process = psutil.Process(pid)
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            try:
                process.wait(GRACE_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
            kill_group(pid)
            ended.append(name)
    return ended
