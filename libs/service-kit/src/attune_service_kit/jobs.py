"""Jobs: heavy work as a row, a child process, progress, a cursor and a result (X29).

A service declares `jobs={"import": "customer_360.importing:run"}`; its worker runs each started job as
`python -m <service>.job <id>`. A job that was killed is started again and continues from its cursor.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Invalid, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.job_context import CHANNEL, JobCancelled, JobContext
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, by_time, decode_cursor, page

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime, Service

__all__ = ["Job", "JobCancelled", "JobContext", "JobView", "Jobs", "Light", "functions", "main", "router"]

_INSERT = """
INSERT INTO job (id, kind, key, params) VALUES ($1, $2, $3, $4::jsonb)
ON CONFLICT (kind, key) WHERE state IN ('queued', 'running') DO NOTHING RETURNING id"""
_ACTIVE = "SELECT id FROM job WHERE kind = $1 AND key = $2 AND state IN ('queued', 'running')"
_COLUMNS = """
SELECT id, kind, state, progress, total, message, result::text, error::text, created_at, started_at, finished_at
FROM job"""
_VIEW = f"{_COLUMNS} WHERE id = $1"
# Ids are time-ordered: the newest job has the largest.
_LISTS = by_time(f"""{_COLUMNS}
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::uuid IS NULL OR id {{beyond}} $3)
ORDER BY id {{order}} LIMIT $4""")
_CANCEL = """
UPDATE job SET state = 'cancelled', finished_at = now() WHERE id = $1 AND state IN ('queued', 'running')"""
# A job of the same kind and key that is under way goes before: the index on active keys would refuse this one.
_RESUME = """
UPDATE job j SET state = 'queued', attempts = 0, error = NULL, finished_at = NULL, message = NULL
WHERE id = $1 AND state IN ('cancelled', 'failed') AND NOT EXISTS (
    SELECT FROM job o WHERE o.kind = j.kind AND o.key = j.key AND o.state IN ('queued', 'running'))"""

State = Literal["queued", "running", "done", "failed", "cancelled"]

_EXAMPLE: dict[str, Any] = {
    "id": "0198c1d2-7f40-7abc-8def-0123456789ab",
    "kind": "import",
    "state": "running",
    "progress": 12_000,
    "total": 50_000,
    "message": "reading accounts",
    "result": None,
    "error": None,
    "created_at": "2026-03-17T06:05:11Z",
    "started_at": "2026-03-17T06:05:12Z",
    "finished_at": None,
}


class Light(str):
    """A job's "module:function" that is so small that it need not wait for the heavy ones."""

    __slots__ = ()


# The kit's own, in every service.
_OWN = {
    "reseal": Light("attune_service_kit.key_rotation:run"),
    "reindex": Light("attune_service_kit.key_rotation:run_index"),
}


def functions(service: "Service") -> Mapping[str, str]:
    """The kinds of jobs of a service, each with its "module:function"."""
    return {**_OWN, **service.jobs}


class JobError(BaseModel):
    """Why a job failed; `trace` are the last lines of its process, without data."""

    model_config = ConfigDict(extra="ignore")

    code: str
    en: str
    zh: str
    trace: list[str] = []


class Job(BaseModel):
    """A job as clients see it. `progress` counts in the job's own unit, up to `total` where that is known."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    kind: str
    state: State
    progress: int
    total: int | None
    message: str | None
    result: dict[str, Any] | None
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


JobView = Job


class UnknownJob(NotFound):
    """No job of this service has that id."""

    code = "unknown_job"


class JobEnded(Conflict):
    """The job has ended by itself: there is nothing left to cancel."""

    code = "job_ended"


class JobNotResumable(Conflict):
    """The job is under way or done, or another of the same kind and key is under way."""

    code = "job_not_resumable"


class Jobs:
    """The jobs of one service."""

    def __init__(self, service: "Service") -> None:
        self._kinds = functions(service)

    async def start(self, tx: Transaction, kind: str, params: Mapping[str, Any], *, key: str | None = None) -> UUID:
        """Start a job with this transaction's commit and return its id.

        While a job of the same kind and key is queued or running, that one is returned instead.
        """
        if kind not in self._kinds:
            raise ValueError(f"no job is called {kind!r}; there are {', '.join(self._kinds)}")
        body = orjson.dumps(dict(params), default=str).decode()
        while True:
            job_id: UUID | None = await tx.conn.fetchval(_INSERT, new_id(), kind, key, body)
            if job_id is None:
                # It may end between the two statements: then there is room for a new one.
                job_id = await tx.conn.fetchval(_ACTIVE, kind, key)
            if job_id is not None:
                await tx.conn.execute(f"NOTIFY {CHANNEL}")
                return UUID(str(job_id))

    async def view(self, tx: Transaction, job_id: UUID) -> Job:
        """Return the job as clients see it, in the same transaction. Raises UnknownJob."""
        return _job(await tx.conn.fetchrow(_VIEW, job_id))

    async def cancel(self, tx: Transaction, job_id: UUID) -> Job:
        """Cancel a job: from this commit on it can change nothing any more. Raises UnknownJob, JobEnded."""
        await tx.conn.execute(_CANCEL, job_id)
        await tx.conn.execute(f"NOTIFY {CHANNEL}")
        job = await self.view(tx, job_id)
        if job.state != "cancelled":
            raise JobEnded("the job has ended", "任务已结束", state=job.state)
        return job

    async def resume(self, tx: Transaction, job_id: UUID) -> Job:
        """Let a cancelled or failed job go on from its cursor. Raises UnknownJob, JobNotResumable."""
        try:
            done = await tx.conn.execute(_RESUME, job_id)
        except asyncpg.UniqueViolationError as error:  # another one began in the same moment
            raise _not_resumable() from error
        await tx.conn.execute(f"NOTIFY {CHANNEL}")
        job = await self.view(tx, job_id)
        if not done.endswith(" 1"):
            raise _not_resumable(state=job.state)
        return job

    async def run(self, runtime: "Runtime") -> None:
        """Start children for the jobs that wait, as long as the worker runs."""
        from attune_service_kit.job_starter import JobStarter

        await JobStarter(runtime).run()


def _not_resumable(**extras: object) -> JobNotResumable:
    return JobNotResumable(
        "only a cancelled or failed job goes on, and only if no other of its kind and key is under way",
        "仅已取消或失败、且没有同类同键任务在运行的任务可以继续",
        **extras,
    )


def _job(row: asyncpg.Record | None) -> Job:
    if row is None:
        raise UnknownJob("no such job", "任务不存在")
    values = dict(row)
    for name in ("result", "error"):
        values[name] = None if values[name] is None else orjson.loads(values[name])
    return Job(**values)


def router(name: str) -> APIRouter:
    """The routes of a service's jobs: list them, look at one, cancel one, let one go on."""
    routes = APIRouter(tags=["jobs"])
    _add_reads(routes, name, f"/v1/jobs/{name}")
    _add_writes(routes, name, f"/v1/jobs/{name}")
    return routes


