"""Trainings and batch scorings over HTTP: each starts a job."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.jobs import Job
from scoring.champions import NoChampion
from scoring.spec import ModelName, TrainingSpec

router = APIRouter(tags=["models"])

Writing = Annotated[Write, Depends(idempotent)]
Administrator = Depends(requires("models:write"))
REFUSALS = refusals(KeyMissing, InFlight, OtherPayload, Invalid)


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
    responses=REFUSALS,
)
async def train(spec: TrainingSpec, runtime: AnyRuntime, write: Writing) -> Response:
    """Start a training. Its result names version, metrics, features; a leak or a lossy export fails it."""

    async def run(tx: Transaction) -> Job:
        await tx.audit("train", "model", spec.model)
        params = spec.model_dump(mode="json") | {"asked_by": tx.who}
        job_id = await runtime.jobs.start(tx, "train", params)
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)


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
