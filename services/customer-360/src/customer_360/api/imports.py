"""Imports over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from attune_contracts.datasets import CustomerDataset
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.files import MappingError, runs
from attune_service_kit.files.requests import FolderRefused, NotMapped, WhatToImport, checked
from attune_service_kit.files.routes import history, uploads
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.jobs import Job
from customer_360.loads import OWN_DATASETS

router = APIRouter(tags=["imports"])
ROUTERS = (router, history("customer_360", "/v1/imports"), uploads("/v1/imports"))
STREAMED = r"[A-Z]+ /v1/imports/[^/]+/files/[^/]+"


class ImportRequest(WhatToImport):
    """What to import: a mapping, the folder with the bank's files, and which of the mapping's datasets."""

    datasets: list[CustomerDataset] = Field(min_length=1, max_length=20)


@router.post(
    "/v1/imports",
    status_code=202,
    operation_id="imports-start",
    summary="Import customers and what belongs to them from the bank's files",
    response_model=Job,
    responses=refusals(FolderRefused, NotMapped, MappingError, runs.ImportIdTaken, Invalid),
)
async def start(
    body: ImportRequest,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("imports:write"))],  # noqa: ARG001 - the scope is what it is for
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Start the job that imports the datasets in their order. Repeating an import changes nothing."""
    names = [name for name in OWN_DATASETS if name in body.datasets]
    params = checked(runtime.settings, body.import_id, body.mapping, body.folder, names)

    async def run(tx: Transaction) -> Job:
        return await runs.begin(runtime, tx, str(body.mapping["source"]), params)

    return await write(run, status=202)
