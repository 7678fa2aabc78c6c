"""The operations on segments. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Segments(Operations):
    """Operations on segments."""

    async def list(self) -> schemas.SegmentList:
        """Every segment. List the segments, and how fresh they are. Scope: segments:read."""
        return await self._call(schemas.SegmentList, "GET", "/v1/segments")

    async def value_quadrant(self, *, as_of: dt.date | None = None, branch: str | None = None) -> schemas.QuadrantSizes:
        """How many customers stand in each value quadrant. Count customers by quadrant, together and by branch;
        customers of no branch stand under "". Scope: segments:read.
        """
        return await self._call(
            schemas.QuadrantSizes, "GET", "/v1/segments/value-quadrant", params={"as_of": as_of, "branch": branch}
        )

    async def history(
        self,
        code: str,
        *,
        branch: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.SizeOfDayPage:
        """How large a segment was. List the sizes by snapshot within the caller's scope. Scope: segments:read."""
        return await self._call(
            schemas.SizeOfDayPage,
            "GET",
            "/v1/segments/{code}/history",
            at={"code": code},
            params={"branch": branch, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_history(
        self,
        code: str,
        *,
        branch: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.SizeOfDay]:
        """Every item of `history`, page after page."""
        return pages(lambda cursor: self.history(code, branch=branch, sort=sort, limit=limit, cursor=cursor))

    async def members(
        self,
        code: str,
        *,
        value: str | None = None,
        branch: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.Members:
        """Who belongs to a segment. List the newest snapshot's members within the caller's scope, in the order of
        their ids. Scope: segments:read.
        """
        return await self._call(
            schemas.Members,
            "GET",
            "/v1/segments/{code}/members",
            at={"code": code},
            params={"value": value, "branch": branch, "limit": limit, "cursor": cursor},
        )

    def iterate_members(
        self, code: str, *, value: str | None = None, branch: str | None = None, limit: int | None = None
    ) -> AsyncIterator[schemas.Member]:
        """Every item of `members`, page after page."""
        return pages(lambda cursor: self.members(code, value=value, branch=branch, limit=limit, cursor=cursor))

    async def size(
        self,
        code: str,
        *,
        by: Annotated[Literal["value", "branch"], OPEN] | None = None,
        as_of: dt.date | None = None,
        branch: str | None = None,
    ) -> schemas.Size:
        """How large a segment is. Count the members within the caller's scope, by part of the segment, and by branch
        if that is asked for. Scope: segments:read.
        """
        return await self._call(
            schemas.Size,
            "GET",
            "/v1/segments/{code}/size",
            at={"code": code},
            params={"by": by, "as_of": as_of, "branch": branch},
        )
