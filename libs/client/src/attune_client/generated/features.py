"""The operations on features. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator

from attune_client.base import Operations, pages
from attune_client.generated import schemas


class Features(Operations):
    """Operations on features."""

    async def snapshots(self, *, limit: int | None = None, cursor: str | None = None) -> schemas.SnapshotViewPage:
        """The feature snapshots, the newest first. List published snapshots by day. Scope: segments:read."""
        return await self._call(
            schemas.SnapshotViewPage, "GET", "/v1/feature-snapshots", params={"limit": limit, "cursor": cursor}
        )

    def iterate_snapshots(self, *, limit: int | None = None) -> AsyncIterator[schemas.SnapshotView]:
        """Every item of `snapshots`, page after page."""
        return pages(lambda cursor: self.snapshots(limit=limit, cursor=cursor))

    async def snapshot(self, body: schemas.SnapshotRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Compute every customer's features as of a day. Start the job; its result names day and rows. A snapshot of
        the same day replaces the one that stood. Scope: features:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/feature-snapshots", body=body, key=idempotency_key or uuid.uuid4().hex
        )
