"""How a model is watched, over HTTP: what is seen of its versions, what they have crossed, and a page of it all."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import refusals
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.jobs import Job
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from scoring import comparisons, watch_settings, watches
from scoring.api.cards import PAGE_HEADERS
from scoring.api.models import Name
from scoring.cards.report import Reported
from scoring.cards.report import report as made
from scoring.registry import UnknownModel
from scoring.watch_settings import Outcome

router = APIRouter(tags=["models"])

Watcher = Annotated[Caller, Depends(requires("models:watch"))]
Level = Literal["stable", "moderate", "major"]
_CROSSINGS = 50
"""So many of the newest crossings are on the page."""
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only this version's")]


class DistanceView(BaseModel):
    """How far a distribution has moved. `by_chance`: the PSI that chance reaches once in a thousand with these rows.

    Unknown values are a bin of their own in the PSI; the KS is of the known ones, at the bins' bounds. Null where there
    are no rows.
    """

    psi: float | None = Field(examples=[0.1731])
    by_chance: float | None = Field(examples=[0.0059])
    ks: float | None = Field(examples=[0.1642])
    level: Level = Field(examples=["moderate"])
    missing_before: float | None = Field(examples=[0.021])
    missing: float | None = Field(examples=[0.024])


class FeatureDrift(DistanceView):
    """One feature of the version."""

    feature: str


class ScoreDrift(DistanceView):
    """The version's scores: how many there are now, and by bin those of training and those of now."""

    rows: int
    edges: list[float] = Field(examples=[[0.03, 0.07, 0.12]])
    trained: list[int] = Field(examples=[[250, 251, 249, 250]])
    counts: list[int] = Field(examples=[[4100, 4987, 5310, 5623]])


class DecileView(BaseModel):
    """A tenth of the customers by score, 1 the best: who responded, with an interval of 95 %, and training's rate."""

    decile: int = Field(examples=[1])
    n: int = Field(examples=[2002])
    responses: int = Field(examples=[412])
    rate: float = Field(examples=[0.2058])
    low: float = Field(examples=[0.1887])
    high: float = Field(examples=[0.224])
    trained: float | None = Field(examples=[0.2113])


class ResponsesView(BaseModel):
    """Response by decile of the snapshot `as_of`'s customers, from the day after to `until`; `final` when closed."""

    outcome: Outcome
    as_of: date
    until: date
    final: bool
    deciles: list[DecileView]


class WatchView(BaseModel):
    """What was seen of a version on a snapshot, features in the order of their drift.

    `score` is null where the version has given no scores, `responses` where no outcome is known or none could come yet.
    """

    id: UUID
    version: int = Field(examples=[3])
    state: str = Field(examples=["champion"])
    as_of: date
    watched_at: datetime
    rows: int
    settings_version: int
    moderate: float = Field(examples=[0.1])
    major: float = Field(examples=[0.25])
    features: list[FeatureDrift]
    score: ScoreDrift | None
    responses: ResponsesView | None


class DriftView(BaseModel):
    """A crossing: a feature, or the score (null), drifted more than when it was last looked at."""

    id: UUID
    version: int = Field(examples=[3])
    feature: str | None
    level: Literal["moderate", "major"] = Field(examples=["moderate"])
    psi: float = Field(examples=[0.1731])
    ks: float = Field(examples=[0.1642])
    as_of: date
    detected_at: datetime


@router.get(
    "/v1/models/{name}/watch",
    operation_id="models-watch",
    summary="What is seen of the model's versions, snapshot by snapshot",
    responses=refusals(UnknownModel, InvalidCursor),
)
async def watch(
    name: Name,
    runtime: AnyRuntime,
    caller: Watcher,
    version: Version = None,
    sort: ByTime = "newest",
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[WatchView]:
    """List the looks at the versions that say what they were trained on, the newest first."""
    key, bound = runtime.settings.cursor_key, ("watch", caller.subject, name, version, sort)
    after: UUID | None = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    async with runtime.database.transaction(caller.scope) as tx:
        await watch_settings.current(tx.conn, name)
        found = await watches.listed(tx.conn, name, version, sort, after, limit + 1)
    views = [WatchView.model_validate(one) for one in found]
    return page(views, limit, key, lambda view: [view.id], bound_to=bound)


@router.post(
    "/v1/models/{name}/watch",
    operation_id="models-watch-start",
    summary="Look at the model's versions now",
    status_code=202,
    dependencies=[Depends(requires("models:write"))],
    response_model=Job,
    responses=refusals(UnknownModel, *REFUSALS),
)
async def start(name: Name, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the job, which else runs after each batch: on the same snapshot it replaces what was seen."""

    async def run(tx: Transaction) -> Job:
        await watch_settings.current(tx.conn, name)
        await tx.audit("watch", "model", name)
        return await runtime.jobs.view(tx, await runtime.jobs.start(tx, "watch", {"model": name}))

    return await write(run, status=202)


@router.get(
    "/v1/models/{name}/drifts",
    operation_id="models-drifts",
    summary="What the model's versions have crossed",
    responses=refusals(UnknownModel, InvalidCursor),
)
async def drifts(
    name: Name,
    runtime: AnyRuntime,
    caller: Watcher,
    version: Version = None,
    level: Literal["moderate", "major"] | None = None,
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DriftView]:
    """List the crossings: each was said once, by `scoring.drift.detected`."""
    key, bound = runtime.settings.cursor_key, ("drifts", caller.subject, name, version, level, sort)
    after: UUID | None = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    async with runtime.database.transaction(caller.scope) as tx:
        await watch_settings.current(tx.conn, name)
        found = await watches.drifts(tx.conn, name, version, level, sort, after, limit + 1)
    views = [DriftView.model_validate(one) for one in found]
    return page(views, limit, key, lambda view: [view.id], bound_to=bound)


@router.get(
    "/v1/models/{name}/report",
    operation_id="models-report",
    summary="What the model earned and how it is watched, as a page with pictures",
    response_class=HTMLResponse,
    responses=refusals(UnknownModel)
    | {200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The page"}},
)
async def report(name: Name, runtime: AnyRuntime, caller: Watcher) -> HTMLResponse:
    """Show the newest comparison, the drift of each version that answers or looks on, its responses by decile.

    One file in Chinese and English, without script; it loads nothing.
    """
    async with runtime.database.transaction(caller.scope) as tx:
        await watch_settings.current(tx.conn, name)
        compared = await comparisons.newest(tx.conn, name)
        seen = await watches.newest(tx.conn, name)
        crossed = await watches.drifts(tx.conn, name, None, None, "newest", None, _CROSSINGS)
    told = Reported(name, orjson.loads(compared) if compared else None, seen, crossed)
    return HTMLResponse(made(told), headers=PAGE_HEADERS)
