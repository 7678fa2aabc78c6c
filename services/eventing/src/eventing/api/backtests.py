"""What a trigger would have found, over HTTP: a job on the lake, which changes nothing."""

from datetime import date
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field, model_validator

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body, FileText
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import JobView
from eventing import triggers
from eventing.api import trigger_versions
from eventing.api.trigger_versions import TriggerFileInvalid
from eventing.definition import Definition

router = APIRouter(prefix="/v1/backtests", tags=["triggers"])


class BacktestRefused(Invalid):
    """The trigger cannot be tried on the lake."""

    code = "backtest_refused"


class BacktestRequest(Body):
    """A trigger by its name, or a definition as its file says it, and the days that it is tried on."""

    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={"examples": [{"trigger": "large-deposit", "from": "2026-01-01", "to": "2026-03-31"}]},
    )

    trigger: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="The name of a trigger: its newest version is tried"
    )
    file: FileText | None = Field(default=None, description="Or a trigger file")
    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.trigger is None) == (self.file is None):
            raise ValueError("name a trigger or give a file, not both")
        if self.last < self.first:
            raise ValueError("the last day lies before the first")
        return self


@router.post(
    "",
    status_code=202,
    operation_id="backtests-start",
    summary="Find what a trigger would have found in the lake",
    dependencies=[Depends(requires("triggers:write"))],
    response_model=JobView,
    responses=refusals(BacktestRefused, TriggerFileInvalid, NotFound, Invalid, KeyMissing, InFlight, OtherPayload),
)
async def start(body: BacktestRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the job. Its result has `detections`, `subjects`, `per_day`, `first`. Nothing is raised."""

    async def run(tx: Transaction) -> JobView:
        definition, asked = await _asked(tx, body)
        if definition.calendar is not None:
            raise BacktestRefused(
                "a calendar looks at dates, and the lake has facts", "日历触发器依据日期，数据湖只有事实"
            )
        days = {"from": body.first.isoformat(), "to": body.last.isoformat()}
        job_id = await runtime.jobs.start(tx, "backtest", asked | days)
        await tx.audit("backtest.started", "trigger", definition.trigger, detail={"job": str(job_id)})
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)


async def _asked(tx: Transaction, body: BacktestRequest) -> tuple[Definition, dict[str, Any]]:
    """The definition, and what the job is to try."""
    if body.file is not None:
        file = await trigger_versions.read_file(tx.conn, body.file)
        return file.definition, {"definition": file.content}
    name = str(body.trigger)
    return triggers.definition(await triggers.get(tx.conn, name)), {"trigger": name}
