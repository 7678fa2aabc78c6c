"""Trainings and batch scorings over HTTP: each starts a job; a training's specification is checked before."""

import asyncio
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import SEVERAL_LINES, Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import Job
from scoring import spec_files
from scoring.champions import NoChampion
from scoring.settings import ScoringSettings
from scoring.signing import TrainingUnsigned, check_trainable
from scoring.spec import Kind, ModelName, TrainingSpec

router = APIRouter(tags=["models"])

Writing = Annotated[Write, Depends(idempotent)]
Administrator = Depends(requires("models:write"))
REFUSALS = refusals(KeyMissing, InFlight, OtherPayload, Invalid)


# Seeds may be named by the thousand.
SpecText = Annotated[str, StringConstraints(min_length=1, max_length=1_000_000, pattern=r"^[\s\S]+$"), SEVERAL_LINES]
_FILE = """\
model: propensity-wealth
dataset: features
label: {kinds: [wealth_purchase], within_days: 90}
"""


class SpecFileInvalid(Invalid):
    """The file is no specification: `errors` names the line, the column and the reason of each fault."""

    code = "training_file_invalid"


class SpecFileBody(Body):
    """A training's specification, YAML or JSON, as docs/reference/training.md has it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"file": _FILE}]})

    file: SpecText


class SpecView(BaseModel):
    """What a specification says. `spec` is the body of `POST /v1/trainings`, where it learns from the lake.

    Of a file that it learns from `path` says the place, if any; sent, it is named by `file_id` and `sha256` in `spec`.
    """

    model: str = Field(examples=["propensity-wealth"])
    kind: Kind = Field(examples=["classifier"])
    purpose: str = Field(examples=["propensity"])
    target: str = Field(examples=["wealth_purchase_within_90_days"])
    risk_class: str = Field(examples=["limited"])
    path: str | None = Field(examples=[None])
    spec: dict[str, Any]


class Scoring(Body):
    """Score the base anew: with one model or every champion, over one snapshot or the newest."""

    model: ModelName | None = None
    as_of: date | None = None


@router.post(
    "/v1/trainings",
    operation_id="trainings-start",
    summary="Train a model version from a spec",
    status_code=202,
    dependencies=[Administrator],
    response_model=Job,
    responses=REFUSALS | refusals(TrainingUnsigned),
)
async def train(spec: TrainingSpec, runtime: AnyRuntime, write: Writing) -> Response:
    """Start a training. Its result names version, metrics, features; a leak or a lossy export fails it."""
    assert isinstance(runtime.settings, ScoringSettings)  # noqa: S101 - the service declares it
    check_trainable(runtime.settings)

    async def run(tx: Transaction) -> Job:
        await tx.audit("train", "model", spec.model)
        # As a text: the database would put a file's columns, and so the model's features, in an order of its own.
        params = {"spec": spec.model_dump_json(), "asked_by": tx.who}
        job_id = await runtime.jobs.start(tx, "train", params)
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)


@router.post(
    "/v1/trainings:validate",
    operation_id="trainings-validate",
    summary="Check a training's specification; nothing is trained",
    dependencies=[Administrator],
    responses=refusals(SpecFileInvalid),
)
async def validate(body: SpecFileBody) -> SpecView:
    """Refuse with every fault's line and column, or tell what the file says."""
    try:
        # YAML is read by Python alone: others are answered meanwhile.
        found = await asyncio.to_thread(spec_files.read, body.file)
    except spec_files.SpecFileRefused as refused:
        first = refused.faults[0]
        raise SpecFileInvalid(
            f"line {first.line}, column {first.column}: {first.en}",
            f"第 {first.line} 行第 {first.column} 列：{first.zh}",
            errors=[vars(fault) for fault in refused.faults],
        ) from None
    about = found.spec.about
    return SpecView(
        model=about.name,
        kind=found.spec.kind,
        purpose=about.purpose,
        target=about.target,
        risk_class=about.risk_class,
        path=found.path,
        spec=found.content,
    )


@router.post(
    "/v1/scorings",
    operation_id="scorings-start",
    summary="Score every customer",
    status_code=202,
    dependencies=[Administrator],
    response_model=Job,
    responses=REFUSALS | refusals(NoChampion),
)
async def score(body: Scoring, runtime: AnyRuntime, write: Writing) -> Response:
    """Start a batch scoring; scores are published when all are written."""

    async def run(tx: Transaction) -> Job:
        if not await tx.conn.fetchval(
            "SELECT EXISTS (SELECT 1 FROM model_version WHERE state = 'champion' AND ($1::text IS NULL OR model = $1))",
            body.model,
        ):
            raise NoChampion("no version of this model answers yet", "该模型尚无生效版本")
        job_id = await runtime.jobs.start(tx, "score", body.model_dump(mode="json"))
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)
