"""The operations on features. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Features(Operations):
    """Operations on features."""

    async def snapshots(
        self,
        *,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.SnapshotViewPage:
        """The feature snapshots, the newest first. List published snapshots by day. Scope: segments:read."""
        return await self._call(
            schemas.SnapshotViewPage,
            "GET",
            "/v1/feature-snapshots",
            params={"from": from_, "to": to, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_snapshots(
        self,
        *,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.SnapshotView]:
        """Every item of `snapshots`, page after page."""
        return pages(lambda cursor: self.snapshots(from_=from_, to=to, sort=sort, limit=limit, cursor=cursor))

    async def snapshot(self, body: schemas.SnapshotRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Compute every customer's features as of a day. Start the job; its result names day and rows. A snapshot of
        the same day replaces the one that stood. Scope: features:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/feature-snapshots", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def catalogue(self) -> schemas.FeatureList:
        """Every feature and what it means. List the catalogue: what training, documents and this API go by. Scope:
        features:read.
        """
        return await self._call(schemas.FeatureList, "GET", "/v1/features")

    async def get(self, customer_id: UUID) -> schemas.CustomerFeatures:
        """One customer's features. Return the newest snapshot's row of a customer within the caller's scope. Scope:
        features:read.
        """
        return await self._call(
            schemas.CustomerFeatures, "GET", "/v1/features/{customer_id}", at={"customer_id": customer_id}
        )
