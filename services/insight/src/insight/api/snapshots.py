"""Feature snapshots over HTTP."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import Job
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from insight.segments import snapshots

router = APIRouter(prefix="/v1/feature-snapshots", tags=["features"])


class SnapshotRequest(Body):
    """Which day to look back from; null = the ledger's last day."""

    as_of: date | None = None


class SnapshotView(BaseModel):
    """A published snapshot of every customer's features."""

    as_of: date
    rows: int
    manifest: str
    checksum: str
    quadrant_version: int
    published_at: datetime


@router.post(
    "",
    operation_id="features-snapshot",
    summary="Compute every customer's features as of a day",
    status_code=202,
    dependencies=[Depends(requires("features:write"))],
    response_model=Job,
    responses=refusals(KeyMissing, InFlight, OtherPayload, Invalid),
)
async def create(body: SnapshotRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the job; its result names day and rows. A snapshot of the same day replaces the one that stood."""

    async def run(tx: Transaction) -> Job:
        job_id = await runtime.jobs.start(tx, "features", body.model_dump(mode="json"))
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)


@router.get(
    "", operation_id="features-snapshots", summary="The feature snapshots, the newest first",
    responses=refusals(InvalidCursor, Invalid),
)  # fmt: skip
async def listing(
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("segments:read"))],
    first: Annotated[date | None, Query(alias="from", description="First day")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day")] = None,
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SnapshotView]:
    """List published snapshots by day."""
    key, bound = runtime.settings.cursor_key, ("feature-snapshots", caller.subject, first, last, sort)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    async with runtime.database.transaction(caller.scope) as tx:
        rows = await snapshots(tx.session, first, last, sort, after, limit + 1)
    views = [SnapshotView.model_validate(row, from_attributes=True) for row in rows]
    return page(views, limit, key, lambda view: [view.as_of], bound_to=bound)
