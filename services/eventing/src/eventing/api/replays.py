"""Replays and rebuilds over HTTP."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import JobView
from attune_service_kit.value_texts import Misfit
from eventing import replays

router = APIRouter(prefix="/v1/ledger", tags=["replays"])
MayReplay = Depends(requires("replays:write"))


class ReplayRequest(Body):
    """Which days of the lake go through the stream again."""

    model_config = ConfigDict(serialize_by_alias=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    rebuild: bool = Field(default=True, description="Set the states to the beginning of the first day before")
    through: date | None = Field(default=None, description="Pause after this day, until the gate is opened further")
    speed: Literal["max"] | Annotated[float, Field(gt=0, le=1_000_000)] = Field(
        default="max", description="Postings a second of wall time"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            raise Misfit("the last day lies before the first", "结束日期早于开始日期")
        return self


class GateRequest(Body):
    """How far a gated replay may go."""

    through: date


class Gate(BaseModel):
    """The last day that the replay may publish."""

    through: date


class RebuildRequest(Body):
    """Which days the states shall know, and whose: all that is known of everybody, where nothing is said."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"before": None, "customers": None}]})

    before: date | None = Field(
        default=None, description="Only days before this one: the stream is to bring the others. Null: all by now"
    )
    customers: Annotated[list[UUID], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Only these customers, as after a change of owner or a merge"
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.before is not None and self.customers is not None:
            raise Misfit("a rebuild of some customers takes all that is known", "重建部分客户时使用全部已知数据")
        return self


@router.post(
    "/replays",
    status_code=202,
    operation_id="replays-start",
    summary="Send days of the lake's postings through the stream again",
    dependencies=[MayReplay],
    response_model=JobView,
    responses=refusals(replays.ReplayRunning, Invalid, KeyMissing, InFlight, OtherPayload),
)
async def start(body: ReplayRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start a replay. Repeating one gives the same detections; those of the range not found again are withdrawn."""

    async def run(tx: Transaction) -> JobView:
        await replays.refuse_if_active(tx.conn)
        job_id = await runtime.jobs.start(tx, "replay", body.model_dump(mode="json"), key="replay")
        if body.through is not None:
            await replays.set_gate(tx.conn, job_id, body.through)
        await tx.audit("replay.started", "replay", job_id)
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)


@router.post(
    "/replays/{job_id}:advance",
    operation_id="replays-advance",
    summary="Let a gated replay go on",
    dependencies=[MayReplay],
    response_model=Gate,
    responses=refusals(NotFound, replays.NotGated, KeyMissing, InFlight, OtherPayload),
)
async def advance(job_id: UUID, body: GateRequest, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Open the gate up to and including a day. It never closes again."""

    async def run(tx: Transaction) -> Gate:
        return Gate(through=await replays.open_gate(tx.conn, job_id, body.through))

    return await write(run)


@router.post(
    "/rebuilds",
    status_code=202,
    operation_id="rebuilds-start",
    summary="Compute keyed states anew from the lake",
    dependencies=[MayReplay],
    response_model=JobView,
    responses=refusals(replays.ReplayRunning, Invalid, KeyMissing, InFlight, OtherPayload),
)
async def rebuild(body: RebuildRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the rebuild. With `before` the states know every posting of the days before afterwards, and nothing else.

    Without it they know everything, and the detections of streamed postings follow: what came beyond the watermark
    raises and withdraws what it would have, had it come in time.
    """

    async def run(tx: Transaction) -> JobView:
        await replays.refuse_if_active(tx.conn)
        job_id = await runtime.jobs.start(tx, "rebuild", body.model_dump(mode="json"), key="rebuild")
        detail = {"before": body.before, "customers": len(body.customers) if body.customers else None}
        await tx.audit("rebuild.started", "rebuild", job_id, detail=detail)
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)
