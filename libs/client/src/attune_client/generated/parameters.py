"""The operations on parameters. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Parameters(Operations):
    """Operations on parameters."""

    async def value_quadrant(self, *, version: int | None = None) -> schemas.QuadrantVersion:
        """The parameters that the next snapshot uses, or those of a version. Show the newest version, or the one
        that is asked for. Scope: parameters:read.
        """
        return await self._call(
            schemas.QuadrantVersion, "GET", "/v1/parameters/value-quadrant", params={"version": version}
        )

    async def value_quadrant_change(
        self, body: schemas.QuadrantChange, *, idempotency_key: str | None = None
    ) -> schemas.QuadrantVersion | schemas.Proposal:
        """Make a new version of the parameters. The next snapshot uses them; snapshots that stand keep the version
        they were made with. Scope: parameters:write.
        """
        return await self._call(
            schemas.QuadrantVersion | schemas.Proposal,
            "PUT",
            "/v1/parameters/value-quadrant",
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def value_quadrant_versions(
        self,
        *,
        made_by: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.QuadrantVersionPage:
        """Every version, the newest first. List the versions. Scope: parameters:read."""
        return await self._call(
            schemas.QuadrantVersionPage,
            "GET",
            "/v1/parameters/value-quadrant/versions",
            params={"made_by": made_by, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_value_quadrant_versions(
        self,
        *,
        made_by: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.QuadrantVersion]:
        """Every item of `value_quadrant_versions`, page after page."""
        return pages(
            lambda cursor: self.value_quadrant_versions(made_by=made_by, sort=sort, limit=limit, cursor=cursor)
        )
