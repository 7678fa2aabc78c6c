"""The end of a trigger over HTTP: a draft is discarded, one that judges is retired; what was stays on record."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import NotFound, refusals
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.runtime import Runtime
from eventing import triggers
from eventing.api.trigger_versions import Name, Number, VersionView, Writer, view

router = APIRouter(prefix="/v1/triggers", tags=["triggers"])


class Retirement(Body):
    """Why the trigger is to judge no more; kept in the trail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the branch network no longer sells it"}]})

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Retired(BaseModel):
    """The version that judged last, and the job that removes the trigger's keyed states."""

    name: str
    version: int
    state: triggers.State
    job_id: UUID


@router.post(
    "/{name}/versions/{version}:discard",
    operation_id="triggers-discard",
    summary="Discard a draft",
    response_model=VersionView,
    responses=refusals(NotFound, triggers.NotADraft, *REFUSALS),
)
async def discard(name: Name, version: Number, _: Writer, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """End a draft: it stays among the versions, keeps its number, and is never activated."""

    async def run(tx: Transaction) -> VersionView:
        row = await triggers.discard(tx.conn, name, version)
        await tx.audit("trigger.discarded", "trigger", name, version=version)
        return view(row)

    return await write(run)


async def _retire(runtime: Runtime, tx: Transaction, name: str, body: Retirement) -> Retired:
    row = await triggers.retire(tx.conn, name)
    job_id = await runtime.jobs.start(tx, "trigger_end", {"trigger": name, "version": row["version"]}, key=name)
    await tx.audit("trigger.retired", "trigger", name, version=row["version"], detail={"reason": body.reason})
    return Retired(name=name, version=row["version"], state=triggers.state(row), job_id=job_id)


RETIREMENT = Change("trigger.retire", Retirement, _retire, triggers.judging)


@router.post(
    "/{name}:retire",
    operation_id="triggers-retire",
    summary="Take a trigger out of force for good",
    dependencies=[Depends(requires("triggers:write"))],
    response_model=Retired,
    responses=refusals(NotFound, triggers.NotInForce, *REFUSALS),
)
async def retire(name: Name, body: Retirement, submit: Annotated[Submit, Depends(TwoPersons(RETIREMENT))]) -> Response:
    """From the next posting on it finds nothing, and what it keeps of customers is removed.

    Its versions, detections and figures stay; a new version of it may be activated later, with states of its own.
    """
    return await submit(name, body)
