"""The value quadrant's parameters over HTTP: versions, each with its maker."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import REFUSALS
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from insight import parameters
from insight.value_quadrant import QuadrantNumbers

router = APIRouter(prefix="/v1/parameters/value-quadrant", tags=["parameters"])
Reader = Annotated[Caller, Depends(requires("parameters:read"))]


class QuadrantChange(QuadrantNumbers):
    """All numbers of the next version; what is left out takes its default."""

    based_on: int | None = Field(default=None, ge=1, le=1_000_000, description="Refuse if another one is the newest")


class QuadrantVersion(BaseModel):
    """One version of the parameters, and who made it. Snapshots say which version they used."""

    version: int
    parameters: QuadrantNumbers
    made_by: str
    made_at: datetime


def _view(row: parameters.Row) -> QuadrantVersion:
    numbers = QuadrantNumbers(**parameters.parameters(row).numbers)
    return QuadrantVersion(version=row["version"], parameters=numbers, made_by=row["made_by"], made_at=row["made_at"])


async def _change(_: Runtime, tx: Transaction, _parameters: str, body: QuadrantChange) -> QuadrantVersion:
    numbers = QuadrantNumbers(**body.model_dump(exclude={"based_on"}))
    return _view(await parameters.change(tx, numbers, body.based_on))


async def _version(tx: Transaction, _parameters: str) -> object:
    return (await parameters.current(tx.conn))["version"]


CHANGE = Change("parameters.value-quadrant", QuadrantChange, _change, _version)


@router.get(
    "",
    operation_id="parameters-value_quadrant",
    summary="The parameters that the next snapshot uses, or those of a version",
    responses=refusals(NotFound, Invalid),
)
async def get(
    runtime: AnyRuntime, _caller: Reader, version: Annotated[int | None, Query(ge=1, le=10**6)] = None
) -> QuadrantVersion:
    """Show the newest version, or the one that is asked for."""
    pool = runtime.database.pool
    return _view(await parameters.current(pool) if version is None else await parameters.one(pool, version))


@router.get(
    "/versions",
    operation_id="parameters-value_quadrant_versions",
    summary="Every version, the newest first",
    responses=refusals(InvalidCursor, Invalid),
)
async def versions(
    runtime: AnyRuntime,
    caller: Reader,
    made_by: Annotated[str | None, Query(max_length=128)] = None,
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[QuadrantVersion]:
    """List the versions."""
    key, bound = runtime.settings.cursor_key, ("quadrant-versions", caller.subject, made_by, sort)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    rows = await parameters.versions(runtime.database.pool, made_by, sort, after, limit + 1)
    return page([_view(row) for row in rows], limit, key, lambda view: [view.version], bound_to=bound)


@router.put(
    "",
    operation_id="parameters-value_quadrant_change",
    summary="Make a new version of the parameters",
    dependencies=[Depends(requires("parameters:write"))],
    response_model=QuadrantVersion,
    responses=refusals(parameters.OtherVersion, Invalid, *REFUSALS),
)
async def put(body: QuadrantChange, submit: Annotated[Submit, Depends(TwoPersons(CHANGE))]) -> Response:
    """The next snapshot uses them; snapshots that stand keep the version they were made with."""
    return await submit("value-quadrant", body)
