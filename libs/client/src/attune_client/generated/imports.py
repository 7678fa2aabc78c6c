"""The operations on imports. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Imports(Operations):
    """Operations on imports."""

    async def list_customer_360_imports(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled", "undoing", "undone"], OPEN]
        | None = None,
        source: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ImportRunPage:
        """The imports, the newest first. List what was imported, when, by whom, and what came of it. Scope:
        imports:read.
        """
        return await self._call(
            schemas.ImportRunPage,
            "GET",
            "/v1/imports",
            params={"state": state, "source": source, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_customer_360_imports(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled", "undoing", "undone"], OPEN]
        | None = None,
        source: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.ImportRun]:
        """Every item of `list_customer_360_imports`, page after page."""
        return pages(
            lambda cursor: self.list_customer_360_imports(
                state=state, source=source, sort=sort, limit=limit, cursor=cursor
            )
        )

    async def start(self, body: schemas.ImportRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Import customers and what belongs to them from the bank's files. Start the job that imports the datasets
        in their order. Repeating an import changes nothing. Scope: imports:write.
        """
        return await self._call(schemas.Job, "POST", "/v1/imports", body=body, key=idempotency_key or uuid.uuid4().hex)

    async def read_customer_360_import(self, import_id: UUID) -> schemas.ImportRun:
        """One import: state, counts and log. Tell what an import did. Scope: imports:read."""
        return await self._call(schemas.ImportRun, "GET", "/v1/imports/{import_id}", at={"import_id": import_id})

    async def list_import_files(self, import_id: UUID) -> schemas.Uploaded:
        """The files that were sent for an import. Tell which files have arrived, and how much of each. Scope:
        imports:write.
        """
        return await self._call(schemas.Uploaded, "GET", "/v1/imports/{import_id}/files", at={"import_id": import_id})

    async def upload_import_file(
        self,
        import_id: UUID,
        name: str,
        body: bytes,
        *,
        offset: int | None = None,
        content_digest: str | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.UploadedPart:
        """Send a file, or a part of one. Take in the body as it is, streamed to the upload area; large files in
        parts, each at the end of the last. Scope: imports:write.
        """
        return await self._call(
            schemas.UploadedPart,
            "PUT",
            "/v1/imports/{import_id}/files/{name}",
            at={"import_id": import_id, "name": name},
            params={"offset": offset},
            headers={"content-digest": content_digest},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def remove_import_file(
        self, import_id: UUID, name: str, *, idempotency_key: str | None = None
    ) -> schemas.Removed:
        """Remove a file that was sent. Remove a file; whatever nobody touches for a week goes by itself. Scope:
        imports:write.
        """
        return await self._call(
            schemas.Removed,
            "DELETE",
            "/v1/imports/{import_id}/files/{name}",
            at={"import_id": import_id, "name": name},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def read_customer_360_import_rejects(self, import_id: UUID) -> bytes:
        """The report of rejected lines, as CSV. Download file, line, column, reason and row of every rejected line:
        customers' data, so it is on record. Scope: imports:write.
        """
        return await self._call(bytes, "GET", "/v1/imports/{import_id}/rejects", at={"import_id": import_id})

    async def undo_customer_360_import(
        self,
        import_id: UUID,
        body: schemas.AttuneServiceKitFilesRoutesUndoRequest,
        *,
        idempotency_key: str | None = None,
    ) -> schemas.Job:
        """Take an import back. Start the job that removes what the import added and restores what it changed. The
        job fails with `import_in_use`, and nothing is taken back, if something rests on it by now. Twice is
        harmless. Scope: imports:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/imports/{import_id}:undo",
            at={"import_id": import_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_eventing_imports(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled", "undoing", "undone"], OPEN]
        | None = None,
        source: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ImportRunPage:
        """The imports, the newest first. List what was imported, when, by whom, and what came of it. Scope:
        imports:read.
        """
        return await self._call(
            schemas.ImportRunPage,
            "GET",
            "/v1/ledger/imports",
            params={"state": state, "source": source, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_eventing_imports(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled", "undoing", "undone"], OPEN]
        | None = None,
        source: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.ImportRun]:
        """Every item of `list_eventing_imports`, page after page."""
        return pages(
            lambda cursor: self.list_eventing_imports(state=state, source=source, sort=sort, limit=limit, cursor=cursor)
        )

    async def read_eventing_import(self, import_id: UUID) -> schemas.ImportRun:
        """One import: state, counts and log. Tell what an import did. Scope: imports:read."""
        return await self._call(schemas.ImportRun, "GET", "/v1/ledger/imports/{import_id}", at={"import_id": import_id})

    async def read_eventing_import_rejects(self, import_id: UUID) -> bytes:
        """The report of rejected lines, as CSV. Download file, line, column, reason and row of every rejected line:
        customers' data, so it is on record. Scope: imports:write.
        """
        return await self._call(bytes, "GET", "/v1/ledger/imports/{import_id}/rejects", at={"import_id": import_id})

    async def undo_eventing_import(
        self, import_id: UUID, body: schemas.UndoRequest, *, idempotency_key: str | None = None
    ) -> schemas.Job:
        """Take an import back. Start the job that removes what the import added and restores what it changed. The
        job fails with `import_in_use`, and nothing is taken back, if something rests on it by now. Twice is
        harmless. Scope: imports:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/ledger/imports/{import_id}:undo",
            at={"import_id": import_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
