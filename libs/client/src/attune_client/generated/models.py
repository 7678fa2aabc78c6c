"""The operations on models. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
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
        """Send a model's bytes, or a file to learn from, or a part of either. Take in the bytes of an ONNX file, or
        of a CSV or Parquet file to learn from; 50 MB at most. Nothing is read of them yet. Files have no name
        here. Scope: models:write.
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

    async def comparison(self, name: str) -> schemas.ComparisonView:
        """What the model earned against no model. Return the newest comparison; NothingCompared before the first
        one. Scope: models:watch.
        """
        return await self._call(schemas.ComparisonView, "GET", "/v1/models/{name}/comparison", at={"name": name})

    async def compare(self, name: str, *, idempotency_key: str | None = None) -> schemas.Job:
        """Compare the model with no model, from the ledger. Start the job; asking again while it runs gives the same
        one. Scope: models:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/models/{name}/comparisons",
            at={"name": name},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def contributions(
        self, name: str, body: schemas.Chosen, *, idempotency_key: str | None = None
    ) -> schemas.Job:
        """Share scores of chosen customers out among the features, exactly. Start the job over the newest feature
        snapshot; of models that are one sum of trees. Its result has, for each customer, the baseline's sum (of
        usual values), what each feature adds, and the sum that is the score: of probabilities in log-odds. The
        customers' values are not told. Scope: models:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/models/{name}/contributions",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def drifts(
        self,
        name: str,
        *,
        version: int | None = None,
        level: Annotated[Literal["moderate", "major"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.DriftViewPage:
        """What the model's versions have crossed. List the crossings: each was said once, by
        `scoring.drift.detected`. Scope: models:watch.
        """
        return await self._call(
            schemas.DriftViewPage,
            "GET",
            "/v1/models/{name}/drifts",
            at={"name": name},
            params={"version": version, "level": level, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_drifts(
        self,
        name: str,
        *,
        version: int | None = None,
        level: Annotated[Literal["moderate", "major"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.DriftView]:
        """Every item of `drifts`, page after page."""
        return pages(
            lambda cursor: self.drifts(name, version=version, level=level, sort=sort, limit=limit, cursor=cursor)
        )

    async def report(self, name: str) -> bytes:
        """What the model earned and how it is watched, as a page with pictures. Show the newest comparison, the
        drift of each version that answers or looks on, its responses by decile. One file in Chinese and English,
        without script; it loads nothing. Scope: models:watch.
        """
        return await self._call(bytes, "GET", "/v1/models/{name}/report", at={"name": name})

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

    async def card(self, name: str, version: int) -> bytes:
        """A version's card as a page with pictures. Show a version's card: metrics, curves, calibration, importance,
        stability, drift, fairness; one file, no script. What was trained here has the page of its training, what
        was uploaded one of what its bank says of it. Scope: models:read.
        """
        return await self._call(
            bytes, "GET", "/v1/models/{name}/versions/{version}/card", at={"name": name, "version": version}
        )

    async def challenge(
        self, name: str, version: int, body: schemas.Challenger, *, idempotency_key: str | None = None
    ) -> schemas.ModelView | schemas.Proposal:
        """Let a version answer for a share of the customers. Make the version the challenger; the one before it
        looks on. Its customers are always the same ones. Scope: models:write.
        """
        return await self._call(
            schemas.ModelView | schemas.Proposal,
            "POST",
            "/v1/models/{name}/versions/{version}:challenge",
            at={"name": name, "version": version},
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

    async def retire(
        self, name: str, version: int, body: schemas.ReasonGiven, *, idempotency_key: str | None = None
    ) -> schemas.ModelView:
        """Take a version out of service. Retire it. Where it is the champion, no version answers from now on, and
        what it has scored goes with it. Scope: models:write.
        """
        return await self._call(
            schemas.ModelView,
            "POST",
            "/v1/models/{name}/versions/{version}:retire",
            at={"name": name, "version": version},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def shadow(self, name: str, version: int, *, idempotency_key: str | None = None) -> schemas.ModelView:
        """Let a version look on. Score everybody with it in each batch, beside the champion; no decision sees these
        scores. Scope: models:write.
        """
        return await self._call(
            schemas.ModelView,
            "POST",
            "/v1/models/{name}/versions/{version}:shadow",
            at={"name": name, "version": version},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def watch(
        self,
        name: str,
        *,
        version: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.WatchViewPage:
        """What is seen of the model's versions, snapshot by snapshot. List the looks at the versions that say what
        they were trained on, the newest first. Scope: models:watch.
        """
        return await self._call(
            schemas.WatchViewPage,
            "GET",
            "/v1/models/{name}/watch",
            at={"name": name},
            params={"version": version, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_watch(
        self,
        name: str,
        *,
        version: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.WatchView]:
        """Every item of `watch`, page after page."""
        return pages(lambda cursor: self.watch(name, version=version, sort=sort, limit=limit, cursor=cursor))

    async def watch_start(self, name: str, *, idempotency_key: str | None = None) -> schemas.Job:
        """Look at the model's versions now. Start the job, which else runs after each batch: on the same snapshot it
        replaces what was seen. Scope: models:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/models/{name}/watch", at={"name": name}, key=idempotency_key or uuid.uuid4().hex
        )

    async def watch_settings(self, name: str) -> schemas.WatchSettingsView:
        """What counts as the model's outcome, and from which drift on something is said. Return the settings that
        hold. Scope: models:watch.
        """
        return await self._call(schemas.WatchSettingsView, "GET", "/v1/models/{name}/watch-settings", at={"name": name})

    async def watch_settings_put(
        self, name: str, body: schemas.WatchSettingsBody, *, idempotency_key: str | None = None
    ) -> schemas.WatchSettingsView | schemas.Proposal:
        """Say what counts as the model's outcome, and from which drift on something is said. Store a new version.
        Two persons: who chooses the outcome after the fact chooses the result. Scope: models:write.
        """
        return await self._call(
            schemas.WatchSettingsView | schemas.Proposal,
            "PUT",
            "/v1/models/{name}/watch-settings",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def rollback(
        self, name: str, body: schemas.ReasonGiven, *, idempotency_key: str | None = None
    ) -> schemas.ModelView:
        """Let the version before answer again. Go back to the version that answered before the newest champion was
        promoted, at once. One person may do it: a bank must be able to stop a bad model without looking for
        another one. What answers then has been approved by two before. The trail says who and why; going forth
        again is a promotion. Scope: models:write.
        """
        return await self._call(
            schemas.ModelView,
            "POST",
            "/v1/models/{name}:rollback",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def purposes_get(self, purpose: str) -> schemas.PurposeView:
        """Which customers of a purpose no model answers for. Show the purpose's shares and who answers. Scope:
        models:read.
        """
        return await self._call(schemas.PurposeView, "GET", "/v1/purposes/{purpose}", at={"purpose": purpose})

    async def purposes_put(
        self, purpose: str, body: schemas.SharesBody, *, idempotency_key: str | None = None
    ) -> schemas.PurposeView | schemas.Proposal:
        """Set apart a share without model, and the challengers' share. Let these shares hold from now on; the base
        is scored anew. Who is without model has no score of it at all. A share that grows takes customers in and
        lets nobody go: the two arms lie at the two ends of the hash. Scope: models:write.
        """
        return await self._call(
            schemas.PurposeView | schemas.Proposal,
            "PUT",
            "/v1/purposes/{purpose}",
            at={"purpose": purpose},
            body=body,
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

    async def trainings_validate(self, body: schemas.SpecFileBody) -> schemas.SpecView:
        """Check a training's specification; nothing is trained. Refuse with every fault's line and column, or tell
        what the file says. Scope: models:write.
        """
        return await self._call(schemas.SpecView, "POST", "/v1/trainings:validate", body=body)
