"""Models that a bank brings, over HTTP: first the bytes, then what they are."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, TooLarge, refusals
from attune_service_kit.files.uploads import ChecksumMismatch, NothingUploaded, WrongOffset
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.jobs import Job
from attune_service_kit.octets import octet_body, octets
from scoring import uploads
from scoring.api.models import Name
from scoring.manifest import Manifest
from scoring.registry import OtherOutput
from scoring.signing import SignatureInvalid
from scoring.uploads import FILE, NoModel

router = APIRouter(tags=["models"])
STREAMED = r"[A-Z]+ /v1/model-uploads/files/[^/]+"

Writing = Annotated[Write, Depends(idempotent)]
Administrator = Depends(requires("models:write"))


class FilePart(BaseModel):
    """What has arrived: how many bytes of the file there are now, and the hash of this part."""

    bytes: int = Field(examples=[1_048_576])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015" * 2])


_JOB: dict[str, JsonValue] = {
    "id": "0198c1d2-7f40-7abc-8def-0123456789ab",
    "kind": "vet",
    "state": "queued",
    "progress": 0,
    "total": None,
    "message": None,
    "result": None,
    "error": None,
    "created_at": "2026-03-17T06:05:11Z",
    "started_at": None,
    "finished_at": None,
}


class UploadedVersion(Job):
    """The job that looks at a version; that one is `uploaded` until the job has ended, then `vetted` or `refused`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_JOB | {"model": "propensity-wealth", "version": 3, "sha256": "9f86d081884c7d65" * 4}]
        }
    )

    model: str
    version: int
    sha256: str


@router.put(
    "/v1/model-uploads/files/{file_id}",
    operation_id="model-files-put",
    summary="Send a model's bytes, or a file to learn from, or a part of either",
    dependencies=[Administrator],
    response_model=FilePart,
    responses=refusals(ChecksumMismatch, WrongOffset, TooLarge, Invalid, *REFUSALS),
    openapi_extra=octet_body(uploads.MOST_BYTES),
)
async def put(
    file_id: Annotated[UUID, Path(description="Chosen by the client")],
    request: Request,
    runtime: AnyRuntime,
    write: Writing,
    offset: Annotated[int, Query(ge=0, le=uploads.MOST_BYTES, description="Where this part begins in the file")] = 0,
    content_digest: Annotated[
        str | None, Header(description="RFC 9530: sha-256=:BASE64: of the body", max_length=200)
    ] = None,
) -> Response:
    """Take in the bytes of an ONNX file, or of a CSV or Parquet file to learn from; 50 MB at most.

    Nothing is read of them yet. Files have no name here.
    """
    store = uploads.store(runtime.settings)
    if offset == 0:
        store.sweep()
    part = await store.receive(octets(request), content_digest)
    try:
        write.holds_too(part.sha256)

        async def run(tx: Transaction) -> FilePart:
            size = store.add(file_id, FILE, offset, part)
            await tx.audit("upload_file", "model_file", file_id, detail={"bytes": part.size})
            return FilePart(bytes=size, sha256=part.sha256)

        return await write(run, status=200)
    finally:
        part.path.unlink(missing_ok=True)


@router.post(
    "/v1/models/{name}/versions",
    operation_id="models-upload",
    summary="Bring your own model",
    status_code=202,
    dependencies=[Administrator],
    response_model=UploadedVersion,
    responses=refusals(
        NothingUploaded, ChecksumMismatch, TooLarge, NoModel, OtherOutput, SignatureInvalid, Invalid, *REFUSALS
    ),
)
async def upload(name: Name, body: Manifest, runtime: AnyRuntime, write: Writing) -> Response:
    """Make the uploaded bytes a version of the model, and look at them in a process with limits.

    The job's result names the state: `vetted`, or `refused` with the reasons. What is vetted answers nobody yet.
    """

    async def run(tx: Transaction) -> UploadedVersion:
        version, job_id = await uploads.accept(runtime, tx, name, body)
        job = await runtime.jobs.view(tx, job_id)
        return UploadedVersion(**job.model_dump(), model=name, version=version, sha256=body.sha256)

    return await write(run, status=202)
