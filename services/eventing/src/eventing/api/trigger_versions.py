"""Trigger files over HTTP: check one, keep it as a version, compare versions, let one judge the stream."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from attune_expressions.explaining import explain
from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body, FileText
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from eventing import detections_rate, money, trigger_files, triggers
from eventing.settings import EventingSettings
from eventing.trigger_files import TriggerFile, TriggerFileRefused

router = APIRouter(prefix="/v1/triggers", tags=["triggers"])
Reader = Annotated[Caller, Depends(requires("triggers:read"))]
Writer = Annotated[Caller, Depends(requires("triggers:write"))]
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,63}$", examples=["large-deposit"])]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]

_FILE = """\
trigger: burst-of-payments
title: {zh: 短时多笔支付, en: Burst of payments}
meaning: {zh: 一小时内三笔以上支付, en: Three or more payments within an hour}
on: postings
where: direction = 'debit'
count: {at_least: 3, within: 1 hour}
"""
_CURRENCY = "SELECT currency FROM base_currency"


class TriggerFileInvalid(Invalid):
    """The file is no trigger: `errors` names the line, the column and the reason of each fault; nothing is kept."""

    code = "trigger_file_invalid"


class FileOfAnother(Invalid):
    """The file names another trigger than the path."""

    code = "trigger_file_of_another"


class FileBody(Body):
    """A trigger file, YAML or JSON, as docs/reference/triggers.md has it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"file": _FILE}]})

    file: FileText


class Activation(Body):
    """Which version is to judge the stream."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1}]})

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class ConditionView(BaseModel):
    """A condition of the file: where it stands, what it says in words, which fields it reads, their data level."""

    key: str
    en: str
    zh: str
    fields: list[str]
    level: str


class Checked(BaseModel):
    """What a file says, in short."""

    trigger: str
    kind: str
    conditions: list[ConditionView]


class VersionView(BaseModel):
    """One version of a trigger. `draft` judges nothing yet; `superseded` is followed by one in force.

    `discarded` was a draft, and is never activated; `retired` judged last, and nothing judges now.
    """

    name: str
    version: int
    state: triggers.State
    kind: str
    enabled: bool
    definition: dict[str, Any] = Field(description="What the file says")
    file: str = Field(description="The file's text")
    created_at: datetime
    created_by: str


class Activated(BaseModel):
    """The version that is being made ready: the job makes its states, then it judges the stream."""

    name: str
    version: int
    job_id: UUID


class Difference(BaseModel):
    """One key that differs; null where the file does not have it."""

    key: str
    before: Any
    after: Any


class Differences(BaseModel):
    """How a version differs from another one."""

    name: str
    version: int
    other: int
    differences: list[Difference]


class DayRate(BaseModel):
    """Detections of one business day."""

    business_date: date
    raised: int
    withdrawn: int


class Rate(BaseModel):
    """Detections by day, the last days of business time; days without any are there with 0."""

    name: str
    days: list[DayRate]


async def read_file(runtime: Runtime, conn: triggers.Queryable, text: str) -> TriggerFile:
    """A trigger file, in the base currency, with the bank's own fields; TriggerFileInvalid with every fault's place."""
    settings = runtime.settings
    assert isinstance(settings, EventingSettings)  # noqa: S101 - the service declares it
    currency: Any = await conn.fetchval(_CURRENCY)
    try:
        own = trigger_files.own_fields(settings.fields_folder)
        return trigger_files.read(text, money.places(currency) if currency else 2, own)
    except TriggerFileRefused as refused:
        errors = [vars(fault) for fault in refused.faults]
        first = refused.faults[0]
        raise TriggerFileInvalid(
            f"line {first.line}, column {first.column}: {first.en}",
            f"第 {first.line} 行第 {first.column} 列：{first.zh}",
            errors=errors,
        ) from None


def view(row: Mapping[str, Any]) -> VersionView:
    content = triggers.content(row)
    text = row["definition_text"] or triggers.as_text(content)
    shown = {key: row[key] for key in ("name", "version", "kind", "enabled", "created_at", "created_by")}
    return VersionView(**shown, state=triggers.state(row), definition=content, file=text)


@router.post(
    ":validate",
    operation_id="triggers-validate",
    summary="Check a trigger file, and say its conditions in words; nothing is kept",
    responses=refusals(TriggerFileInvalid),
)
async def validate(body: FileBody, runtime: AnyRuntime, _: Writer) -> Checked:
    """Refuse with every fault's line and column, or tell what the file says."""
    found = await read_file(runtime, runtime.database.pool, body.file)
    conditions = [
        ConditionView(
            key=key,
            en=explain(condition, "en").sentence,
            zh=explain(condition, "zh").sentence,
            fields=[field.name for field in condition.fields],
            level=condition.level,
        )
        for key, condition in found.conditions.items()
    ]
    return Checked(trigger=found.definition.trigger, kind=found.definition.kind, conditions=conditions)


