"""The operations on replays. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from uuid import UUID

from attune_client.base import Operations
from attune_client.generated import schemas


class Replays(Operations):
    """Operations on replays."""

    async def rebuilds_start(self, body: schemas.RebuildRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Compute keyed states anew from the lake. Start the rebuild. With `before` the states know every posting of
        the days before afterwards, and nothing else. Without it they know everything, and the detections of
        streamed postings follow: what came beyond the watermark raises and withdraws what it would have, had it
        come in time. Scope: replays:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/ledger/rebuilds", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def start(self, body: schemas.ReplayRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Send days of the lake's postings through the stream again. Start a replay. Repeating one gives the same
        detections; those of the range not found again are withdrawn. Scope: replays:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/ledger/replays", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def advance(
        self, job_id: UUID, body: schemas.GateRequest, *, idempotency_key: str | None = None
    ) -> schemas.Gate:
        """Let a gated replay go on. Open the gate up to and including a day. It never closes again. Scope:
        replays:write.
        """
        return await self._call(
            schemas.Gate,
            "POST",
            "/v1/ledger/replays/{job_id}:advance",
            at={"job_id": job_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
