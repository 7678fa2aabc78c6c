"""A job's own process: claim the row, run the function, write what came of it."""

import asyncio
import contextlib
import inspect
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import asyncpg
import orjson
import structlog

from attune_service_kit import telemetry
from attune_service_kit.errors import Refusal, database_refusal
from attune_service_kit.failpoints import failpoint
from attune_service_kit.heavy_turn import HeavyTurn, heavy_turn
from attune_service_kit.job_context import JobCancelled, JobContext
from attune_service_kit.job_starter import ATTEMPTS, TEMPORARY, lock_key
from attune_service_kit.jobs import Light, functions
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.runtime import Runtime, Service

log = structlog.get_logger(__name__)

_LOCK = "SELECT pg_try_advisory_lock($1)"
_KIND = "SELECT kind FROM job WHERE id = $1"
_CLAIM = """
UPDATE job SET state = 'running', attempts = attempts + 1, started_at = coalesce(started_at, now())
WHERE id = $1 AND state IN ('queued', 'running') RETURNING kind, params::text, cursor::text, attempts"""
_PUT_BACK = "UPDATE job SET state = 'queued', attempts = attempts - 1 WHERE id = $1 AND state = 'running'"
_DONE = """
UPDATE job SET state = 'done', result = $2::jsonb, finished_at = now() WHERE id = $1 AND state = 'running'"""
_FAILED = """
UPDATE job SET state = 'failed', error = $2::jsonb, finished_at = now() WHERE id = $1 AND state = 'running'"""


class JobGivenUp(Refusal):
    """The job was interrupted too often."""

    code = "job_given_up"


def run_job(service: Service, job_id: UUID) -> NoReturn:
    """Run a job to its end and exit: with 0 if the row says what came of it, with TEMPORARY to be started again."""
    settings = service.settings()
    telemetry.configure_logging(service.name, environment=settings.environment)
    telemetry.begin(correlation=str(job_id))
    asyncio.run(_supervised(make_runtime(service, settings, "job"), job_id))
    raise SystemExit(1)


async def _supervised(runtime: Runtime, job_id: UUID) -> NoReturn:
    """Run the job as a task that SIGTERM and the end of the worker interrupt."""
    task = asyncio.create_task(_with_runtime(runtime, job_id))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    if worker := multiprocessing.parent_process():
        loop.add_reader(worker.sentinel, _outlived, worker.sentinel, task)
    try:
        status = await task
    except asyncio.CancelledError:
        status = TEMPORARY
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread in a long statement would hold the process up; whatever it does has no transaction left to commit in.
    os._exit(status)


def _outlived(sentinel: int, task: "asyncio.Task[int]") -> None:
    """Stop, the worker is gone: its successor starts the job again."""
    asyncio.get_running_loop().remove_reader(sentinel)
    task.cancel()


async def _with_runtime(runtime: Runtime, job_id: UUID) -> int:
    try:
        async with running(runtime), _owned(runtime, job_id) as kind:
            if kind is None:
                return 0
            async with _turn(runtime, kind) as turn:
                return await _attempt(runtime, job_id, turn)
    except Exception as error:
        if database_refusal(error) is None:
            raise
        log.warning("job_lost_database", job_id=str(job_id))
        return TEMPORARY


@contextlib.asynccontextmanager
async def _owned(runtime: Runtime, job_id: UUID) -> AsyncIterator[str | None]:
    """Hold the job's lock as long as this process lives: whoever finds it free knows that nobody works on the job."""
    connection = await runtime.database.connect()
    try:
        held = await connection.fetchval(_LOCK, lock_key(job_id))
        yield await connection.fetchval(_KIND, job_id) if held else None
    finally:
        await connection.close(timeout=2)


@contextlib.asynccontextmanager
async def _turn(runtime: Runtime, kind: str) -> AsyncIterator[HeavyTurn | None]:
    """Wait until no other heavy job runs in this home."""
    if isinstance(functions(runtime.service).get(kind), Light):
        yield None
        return
    _stand_back()
    with heavy_turn(runtime.settings.scratch) as turn:
        await turn.take()
        yield turn


def _stand_back() -> None:
    """Let those who answer callers go first; where Linux shares the processor by session, nice alone says nothing."""
    os.nice(5)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("5")


async def _attempt(runtime: Runtime, job_id: UUID, turn: HeavyTurn | None) -> int:
    row = await runtime.database.pool.fetchrow(_CLAIM, job_id)
    if row is None:
        return 0
    cursor = orjson.loads(row["cursor"]) if row["cursor"] else None
    job = JobContext(job_id, row["kind"], orjson.loads(row["params"]), cursor, runtime, turn)
    log.info("job_started", job_id=str(job_id), kind=row["kind"], attempt=row["attempts"])
    try:
        if row["attempts"] > ATTEMPTS:
            raise JobGivenUp(f"the job was interrupted {ATTEMPTS} times", f"任务已中断 {ATTEMPTS} 次，不再重试")
        result = await _call(runtime.service, job)
        failpoint("job.before_done")
        await runtime.database.pool.execute(_DONE, job_id, orjson.dumps(result, default=str).decode())
    except JobCancelled:
        log.info("job_cancelled", job_id=str(job_id))
    except asyncio.CancelledError:
        job.cancelled = True
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.shield(runtime.database.pool.execute(_PUT_BACK, job_id))
        raise
    except Exception as error:
        if database_refusal(error) is not None:
            raise
        log.exception("job_failed", job_id=str(job_id), kind=job.kind)
        await runtime.database.pool.execute(_FAILED, job_id, orjson.dumps(_described(runtime, error)).decode())
    finally:
        await job.close()
    return 0


async def _call(service: Service, job: JobContext) -> dict[str, Any]:
    """Call the function that the service declares for the job's kind; a plain one runs in a thread."""
    module, _, name = functions(service)[job.kind].partition(":")
    function = getattr(import_module(module), name)
    if inspect.iscoroutinefunction(function):
        result = await function(job)
    else:
        result = await asyncio.to_thread(function, job)
    return dict(result or {})


def _described(runtime: Runtime, error: Exception) -> dict[str, Any]:
    if isinstance(error, Refusal):
        return {"code": error.code, "en": error.en, "zh": error.zh, "trace": []}
    trace = telemetry.describe(error, with_message=runtime.settings.environment != "production")
    name = type(error).__name__
    return {"code": "job_failed", "en": f"the job failed: {name}", "zh": f"任务失败：{name}", "trace": trace[-20:]}
