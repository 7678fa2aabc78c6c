"""Imports over HTTP, the same for every service that imports: history, report, undo; and uploads."""

from datetime import datetime
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, TooLarge, refusals
from attune_service_kit.files import runs
from attune_service_kit.files.uploads import NAME, ChecksumMismatch, Uploads, WrongOffset
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.jobs import Job
from attune_service_kit.octets import octet_body, octets
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.settings import ServiceSettings

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

State = Literal["queued", "running", "done", "failed", "cancelled", "undoing", "undone"]
ImportId = Annotated[UUID, Path(description="Chosen by the client; one import may span several services")]
FileName = Annotated[str, Path(pattern=NAME, description="The file's own name, no folder", examples=["customers.csv"])]

_COUNTS = {"accounts": {"read": 4500, "accepted": 4499, "rejected": 1, "unchanged": 0}}


class LogLine(BaseModel):
    """What the import did, and when."""

    at: datetime
    text: str = Field(examples=["accounts: 4,500 read, 4,499 accepted, 1 rejected"])


class ImportRun(BaseModel):
    """An import as the history shows it. Its job tells how far it is, and may be cancelled or go on."""

    import_id: UUID
    source: str = Field(description="The source system's name in the mapping")
    datasets: list[str]
    state: State
    job_id: UUID
    undo_job_id: UUID | None
    counts: dict[str, Any] | None = Field(
        description="By dataset: accepted + rejected = read, and of the accepted how many stood there already",
        examples=[_COUNTS],
    )
    has_rejects: bool = Field(description="Whether there is a report of rejected lines to download")
    log: list[LogLine]
    started_by: str
    started_at: datetime
    completed_at: datetime | None
    undone_at: datetime | None


class UndoRequest(Body):
    """How to take the import back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"only_check": False}]})

    only_check: bool = Field(default=False, description="Only find out whether it can be taken back")


class UploadedFile(BaseModel):
    """A file of an import, as far as it has arrived."""

    name: str = Field(examples=["accounts.csv.gz"])
    bytes: int = Field(examples=[1_048_576])


class UploadedPart(UploadedFile):
    """A part that has arrived, and where the next one begins."""

    sha256: str = Field(description="Of the part, hexadecimal", examples=["9f86d081884c7d659a2feaa0c55ad015" * 2])


class Uploaded(BaseModel):
    """The files of an import."""

    files: list[UploadedFile]


class Removed(BaseModel):
    """What was removed."""

    removed: int


class NoRejects(NotFound):
    """The import rejected nothing, or its report was kept long enough."""

    code = "no_rejects"


class UnknownFile(NotFound):
    """No such file was uploaded."""

    code = "unknown_file"


def history(service: str, prefix: str) -> APIRouter:
    """History, report and undo of a service's imports, under a path prefix."""
    routes = APIRouter(prefix=prefix, tags=["imports"])
    _add_reads(routes, service)
    _add_undo(routes, service)
    return routes


def _add_reads(routes: APIRouter, service: str) -> None:
    @routes.get(
        "",
        operation_id=f"list_{service}_imports",
        summary="The imports, the newest first",
        responses=refusals(InvalidCursor, Invalid),
    )
    async def listing(
        request: Request,
        caller: Annotated[Caller, Depends(requires("imports:read"))],
        state: State | None = None,
        source: Annotated[str | None, Query(max_length=40)] = None,
        sort: ByTime = "newest",
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ImportRun]:
        """List what was imported, when, by whom, and what came of it."""
        runtime: Runtime = request.app.state.runtime
        key, bound = runtime.settings.cursor_key, ("imports", caller.subject, state, source, sort)
        after = decode_cursor(key, cursor, bound_to=bound) if cursor else ()
        found = await runs.listed(runtime.database.pool, state, source, sort, after, limit + 1)
        items = [ImportRun.model_validate(row) for row in found]
        return page(items, limit, key, lambda run: [run.started_at, run.import_id], bound_to=bound)

    @routes.get(
        "/{import_id}",
        operation_id=f"read_{service}_import",
        summary="One import: state, counts and log",
        dependencies=[Depends(requires("imports:read"))],
        responses=refusals(runs.UnknownImport),
    )
    async def read(import_id: ImportId, request: Request) -> ImportRun:
        """Tell what an import did."""
        runtime: Runtime = request.app.state.runtime
        return ImportRun.model_validate(await runs.one(runtime.database.pool, import_id))

    @routes.get(
        "/{import_id}/rejects",
        operation_id=f"read_{service}_import_rejects",
        summary="The report of rejected lines, as CSV",
        response_class=FileResponse,
        responses=refusals(runs.UnknownImport, NoRejects)
        | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The report"}},
    )
    async def rejects(
        import_id: ImportId, request: Request, caller: Annotated[Caller, Depends(requires("imports:write"))]
    ) -> FileResponse:
        """Download file, line, column, reason and row of every rejected line: customers' data, so it is on record."""
        runtime: Runtime = request.app.state.runtime
        await runs.one(runtime.database.pool, import_id)
        report: FilePath | None = Uploads(runtime.settings).report(import_id, service)
        if report is None:
            raise NoRejects("there is no report of rejected lines", "没有被拒绝记录的报告")
        async with runtime.database.transaction(caller.scope) as tx:
            tx.who = caller.subject
            await tx.audit("import.rejects_read", "import", import_id)
        name = f"{import_id}.{service}.rejects.csv"
        return FileResponse(report, media_type="text/csv; charset=utf-8", filename=name)


