"""Jobs: heavy work as a row, a child process, progress, a cursor and a result (X29).

A service declares `jobs={"import": "customer_360.importing:run"}`; its worker runs each started job as
`python -m <service>.job <id>`. A job that was killed is started again and continues from its cursor.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from attune_contracts.identifiers import new_id
from attune_service_kit.auth import requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.job_context import CHANNEL, JobCancelled, JobContext

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime, Service

__all__ = ["Job", "JobCancelled", "JobContext", "JobView", "Jobs", "Light", "main", "router"]

_INSERT = """
INSERT INTO job (id, kind, key, params) VALUES ($1, $2, $3, $4::jsonb)
ON CONFLICT (kind, key) WHERE state IN ('queued', 'running') DO NOTHING RETURNING id"""
_ACTIVE = "SELECT id FROM job WHERE kind = $1 AND key = $2 AND state IN ('queued', 'running')"
_VIEW = "SELECT id, kind, state, progress, total, message, result::text, error::text FROM job WHERE id = $1"
_CANCEL = """
UPDATE job SET state = 'cancelled', finished_at = now() WHERE id = $1 AND state IN ('queued', 'running')"""


class Light(str):
    """A job's "module:function" that is so small that it need not wait for the heavy ones."""

    __slots__ = ()


class JobError(BaseModel):
    """Why a job failed; `trace` are the last lines of its process, without data."""

    model_config = ConfigDict(extra="ignore")

    code: str
    en: str
    zh: str
    trace: list[str] = []


class Job(BaseModel):
    """A job as clients see it. `progress` counts in the job's own unit, up to `total` where that is known."""

    id: UUID
    kind: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: int
    total: int | None
    message: str | None
    result: dict[str, Any] | None
    error: JobError | None


JobView = Job


class UnknownJob(NotFound):
    """No job of this service has that id."""

    code = "unknown_job"


class JobEnded(Conflict):
    """The job has ended by itself: there is nothing left to cancel."""

    code = "job_ended"


class Jobs:
    """The jobs of one service."""

    def __init__(self, service: "Service") -> None:
        self._kinds = service.jobs

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

    async def run(self, runtime: "Runtime") -> None:
        """Start children for the jobs that wait, as long as the worker runs."""
        from attune_service_kit.job_starter import JobStarter

        await JobStarter(runtime).run()


def _job(row: asyncpg.Record | None) -> Job:
    if row is None:
        raise UnknownJob("no such job", "任务不存在")
    values = dict(row)
    for name in ("result", "error"):
        values[name] = None if values[name] is None else orjson.loads(values[name])
    return Job(**values)


def router(name: str) -> APIRouter:
    """The routes of a service's jobs: look at one, cancel one."""
    routes = APIRouter(tags=["jobs"])

    async def read(job_id: UUID, request: Request) -> Job:
        """Tell how far a job has come, and what came of it."""
        runtime: Runtime = request.app.state.runtime
        return _job(await runtime.database.pool.fetchrow(_VIEW, job_id))

    async def cancel(job_id: UUID, request: Request, write: Annotated[Write, Depends(idempotent)]) -> Response:
        """Cancel a job that waits or runs. What it has committed stays."""
        runtime: Runtime = request.app.state.runtime

        async def run(tx: Transaction) -> Job:
            job = await runtime.jobs.cancel(tx, job_id)
            await tx.audit("job.cancelled", "job", job_id, detail={"kind": job.kind})
            return job

        return await write(run, status=200)

    path = f"/v1/jobs/{name}/{{job_id}}"
    routes.add_api_route(
        path,
        read,
        methods=["GET"],
        operation_id=f"read_{name}_job",
        summary="How far a job has come",
        dependencies=[Depends(requires("jobs:read"))],
        responses=refusals(UnknownJob),
    )
    routes.add_api_route(
        f"{path}:cancel",
        cancel,
        methods=["POST"],
        operation_id=f"cancel_{name}_job",
        summary="Cancel a job",
        dependencies=[Depends(requires("jobs:write"))],
        response_model=Job,
        responses=refusals(UnknownJob, JobEnded, KeyMissing, InFlight, OtherPayload),
    )
    return routes


def main(service: "Service", job_id: str) -> NoReturn:
    """`python -m <service>.job <id>`: run one job in this process."""
    from attune_service_kit.job_process import run_job

    run_job(service, UUID(job_id))
