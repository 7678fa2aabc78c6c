"""Exact contributions over HTTP: a job shares a tree model's answers out among its features, for chosen customers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.jobs import Job
from scoring import registry
from scoring.api.models import Name
from scoring.champions import NoChampion
from scoring.registry import UnknownVersion, VersionUnfit

router = APIRouter(tags=["models"])


class Chosen(Body):
    """The customers whose scores are shared out, and how many features of each are named."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"customer_ids": ["0198c1d2-7f40-8abc-8def-0123456789ab"], "most": 5}]}
    )

    customer_ids: Annotated[list[UUID], Field(min_length=1, max_length=500)]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="By default the champion"
    )
    most: Annotated[int, Field(ge=1, le=100)] = Field(
        default=10, description="Features a customer; the rest is one sum"
    )


@router.post(
    "/v1/models/{name}/contributions",
    operation_id="models-contributions",
    summary="Share scores of chosen customers out among the features, exactly",
    status_code=202,
    dependencies=[Depends(requires("models:write"))],
    response_model=Job,
    responses=refusals(NoChampion, UnknownVersion, VersionUnfit, Invalid, *REFUSALS),
)
async def start(
    name: Name, body: Chosen, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Start the job over the newest feature snapshot; of models that are one sum of trees.

    Its result has, for each customer, the baseline's sum (of usual values), what each feature adds, and the sum that is
    the score: of probabilities in log-odds. The customers' values are not told.
    """

    async def run(tx: Transaction) -> Job:
        number = body.version or await registry.answering(tx, name)
        if number is None:
            raise NoChampion("no version of this model answers yet", "该模型尚无生效版本")
        await registry.version(tx.conn, name, number)
        customers = [str(one) for one in dict.fromkeys(body.customer_ids)]
        await tx.audit("explain", "model", name, version=number, detail={"customers": len(customers)})
        params = {"model": name, "version": number, "customers": customers, "most": body.most}
        return await runtime.jobs.view(tx, await runtime.jobs.start(tx, "explain", params))

    return await write(run, status=202)
