"""The operations on models. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from uuid import UUID

from attune_client.base import Operations, pages
from attune_client.generated import schemas


class Models(Operations):
    """Operations on models."""

    async def model_files_put_(
        self,
        file_id: UUID,
        body: bytes,
        *,
        offset: int | None = None,
        content_digest: str | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.FilePart:
        """Send a model's bytes, or a part of them. Take in the bytes of an ONNX file, 50 MB at most; nothing is read
        of them yet. Files have no name here. Scope: models:write.
        """
        return await self._call(
            schemas.FilePart,
            "PUT",
            "/v1/model-uploads/files/{file_id}",
            at={"file_id": file_id},
            params={"offset": offset},
            headers={"content-digest": content_digest},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list(
        self, *, purpose: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> schemas.ModelSummaryPage:
        """The models and which version of each answers. List the models by name. Scope: models:read."""
        return await self._call(
            schemas.ModelSummaryPage, "GET", "/v1/models", params={"purpose": purpose, "limit": limit, "cursor": cursor}
        )

    def iterate(self, *, purpose: str | None = None, limit: int | None = None) -> AsyncIterator[schemas.ModelSummary]:
        """Every item of `list`, page after page."""
        return pages(lambda cursor: self.list(purpose=purpose, limit=limit, cursor=cursor))

    async def get(self, name: str) -> schemas.ModelView:
        """A model's versions, their metrics and features. Show one model. Scope: models:read."""
        return await self._call(schemas.ModelView, "GET", "/v1/models/{name}", at={"name": name})

    async def upload(
        self, name: str, body: schemas.Manifest, *, idempotency_key: str | None = None
    ) -> schemas.UploadedVersion:
        """Bring your own model. Make the uploaded bytes a version of the model, and look at them in a process with
        limits. The job's result names the state: `vetted`, or `refused` with the reasons. What is vetted answers
        nobody yet. Scope: models:write.
        """
        return await self._call(
            schemas.UploadedVersion,
            "POST",
            "/v1/models/{name}/versions",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def promote(
        self, name: str, version: int, *, idempotency_key: str | None = None
    ) -> schemas.ModelView | schemas.Proposal:
        """Let a version answer from now on. Promote a version: the one before it is retired, running requests end
        with the one they began with. This process answers with it from the commit on, the others as soon as they
        hear of it. Scope: models:write.
        """
        return await self._call(
            schemas.ModelView | schemas.Proposal,
            "POST",
            "/v1/models/{name}/versions/{version}:promote",
            at={"name": name, "version": version},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def scorings_start(self, body: schemas.Scoring, *, idempotency_key: str | None = None) -> schemas.Job:
        """Score every customer. Start a batch scoring; scores are published when all are written. Scope:
        models:write.
        """
        return await self._call(schemas.Job, "POST", "/v1/scorings", body=body, key=idempotency_key or uuid.uuid4().hex)

    async def trainings_start(self, body: schemas.TrainingSpec, *, idempotency_key: str | None = None) -> schemas.Job:
        """Train a model version from a spec. Start a training. Its result names version, metrics, features; a leak
        or a lossy export fails it. Scope: models:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/trainings", body=body, key=idempotency_key or uuid.uuid4().hex
        )
