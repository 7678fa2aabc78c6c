"""The operations on detections. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Detections(Operations):
    """Operations on detections."""

    async def list(
        self,
        *,
        trigger: str | None = None,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        branch: str | None = None,
        customer_id: UUID | None = None,
        state: Annotated[Literal["raised", "withdrawn"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.DetectionViewPage:
        """Detections, the newest day first. List the detections that the caller may see. Scope: detections:read."""
        return await self._call(
            schemas.DetectionViewPage,
            "GET",
            "/v1/detections",
            params={
                "trigger": trigger,
                "from": from_,
                "to": to,
                "branch": branch,
                "customer_id": customer_id,
                "state": state,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate(
        self,
        *,
        trigger: str | None = None,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        branch: str | None = None,
        customer_id: UUID | None = None,
        state: Annotated[Literal["raised", "withdrawn"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.DetectionView]:
        """Every item of `list`, page after page."""
        return pages(
            lambda cursor: self.list(
                trigger=trigger,
                from_=from_,
                to=to,
                branch=branch,
                customer_id=customer_id,
                state=state,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def why(
        self,
        *,
        customer_id: UUID,
        posting_id: str | None = None,
        behaviour_id: str | None = None,
        business_date: dt.date | None = None,
        trigger: str | None = None,
        versions: Annotated[Literal["current", "all"], OPEN] | None = None,
    ) -> schemas.Why:
        """Why a trigger fired on a posting, a behaviour or a day, or did not. Say for each trigger whether it fired
        and which part of it failed, with exact values. Asking changes nothing. Scope: evidence:read.
        """
        return await self._call(
            schemas.Why,
            "GET",
            "/v1/detections/why",
            params={
                "customer_id": customer_id,
                "posting_id": posting_id,
                "behaviour_id": behaviour_id,
                "business_date": business_date,
                "trigger": trigger,
                "versions": versions,
            },
        )

    async def get(self, detection_id: UUID) -> schemas.DetectionView:
        """One detection. Show a detection, with its evidence to those who may see it; one outside the caller's scope
        is as unknown. Scope: detections:read.
        """
        return await self._call(
            schemas.DetectionView, "GET", "/v1/detections/{detection_id}", at={"detection_id": detection_id}
        )
