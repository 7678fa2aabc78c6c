"""Imports over HTTP."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.files import MappingError
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.jobs import Job
from customer_360 import imports

router = APIRouter(tags=["imports"])

OwnDataset = Literal[
    "regions",
    "branches",
    "employees",
    "products",
    "households",
    "parties",
    "accounts",
    "account_parties",
    "holdings",
    "loans",
    "cards",
    "standing_orders",
    "consents",
]


class ImportRequest(Body):
    """What to import: a mapping, the folder with the bank's files, and which of the mapping's datasets."""

    import_id: UUID = Field(description="Chosen by the client; one import may span customer-360 and eventing")
    mapping: dict[str, Any] = Field(description="The mapping file's content")
    folder: str = Field(min_length=1, max_length=1000, description="A folder that the service can read")
    datasets: list[OwnDataset] = Field(min_length=1, max_length=20)


@router.post(
    "/v1/imports",
    status_code=202,
    operation_id="imports-start",
    summary="Import customers and what belongs to them from the bank's files",
    response_model=Job,
    responses=refusals(imports.FolderRefused, MappingError, Invalid),
)
async def start(
    body: ImportRequest,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("imports:write"))],  # noqa: ARG001 - the scope is what it is for
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Start the job that imports the datasets in their order. Repeating an import changes nothing."""
    params = imports.checked(runtime.settings, body.import_id, body.mapping, body.folder, body.datasets)

    async def run(tx: Transaction) -> Job:
        job_id = await runtime.jobs.start(tx, "import", params, key=str(body.import_id))
        await tx.audit("import.started", "import", body.import_id, detail={"datasets": params["datasets"]})
        return await runtime.jobs.view(tx, job_id)

    return await write(run, status=202)