def _add_undo(routes: APIRouter, service: str) -> None:
    @routes.post(
        "/{import_id}:undo",
        status_code=202,
        operation_id=f"undo_{service}_import",
        summary="Take an import back",
        dependencies=[Depends(requires("imports:write"))],
        response_model=Job,
        responses=refusals(runs.UnknownImport, runs.ImportNotDone, runs.ImportInUse),
    )
    async def undo(
        import_id: ImportId, body: UndoRequest, request: Request, write: Annotated[Write, Depends(idempotent)]
    ) -> Response:
        """Start the job that removes what the import added and restores what it changed.

        The job fails with `import_in_use`, and nothing is taken back, if something rests on it by now. Twice is
        harmless.
        """
        runtime: Runtime = request.app.state.runtime

        async def run(tx: Transaction) -> Job:
            return await runs.undo(runtime, tx, import_id, body.only_check)

        return await write(run, status=202)


def uploads(prefix: str) -> APIRouter:
    """Sending an import's files, for all services of the home or cluster."""
    routes = APIRouter(prefix=f"{prefix}/{{import_id}}/files", tags=["imports"])
    may = Depends(requires("imports:write"))

    @routes.put(
        "/{name}",
        operation_id="upload_import_file",
        summary="Send a file, or a part of one",
        dependencies=[may],
        response_model=UploadedPart,
        responses=refusals(ChecksumMismatch, WrongOffset, TooLarge, Invalid),
        openapi_extra=octet_body(ServiceSettings.model_fields["max_upload_bytes"].default),
    )
    async def put(
        import_id: ImportId,
        name: FileName,
        request: Request,
        write: Annotated[Write, Depends(idempotent)],
        offset: Annotated[int, Query(ge=0, le=1 << 40, description="Where this part begins in the file")] = 0,
        content_digest: Annotated[
            str | None, Header(description="RFC 9530: sha-256=:BASE64: of the body", max_length=200)
        ] = None,
    ) -> Response:
        """Take in the body as it is, streamed to the upload area; large files in parts, each at the end of the last."""
        store = Uploads(request.app.state.runtime.settings)
        if offset == 0:
            store.sweep()
        part = await store.receive(octets(request), content_digest)
        try:
            write.holds_too(part.sha256)

            async def run(tx: Transaction) -> UploadedPart:
                size = store.add(import_id, name, offset, part)
                await tx.audit("import.file_uploaded", "import", import_id, detail={"bytes": part.size})
                return UploadedPart(name=name, bytes=size, sha256=part.sha256)

            return await write(run, status=200)
        finally:
            part.path.unlink(missing_ok=True)

    @routes.get(
        "",
        operation_id="list_import_files",
        summary="The files that were sent for an import",
        dependencies=[may],
    )
    async def listing(import_id: ImportId, request: Request) -> Uploaded:
        """Tell which files have arrived, and how much of each."""
        found = Uploads(request.app.state.runtime.settings).files(import_id)
        return Uploaded(files=[UploadedFile(name=name, bytes=size) for name, size in found.items() if size])

    _add_remove(routes)
    return routes


def _add_remove(routes: APIRouter) -> None:
    @routes.delete(
        "/{name}",
        operation_id="remove_import_file",
        summary="Remove a file that was sent",
        dependencies=[Depends(requires("imports:write"))],
        response_model=Removed,
        responses=refusals(UnknownFile),
    )
    async def remove(
        import_id: ImportId, name: FileName, request: Request, write: Annotated[Write, Depends(idempotent)]
    ) -> Response:
        """Remove a file; whatever nobody touches for a week goes by itself."""
        store = Uploads(request.app.state.runtime.settings)

        async def run(tx: Transaction) -> Removed:
            removed = store.remove(import_id, name)
            if not removed:
                raise UnknownFile("no such file was uploaded", "没有上传过该文件")
            await tx.audit("import.file_removed", "import", import_id)
            return Removed(removed=removed)

        return await write(run, status=200)
