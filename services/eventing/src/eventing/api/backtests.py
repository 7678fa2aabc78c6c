"""What a trigger would have found, over HTTP: a job on the lake, which changes nothing."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body, FileText
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import JobView, State, UnknownJob
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from attune_service_kit.value_texts import Misfit
from eventing import backtests, triggers
from eventing.api import trigger_versions
from eventing.api.trigger_versions import TriggerFileInvalid
from eventing.definition import Definition

router = APIRouter(prefix="/v1/backtests", tags=["triggers"])
Reader = Annotated[Caller, Depends(requires("backtests:read"))]
TriggerName = Annotated[str, Field(min_length=1, max_length=64)]

# What of an example needs evidence:read, as in the feed of detections (X38).
_EVIDENCE = ("amount", "compared_with", "account_id")


class BacktestRefused(Invalid):
    """It is to be looked at beside triggers that are not active."""

    code = "backtest_refused"


class Tried(Body):
    """A trigger by its name, or a definition as its file says it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"trigger": "large-deposit", "version": 1}]})

    trigger: TriggerName | None = Field(
        default=None, description="The name of a trigger: its newest version is tried", examples=["large-deposit"]
    )
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="Of the named trigger: another version than the newest"
    )
    file: FileText | None = Field(default=None, description="Or a trigger file")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.trigger is None) == (self.file is None):
            raise Misfit("name a trigger or give a file, not both", "应指定触发器名称或给出文件，二者择一")
        if self.version is not None and self.trigger is None:
            raise Misfit("a file has no version", "文件没有版本")
        return self