@router.post(
    "",
    status_code=201,
    operation_id="triggers-create",
    summary="Keep a new trigger's first version, a draft",
    response_model=VersionView,
    responses=refusals(TriggerFileInvalid, triggers.TriggerExists, *REFUSALS),
)
async def create(
    body: FileBody, runtime: AnyRuntime, _: Writer, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Keep a trigger file as version 1. A draft judges nothing until it is activated."""

    async def run(tx: Transaction) -> VersionView:
        return await _keep(runtime, tx, body.file, None)

    return await write(run, status=201)


@router.post(
    "/{name}/versions",
    status_code=201,
    operation_id="triggers-add-version",
    summary="Keep another version of a trigger, a draft",
    response_model=VersionView,
    responses=refusals(TriggerFileInvalid, FileOfAnother, NotFound, *REFUSALS),
)
async def add_version(
    name: Name, body: FileBody, runtime: AnyRuntime, _: Writer, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Keep a trigger file as the next version. The one in force goes on until this one is activated."""

    async def run(tx: Transaction) -> VersionView:
        return await _keep(runtime, tx, body.file, name)

    return await write(run, status=201)


async def _keep(runtime: Runtime, tx: Transaction, text: str, name: str | None) -> VersionView:
    file = await read_file(runtime, tx.conn, text)
    if name is not None and file.definition.trigger != name:
        raise FileOfAnother(f"the file names {file.definition.trigger}", f"文件中的触发器为 {file.definition.trigger}")
    row = await triggers.add(tx.conn, file, text, tx.who, new=name is None)
    await tx.audit("trigger.drafted", "trigger", row["name"], version=row["version"], detail={"kind": row["kind"]})
    return view(row)


@router.get(
    "/{name}/versions",
    operation_id="triggers-versions",
    summary="A trigger's versions, the newest first",
    responses=refusals(InvalidCursor, NotFound),
)
async def versions(
    name: Name,
    runtime: AnyRuntime,
    caller: Reader,
    state: Annotated[triggers.State | None, Query(description="Only those in this state")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[VersionView]:
    """List the versions of a trigger."""
    key, bound = runtime.settings.cursor_key, ("trigger-versions", caller.subject, name, state)
    below: int = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else 2**31 - 1
    await triggers.get(runtime.database.pool, name)
    found: list[VersionView] = []
    # A trigger has few versions: they are asked for by the page until one is full of those wanted.
    while len(found) <= limit and (rows := await triggers.history(runtime.database.pool, name, below, limit + 1)):
        found += [view(row) for row in rows if state in (None, triggers.state(row))]
        below = rows[-1]["version"]
    return page(found[: limit + 1], limit, key, lambda one: [one.version], bound_to=bound)


@router.get(
    "/{name}/versions/{version}",
    operation_id="triggers-get-version",
    summary="One version of a trigger, with its file",
    responses=refusals(NotFound),
)
async def get_version(name: Name, version: Number, runtime: AnyRuntime, _: Reader) -> VersionView:
    """Show a version."""
    return view(await triggers.version(runtime.database.pool, name, version))


@router.get(
    "/{name}/versions/{version}/differences",
    operation_id="triggers-compare",
    summary="How a version differs from another one",
    responses=refusals(NotFound),
)
async def compare(
    name: Name,
    version: Number,
    runtime: AnyRuntime,
    _: Reader,
    other: Annotated[int, Query(ge=1, le=2**31 - 1, description="The version to compare with", examples=[1])],
) -> Differences:
    """List the keys of the file that differ, those of `other` as `before`."""
    rows = [await triggers.version(runtime.database.pool, name, number) for number in (other, version)]
    before, after = (_flat(triggers.content(row)) for row in rows)
    keys = [*before, *(key for key in after if key not in before)]
    found = [
        Difference(key=key, before=before.get(key), after=after.get(key))
        for key in keys
        if before.get(key) != after.get(key)
    ]
    return Differences(name=name, version=version, other=other, differences=found)


def _flat(content: Mapping[str, Any], above: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        path = [*above, key]
        found |= _flat(value, path) if isinstance(value, dict) else {".".join(path): value}
    return found


async def _activate(runtime: Runtime, tx: Transaction, name: str, body: Activation) -> Activated:
    row = await triggers.version(tx.conn, name, body.version)
    if triggers.state(row) != "draft":
        raise triggers.NotADraft(
            "only a draft is activated: add it as a new version", "仅草稿版本可启用，请作为新版本提交"
        )
    params = {"trigger": name, "version": body.version}
    job_id = await runtime.jobs.start(tx, "backfill", params, key=f"{name}:{body.version}")
    await tx.audit("trigger.activated", "trigger", name, version=body.version)
    return Activated(name=name, version=body.version, job_id=job_id)


async def _authors(tx: Transaction, name: str, body: Activation) -> list[str]:
    return [(await triggers.version(tx.conn, name, body.version))["created_by"]]


ACTIVATION = Change("trigger.activate", Activation, _activate, triggers.judging, _authors)


@router.post(
    "/{name}:activate",
    operation_id="triggers-activate",
    summary="Let a draft judge the stream",
    dependencies=[Depends(requires("triggers:write"))],
    response_model=Activated,
    responses=refusals(NotFound, triggers.NotADraft, *REFUSALS),
)
async def activate(
    name: Name, body: Activation, submit: Annotated[Submit, Depends(TwoPersons(ACTIVATION))]
) -> Response:
    """Start the job that makes the version's states from what has been; then it judges what comes.

    The stream goes on meanwhile, judged by the version before.
    """
    return await submit(name, body)


@router.get(
    "/{name}/rate",
    operation_id="triggers-rate",
    summary="How often a trigger fires, by business day",
    responses=refusals(NotFound),
)
async def rate(
    name: Name,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("detections:read"))],
    days: Annotated[int, Query(ge=1, le=366, description="How many days back")] = 30,
) -> Rate:
    """Count the detections that the caller may see, day by day."""
    await triggers.get(runtime.database.pool, name)
    last = runtime.clock.business_date()
    rows = await detections_rate.by_day(runtime.database.reads(caller.scope), name, last, days)
    return Rate(name=name, days=[DayRate.model_validate(dict(row)) for row in rows])
