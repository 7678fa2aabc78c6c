"""The worker's side of jobs: a child process for each, started, watched, started again, ended.

Children are forked from a server process that has imported the service once (multiprocessing's forkserver): a job
begins in milliseconds, and what it shares with the next one lies in memory once.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import orjson
import structlog
from pydantic import BaseModel, SecretStr

from attune_service_kit import job_entry
from attune_service_kit.job_context import CHANNEL
from attune_service_kit.jobs import Light, functions
from attune_service_kit.settings import ServiceSettings

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

log = structlog.get_logger(__name__)

# A job that was interrupted this often is given up.
ATTEMPTS = 5
# Exit status of a child that asks to be started again (EX_TEMPFAIL of sysexits.h).
TEMPORARY = 75
# What the server process imports before its first child; a process with several services (a test) names them all.
PRELOADED: list[str] = []

# Without a notification (its connection may have died unnoticed) the starter looks by itself this often.
POLL_SECONDS = 1.0
# After SIGTERM a child has this long; it can lose nothing that is committed.
GRACE_SECONDS = 8.0
LIGHT_AT_ONCE = 2
_LAST_LINES = 20

# Jobs that wait or run; `held` = some process works on it, in whatever worker.
_ACTIVE = """
SELECT job.id, job.kind, EXISTS (
    SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid::bigint = ('x' || substr(replace(job.id::text, '-', ''), 17, 8))::bit(32)::bigint
    AND objid::bigint = ('x' || substr(replace(job.id::text, '-', ''), 25, 8))::bit(32)::bigint) AS held
FROM job WHERE state IN ('queued', 'running') ORDER BY created_at, id"""
_CRASHED = """
UPDATE job SET state = 'failed', error = $2::jsonb, finished_at = now()
WHERE id = $1 AND state IN ('queued', 'running')"""


def lock_key(job_id: UUID) -> int:
    """The advisory lock of a job: the random half of its id, as a signed 64-bit number."""
    return int.from_bytes(job_id.bytes[8:], signed=True)


@dataclass
class Child:
    """One running process."""

    job_id: UUID
    light: bool
    process: ForkServerProcess | None = None  # until it is started
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    ending_since: float | None = None

    def end(self) -> None:
        """Ask it to stop; once its time is over, stop it."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, ValueError):  # it has ended by itself, and may be closed
            if self.ending_since is None:
                self.ending_since = time.monotonic()
                self.process.terminate()
            elif time.monotonic() - self.ending_since > GRACE_SECONDS:
                self.process.kill()


@dataclass
class Failure:
    """What happened to a job's processes so far."""

    times: int = 0
    not_before: float = 0.0
    status: int = 0
    lines: tuple[str, ...] = ()


class JobStarter:
    """Starts children for waiting jobs, and ends those whose job was cancelled."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._news = asyncio.Event()
        self._children: dict[UUID, Child] = {}
        self._failures: dict[UUID, Failure] = {}
        self._watches: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until cancelled; then every child is ended. Jobs that they leave behind are started again later."""
        connection = await self._runtime.worker_database.connect()
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._news.set())
            while True:
                self._news.clear()
                await self._look(connection)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._news.wait()
        finally:
            await asyncio.shield(self._end_all())
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def _look(self, connection: asyncpg.Connection) -> None:
        rows = await connection.fetch(_ACTIVE)
        active = {row["id"] for row in rows}
        for child in self._children.values():
            if child.job_id not in active:
                child.end()
        for job_id in self._failures.keys() - active:
            del self._failures[job_id]
        for row in rows:
            job_id, failure = row["id"], self._failures.get(row["id"], Failure())
            if failure.times >= ATTEMPTS:
                await connection.execute(_CRASHED, job_id, orjson.dumps(self._crash(failure)).decode())
                del self._failures[job_id]  # a resumed job begins with a clean record
            elif not row["held"] and time.monotonic() >= failure.not_before and self._has_room(job_id, row["kind"]):
                self._spawn(job_id, row["kind"])

    def _has_room(self, job_id: UUID, kind: str) -> bool:
        light = self._light(kind)
        running = sum(child.light == light for child in self._children.values())
        return job_id not in self._children and running < (LIGHT_AT_ONCE if light else 1)

    def _light(self, kind: str) -> bool:
        return isinstance(functions(self._runtime.service).get(kind), Light)

    def _spawn(self, job_id: UUID, kind: str) -> None:
        child = self._children[job_id] = Child(job_id, self._light(kind))
        watch = asyncio.create_task(self._watch(child))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _watch(self, child: Child) -> None:
        """Pass on what the child says, keep its last words, and note how it ended."""
        environment = os.environ | settings_environment(self._runtime.settings)
        module = f"{self._runtime.service.name}.job"
        # In a thread of the default pool: starting waits for the server process, and its words come line by line.
        status = await asyncio.to_thread(follow, child, module, dict(environment))
        del self._children[child.job_id]
        if status != 0:
            failure = self._failures.setdefault(child.job_id, Failure())
            failure.times += status != TEMPORARY
            failure.not_before = time.monotonic() + min(0.25 * 2**failure.times, 30)
            failure.status, failure.lines = status, tuple(child.lines)
            log.warning("job_interrupted", job_id=str(child.job_id), status=status)
        self._news.set()

    async def _end_all(self) -> None:
        deadline = time.monotonic() + GRACE_SECONDS + 1
        while self._children and time.monotonic() < deadline:
            for child in self._children.values():
                child.end()
            await asyncio.sleep(0.05)
        await asyncio.gather(*self._watches, return_exceptions=True)

    def _crash(self, failure: Failure) -> dict[str, object]:
        # In production a process's last words stay in its log: they may repeat data.
        trace = [] if self._runtime.settings.environment == "production" else list(failure.lines)
        return {
            "code": "job_crashed",
            "en": f"the job's process ended {failure.times} times, at last with status {failure.status}",
            "zh": f"任务进程已异常结束 {failure.times} 次，最后状态码 {failure.status}",
            "trace": trace,
        }


def follow(child: Child, module: str, environment: dict[str, str]) -> int:
    """Start the child and read what it says until it ends; return its exit status, as subprocess counts it.

    A very long line comes in pieces.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED or [module])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=job_entry.begin, args=(module, str(child.job_id), environment, theirs))
    with theirs:
        process.start()
    child.process = process
    with ours, open(ours.fileno(), "rb", closefd=False) as words:
        while line := words.readline(1 << 16):
            text = line.decode(errors="replace")
            sys.stderr.write(text)
            child.lines.append(text.rstrip())
    process.join()
    status = process.exitcode
    process.close()
    assert status is not None  # noqa: S101 - it has been waited for
    return status


def settings_environment(settings: ServiceSettings) -> dict[str, str]:
    """Return the environment from which a child reads the same settings."""
    prefix = settings.model_config.get("env_prefix", "")
    environment = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is not None:
            environment[f"{prefix}{name}".upper()] = _written(value)
    return environment


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple) and all(isinstance(part, Path) for part in value):
        return os.pathsep.join(map(str, value))
    if isinstance(value, (str, Path)):
        return str(value)
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return json.dumps(value, default=str)
