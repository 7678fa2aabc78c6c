"""The operations on jobs. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Jobs(Operations):
    """Operations on jobs."""

    async def list_campaign_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.JobPage:
        """The jobs, the newest first. List the service's jobs. Scope: jobs:read."""
        return await self._call(
            schemas.JobPage,
            "GET",
            "/v1/jobs/campaign",
            params={"state": state, "kind": kind, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_campaign_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Job]:
        """Every item of `list_campaign_jobs`, page after page."""
        return pages(
            lambda cursor: self.list_campaign_jobs(state=state, kind=kind, sort=sort, limit=limit, cursor=cursor)
        )

    async def read_campaign_job(self, job_id: UUID) -> schemas.Job:
        """How far a job has come. Tell how far a job has come, and what came of it. Scope: jobs:read."""
        return await self._call(schemas.Job, "GET", "/v1/jobs/campaign/{job_id}", at={"job_id": job_id})

    async def cancel_campaign_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Cancel a job. Cancel a job that waits or runs. What it has committed stays. Scope: jobs:write."""
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/campaign/{job_id}:cancel",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def resume_campaign_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Let a cancelled or failed job go on. Go on from where the job had come to: what it has committed is not
        done again. Scope: jobs:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/campaign/{job_id}:resume",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_customer_360_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.JobPage:
        """The jobs, the newest first. List the service's jobs. Scope: jobs:read."""
        return await self._call(
            schemas.JobPage,
            "GET",
            "/v1/jobs/customer_360",
            params={"state": state, "kind": kind, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_customer_360_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Job]:
        """Every item of `list_customer_360_jobs`, page after page."""
        return pages(
            lambda cursor: self.list_customer_360_jobs(state=state, kind=kind, sort=sort, limit=limit, cursor=cursor)
        )

    async def read_customer_360_job(self, job_id: UUID) -> schemas.Job:
        """How far a job has come. Tell how far a job has come, and what came of it. Scope: jobs:read."""
        return await self._call(schemas.Job, "GET", "/v1/jobs/customer_360/{job_id}", at={"job_id": job_id})

    async def cancel_customer_360_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Cancel a job. Cancel a job that waits or runs. What it has committed stays. Scope: jobs:write."""
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/customer_360/{job_id}:cancel",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def resume_customer_360_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Let a cancelled or failed job go on. Go on from where the job had come to: what it has committed is not
        done again. Scope: jobs:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/customer_360/{job_id}:resume",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_eventing_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.JobPage:
        """The jobs, the newest first. List the service's jobs. Scope: jobs:read."""
        return await self._call(
            schemas.JobPage,
            "GET",
            "/v1/jobs/eventing",
            params={"state": state, "kind": kind, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_eventing_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Job]:
        """Every item of `list_eventing_jobs`, page after page."""
        return pages(
            lambda cursor: self.list_eventing_jobs(state=state, kind=kind, sort=sort, limit=limit, cursor=cursor)
        )

    async def read_eventing_job(self, job_id: UUID) -> schemas.Job:
        """How far a job has come. Tell how far a job has come, and what came of it. Scope: jobs:read."""
        return await self._call(schemas.Job, "GET", "/v1/jobs/eventing/{job_id}", at={"job_id": job_id})

    async def cancel_eventing_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Cancel a job. Cancel a job that waits or runs. What it has committed stays. Scope: jobs:write."""
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/eventing/{job_id}:cancel",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def resume_eventing_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Let a cancelled or failed job go on. Go on from where the job had come to: what it has committed is not
        done again. Scope: jobs:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/eventing/{job_id}:resume",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_insight_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.JobPage:
        """The jobs, the newest first. List the service's jobs. Scope: jobs:read."""
        return await self._call(
            schemas.JobPage,
            "GET",
            "/v1/jobs/insight",
            params={"state": state, "kind": kind, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_insight_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Job]:
        """Every item of `list_insight_jobs`, page after page."""
        return pages(
            lambda cursor: self.list_insight_jobs(state=state, kind=kind, sort=sort, limit=limit, cursor=cursor)
        )

    async def read_insight_job(self, job_id: UUID) -> schemas.Job:
        """How far a job has come. Tell how far a job has come, and what came of it. Scope: jobs:read."""
        return await self._call(schemas.Job, "GET", "/v1/jobs/insight/{job_id}", at={"job_id": job_id})

    async def cancel_insight_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Cancel a job. Cancel a job that waits or runs. What it has committed stays. Scope: jobs:write."""
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/insight/{job_id}:cancel",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def resume_insight_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Let a cancelled or failed job go on. Go on from where the job had come to: what it has committed is not
        done again. Scope: jobs:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/insight/{job_id}:resume",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_scoring_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.JobPage:
        """The jobs, the newest first. List the service's jobs. Scope: jobs:read."""
        return await self._call(
            schemas.JobPage,
            "GET",
            "/v1/jobs/scoring",
            params={"state": state, "kind": kind, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_scoring_jobs(
        self,
        *,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        kind: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Job]:
        """Every item of `list_scoring_jobs`, page after page."""
        return pages(
            lambda cursor: self.list_scoring_jobs(state=state, kind=kind, sort=sort, limit=limit, cursor=cursor)
        )

    async def read_scoring_job(self, job_id: UUID) -> schemas.Job:
        """How far a job has come. Tell how far a job has come, and what came of it. Scope: jobs:read."""
        return await self._call(schemas.Job, "GET", "/v1/jobs/scoring/{job_id}", at={"job_id": job_id})

    async def cancel_scoring_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Cancel a job. Cancel a job that waits or runs. What it has committed stays. Scope: jobs:write."""
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/scoring/{job_id}:cancel",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def resume_scoring_job(self, job_id: UUID, *, idempotency_key: str | None = None) -> schemas.Job:
        """Let a cancelled or failed job go on. Go on from where the job had come to: what it has committed is not
        done again. Scope: jobs:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/jobs/scoring/{job_id}:resume",
            at={"job_id": job_id},
            key=idempotency_key or uuid.uuid4().hex,
        )