def _add_reads(routes: APIRouter, name: str, path: str) -> None:
    @routes.get(
        path,
        operation_id=f"list_{name}_jobs",
        summary="The jobs, the newest first",
        responses=refusals(InvalidCursor, Invalid),
    )
    async def listing(
        request: Request,
        caller: Annotated[Caller, Depends(requires("jobs:read"))],
        state: State | None = None,
        kind: Annotated[str | None, Query(max_length=64)] = None,
        sort: ByTime = "newest",
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Job]:
        """List the service's jobs."""
        runtime: Runtime = request.app.state.runtime
        key, bound = runtime.settings.cursor_key, ("jobs", caller.subject, state, kind, sort)
        (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
        rows = await runtime.database.pool.fetch(_LISTS[sort], state, kind, after, limit + 1)
        return page([_job(row) for row in rows], limit, key, lambda job: [job.id], bound_to=bound)

    @routes.get(
        f"{path}/{{job_id}}",
        operation_id=f"read_{name}_job",
        summary="How far a job has come",
        dependencies=[Depends(requires("jobs:read"))],
        responses=refusals(UnknownJob),
    )
    async def read(job_id: UUID, request: Request) -> Job:
        """Tell how far a job has come, and what came of it."""
        runtime: Runtime = request.app.state.runtime
        return _job(await runtime.database.pool.fetchrow(_VIEW, job_id))


def _add_writes(routes: APIRouter, name: str, path: str) -> None:
    @routes.post(
        f"{path}/{{job_id}}:cancel",
        operation_id=f"cancel_{name}_job",
        summary="Cancel a job",
        dependencies=[Depends(requires("jobs:write"))],
        response_model=Job,
        responses=refusals(UnknownJob, JobEnded, KeyMissing, InFlight, OtherPayload),
    )
    async def cancel(job_id: UUID, request: Request, write: Annotated[Write, Depends(idempotent)]) -> Response:
        """Cancel a job that waits or runs. What it has committed stays."""
        return await write(_audited(request, "job.cancelled", job_id, "cancel"))

    @routes.post(
        f"{path}/{{job_id}}:resume",
        operation_id=f"resume_{name}_job",
        summary="Let a cancelled or failed job go on",
        dependencies=[Depends(requires("jobs:write"))],
        response_model=Job,
        responses=refusals(UnknownJob, JobNotResumable, KeyMissing, InFlight, OtherPayload),
    )
    async def resume(job_id: UUID, request: Request, write: Annotated[Write, Depends(idempotent)]) -> Response:
        """Go on from where the job had come to: what it has committed is not done again."""
        return await write(_audited(request, "job.resumed", job_id, "resume"))


def _audited(
    request: Request, what: str, job_id: UUID, action: Literal["cancel", "resume"]
) -> Callable[[Transaction], Awaitable[Job]]:
    jobs: Jobs = request.app.state.runtime.jobs
    act = jobs.cancel if action == "cancel" else jobs.resume

    async def run(tx: Transaction) -> Job:
        job = await act(tx, job_id)
        await tx.audit(what, "job", job_id, detail={"kind": job.kind})
        return job

    return run


def main(service: "Service", job_id: str) -> NoReturn:
    """`python -m <service>.job <id>`: run one job in this process."""
    from attune_service_kit.job_process import run_job

    run_job(service, UUID(job_id))
