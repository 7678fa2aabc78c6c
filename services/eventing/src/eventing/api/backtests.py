"""What a trigger would have found, over HTTP: a job on the lake, which changes nothing."""

from datetime import date
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field, ValidationError, model_validator

from attune_expressions.refusals import Refused
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import JobView
from eventing import triggers
from eventing.compiled import Compiled
from eventing.definition import Definition

router = APIRouter(prefix="/v1/backtests", tags=["triggers"])


class BacktestRefused(Invalid):
    """The definition is no trigger, or none that can be tried on the lake; `path` is the place of each fault."""

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
    definition: dict[str, Any] | None = Field(default=None, description="Or a trigger file's content")
    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.trigger is None) == (self.definition is None):
            raise ValueError("name a trigger or give a definition, not both")
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
    responses=refusals(BacktestRefused, NotFound, Invalid, KeyMissing, InFlight, OtherPayload),
)
async def start(body: BacktestRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the job. Its result has `detections`, `subjects`, `per_day`, `first`. Nothing is raised."""

    async def run(tx: Transaction) -> JobView:
        name, definition = await _asked(tx, body)
        if definition.calendar is not None:
            raise BacktestRefused(
                "a calendar looks at dates, and the lake has facts", "日历触发器依据日期，数据湖只有事实"
            )
        job_id = await runtime.jobs.start(tx, "backtest", body.model_dump(mode="json"))
        await tx.audit("backtest.started", "trigger", name, detail={"job": str(job_id)})
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)


async def _asked(tx: Transaction, body: BacktestRequest) -> tuple[str, Definition]:
    if body.trigger is not None:
        return body.trigger, triggers.definition(await triggers.get(tx.conn, body.trigger))
    try:
        definition = Definition.model_validate(body.definition)
        Compiled.of(definition)
    except ValidationError as error:
        faults = [
            {"path": [str(part) for part in fault["loc"]], "text": fault["msg"].removeprefix("Value error, ")}
            for fault in error.errors(include_url=False, include_input=False)
        ]
        said = "; ".join(f"{'.'.join(map(str, fault['path'])) or 'trigger'}: {fault['text']}" for fault in faults[:5])
        raise BacktestRefused(said, f"触发器定义有误：{said}", faults=faults) from None
    except Refused as refused:
        faults = [{"path": [], "text": str(refused)}]
        raise BacktestRefused(f"condition: {refused}", f"条件有误：{refused.zh}", faults=faults) from None
    return definition.trigger, definition
