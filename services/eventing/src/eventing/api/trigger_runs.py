"""The nightly file's way over HTTP: a job that judges a day's facts in the lake and says what the triggers find."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import JobView
from eventing import replays

router = APIRouter(prefix="/v1/triggers:run", tags=["triggers"])


class DayNotOver(Invalid):
    """The day has not come yet."""

    code = "day_not_over"


class RunRequest(Body):
    """Which business day's facts are judged; its file lies in the lake."""

    model_config = ConfigDict(serialize_by_alias=True, json_schema_extra={"examples": [{"date": "2026-03-31"}]})

    day: date = Field(alias="date")


@router.post(
    "",
    status_code=202,
    operation_id="triggers-run",
    summary="Judge a day's file in the lake",
    dependencies=[Depends(requires("replays:write"))],
    response_model=JobView,
    responses=refusals(replays.ReplayRunning, DayNotOver, KeyMissing, InFlight, OtherPayload),
)
async def start(body: RunRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the job, for a bank without a live stream. Detections have the stream's keys: twice changes nothing."""
    if runtime.settings.clock == "wall" and body.day > runtime.clock.business_date():
        raise DayNotOver("the day lies in the future", "日期在未来")

    async def run(tx: Transaction) -> JobView:
        await replays.refuse_if_active(tx.conn)
        job_id = await runtime.jobs.start(tx, "trigger_run", {"date": body.day.isoformat()}, key="trigger_run")
        await tx.audit("triggers.run_started", "trigger_run", body.day.isoformat())
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)
