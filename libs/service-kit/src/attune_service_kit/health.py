"""Is it alive, is it ready, and has it caught up."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import asyncpg
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from attune_contracts.identifiers import PARTITIONS
from attune_service_kit.auth import requires
from attune_service_kit.consumer import plans
from attune_service_kit.errors import Unavailable, database_refusal
from attune_service_kit.runtime import Runtime

probes = APIRouter(include_in_schema=False)


class ConsumerLag(BaseModel):
    """How many messages of a stream's partition are not applied yet; null where this process cannot tell."""

    stream: str
    partition: int
    pending: int | None


class Status(BaseModel):
    """How far a service has come. Settled = nothing pending anywhere and no job active."""

    service: str
    business_time: datetime
    business_date: date
    outbox_pending: int
    consumers: list[ConsumerLag]
    jobs_active: int
    quarantined: int


@probes.get("/livez")
async def livez() -> Response:
    """The process answers."""
    return Response("ok", media_type="text/plain")


@probes.get("/readyz")
async def readyz(request: Request) -> Response:
    """The service can work: its database answers, and it is not being stopped. The broker does not matter (P-13)."""
    runtime: Runtime | None = getattr(request.app.state, "runtime", None)
    if runtime is None or runtime.stopping:
        raise Unavailable("starting or stopping", "服务正在启动或停止", retry_after=5)
    try:
        await runtime.database.pool.fetchval("SELECT 1", timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise database_refusal(error) or Unavailable("the database is not there", "数据库不可用") from error
    return Response("ok", media_type="text/plain")


_COUNTS = """
SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS outbox_pending,
       (SELECT count(*) FROM job WHERE state IN ('queued', 'running')) AS jobs_active,
       (SELECT count(*) FROM quarantine WHERE state IN ('held', 'retrying', 'applying')) AS quarantined"""


def status_router(name: str) -> APIRouter:
    """The route `GET /v1/status/<service>`."""
    router = APIRouter(tags=["status"])

    async def read(request: Request) -> Status:
        """Tell how far the service has come: what it has yet to publish, to apply, to finish."""
        runtime: Runtime = request.app.state.runtime
        counts: Any = await runtime.database.pool.fetchrow(_COUNTS)
        return Status(
            service=name,
            business_time=runtime.clock.now(),
            business_date=runtime.clock.business_date(),
            outbox_pending=counts["outbox_pending"],
            consumers=await lag(runtime),
            jobs_active=counts["jobs_active"],
            quarantined=counts["quarantined"],
        )

    router.add_api_route(
        f"/v1/status/{name}",
        read,
        dependencies=[Depends(requires("status:read"))],
        methods=["GET"],
        operation_id=f"read_{name}_status",
        summary="How far the service has come",
    )
    return router


async def lag(runtime: Runtime) -> list[ConsumerLag]:
    """What each partition has yet to apply. Only the worker that holds a partition knows; others say null."""
    if runtime.consumers is not None:
        return [ConsumerLag(**asdict(each)) for each in await runtime.consumers.pending()]
    streams = [plan.stream for plan in plans(runtime)]
    return [ConsumerLag(stream=stream, partition=p, pending=None) for stream in streams for p in range(PARTITIONS)]