class BacktestRequest(Tried):
    """What is tried, on which days, and what it is looked at beside."""

    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={"examples": [{"trigger": "large-deposit", "from": "2026-01-01", "to": "2026-03-31"}]},
    )

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    against: Tried | None = Field(
        default=None, description="Another version, or another trigger, tried on the same days and set beside this one"
    )
    capacity: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None,
        description="Opportunities that a relationship manager can act on in a day; without it the bank's own figure of"
        " the employee, else 8",
    )
    overlap: Annotated[list[TriggerName], Field(max_length=20)] | None = Field(
        default=None,
        description="Active triggers to look at beside this one; without it the 20 of the highest priority, of an empty"
        " list none",
    )
    overlap_days: int = Field(
        default=7, ge=0, le=366, description="Detections of two triggers overlap up to so many days apart"
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.last < self.first:
            raise Misfit("the last day lies before the first", "结束日期早于开始日期")
        return self

    @property
    def looks(self) -> dict[str, Any]:
        """What the job is told beside what it tries."""
        given: dict[str, Any] = {"from": self.first.isoformat(), "to": self.last.isoformat()}
        asked = {"capacity": self.capacity, "overlap": self.overlap, "overlap_days": self.overlap_days}
        return given | {name: value for name, value in asked.items() if value is not None}


@router.post(
    "",
    status_code=202,
    operation_id="backtests-start",
    summary="Find what a trigger would have found in the lake",
    dependencies=[Depends(requires("backtests:write"))],
    response_model=JobView,
    responses=refusals(BacktestRefused, TriggerFileInvalid, NotFound, Invalid, KeyMissing, InFlight, OtherPayload),
)
async def start(body: BacktestRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Start the job. Its result has `detections`, `subjects`, `per_day`, `first`, by whom and when. Nothing is raised.

    A caller of a branch is told of that branch and those under it alone.
    """

    async def run(tx: Transaction) -> JobView:
        definition, asked = await _asked(runtime, tx, body)
        if body.against is not None:
            asked["against"] = (await _asked(runtime, tx, body.against))[1]
        await _require_active(tx, body.overlap or [])
        of = {} if tx.scope.kind == "all" else {"branch": tx.scope.branch}
        job_id = await runtime.jobs.start(tx, "backtest", asked | body.looks | of)
        await tx.audit("backtest.started", "trigger", definition.trigger, detail={"job": str(job_id)})
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)


class BacktestView(BaseModel):
    """A backtest in short; `branch` is the one whose customers alone were looked at, `version` none of a file."""

    id: UUID
    state: State
    trigger: str
    version: int | None
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    branch: str | None
    detections: int | None = Field(description="Once it is done")
    subjects: int | None
    created_at: datetime
    finished_at: datetime | None


@router.get(
    "",
    operation_id="backtests-list",
    summary="Backtests, the newest first",
    responses=refusals(InvalidCursor, Invalid),
)
async def listing(
    runtime: AnyRuntime,
    caller: Reader,
    trigger: Annotated[str | None, Query(max_length=64)] = None,
    state: State | None = None,
    sort: ByTime = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[BacktestView]:
    """List the backtests that the caller may see all of: those of the own branch and of those under it."""
    key, bound = runtime.settings.cursor_key, ("backtests", caller.subject, trigger, state, sort)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    rows = await backtests.read(runtime.database.reads(caller.scope), trigger, state, sort, after, limit + 1)
    found = [BacktestView.model_validate(dict(row)) for row in rows]
    return page(found, limit, key, lambda view: [view.id], bound_to=bound)


@router.get(
    "/{backtest_id}",
    operation_id="backtests-get",
    summary="How far a backtest has come, and what it has found",
    responses=refusals(UnknownJob),
)
async def get(
    backtest_id: Annotated[UUID, Path(description="The id of the job that was started")],
    runtime: AnyRuntime,
    caller: Reader,
) -> JobView:
    """Show a backtest to whoever may see all of it: one of a branch is seen there and from above.

    Its examples are shown to whoever may read detections, their amounts and accounts to whoever may read evidence.
    """
    if not await backtests.is_seen(runtime.database.reads(caller.scope), backtest_id):
        raise UnknownJob("no such backtest", "回测任务不存在")
    async with runtime.database.transaction(caller.scope) as tx:
        job = await runtime.jobs.view(tx, backtest_id)
    return job if job.result is None else job.model_copy(update={"result": _shown(job.result, caller.scopes)})


def _shown(told: dict[str, Any], scopes: frozenset[str]) -> dict[str, Any]:
    """The result as somebody with these scopes sees it."""
    shown = dict(told)
    if isinstance(told.get("first"), dict):
        shown["first"] = _example(told["first"], scopes)
    if "examples" in told:
        lists = {name: [_example(one, scopes) for one in some] for name, some in told["examples"].items()}
        shown["examples"] = {name: [one for one in some if one is not None] for name, some in lists.items()}
    if "against" in told:
        shown["against"] = _shown(told["against"], scopes)
    return shown


def _example(one: dict[str, Any], scopes: frozenset[str]) -> dict[str, Any] | None:
    """A detection, as in the feed; None to whoever may not read detections."""
    if "detections:read" not in scopes:
        return None
    return one if "evidence:read" in scopes else {name: value for name, value in one.items() if name not in _EVIDENCE}


async def _asked(runtime: Runtime, tx: Transaction, tried: Tried) -> tuple[Definition, dict[str, Any]]:
    """The definition, and what the job is to try."""
    if tried.file is not None:
        file = await trigger_versions.read_file(runtime, tx.conn, tried.file)
        return file.definition, {"definition": file.content}
    name = str(tried.trigger)
    number = tried.version
    row = await (triggers.get(tx.conn, name) if number is None else triggers.version(tx.conn, name, number))
    return triggers.definition(row), {"trigger": name, "version": row["version"]}


async def _require_active(tx: Transaction, names: list[str]) -> None:
    if not names:
        return
    active = {row["name"] for row in await triggers.in_force(tx.conn) if row["enabled"]}
    if unknown := ", ".join(sorted(set(names) - active)):
        raise BacktestRefused(f"these triggers are not active: {unknown}", f"以下触发器未启用：{unknown}")
