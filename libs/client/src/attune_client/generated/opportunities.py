"""The operations on opportunities. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Opportunities(Operations):
    """Operations on opportunities."""

    async def list(
        self,
        *,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        state: schemas.OpportunityState | None = None,
        trigger: str | None = None,
        customer_id: UUID | None = None,
        branch: str | None = None,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        standing: bool | None = None,
        assigned: bool | None = None,
    ) -> schemas.OpportunityViewPage:
        """Opportunities in the caller's scope, in the order of their opening. One page of opportunities. Who may not
        tell the arms apart sees those that may be acted on only. Scope: opportunities:read.
        """
        return await self._call(
            schemas.OpportunityViewPage,
            "GET",
            "/v1/opportunities",
            params={
                "sort": sort,
                "cursor": cursor,
                "limit": limit,
                "state": state,
                "trigger": trigger,
                "customer_id": customer_id,
                "branch": branch,
                "from": from_,
                "to": to,
                "standing": standing,
                "assigned": assigned,
            },
        )

    def iterate(
        self,
        *,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        state: schemas.OpportunityState | None = None,
        trigger: str | None = None,
        customer_id: UUID | None = None,
        branch: str | None = None,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        standing: bool | None = None,
        assigned: bool | None = None,
    ) -> AsyncIterator[schemas.OpportunityView]:
        """Every item of `list`, page after page."""
        return pages(
            lambda cursor: self.list(
                sort=sort,
                limit=limit,
                state=state,
                trigger=trigger,
                customer_id=customer_id,
                branch=branch,
                from_=from_,
                to=to,
                standing=standing,
                assigned=assigned,
                cursor=cursor,
            )
        )

    async def clock(
        self,
        *,
        by: Annotated[Literal["branch", "channel", "trigger"], OPEN] | None = None,
        branch: str | None = None,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> schemas.ClockReport:
        """The share acted on within 24 and within 48 hours. Count by branch, channel or trigger, as of business
        time; the hours are each campaign's own. Scope: opportunities:read.
        """
        return await self._call(
            schemas.ClockReport,
            "GET",
            "/v1/opportunities/clock",
            params={"by": by, "branch": branch, "from": from_, "to": to, "cursor": cursor, "limit": limit},
        )

    def iterate_clock(
        self,
        *,
        by: Annotated[Literal["branch", "channel", "trigger"], OPEN] | None = None,
        branch: str | None = None,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.ClockLine]:
        """Every item of `clock`, page after page."""
        return pages(lambda cursor: self.clock(by=by, branch=branch, from_=from_, to=to, limit=limit, cursor=cursor))

    async def get(self, opportunity_id: UUID) -> schemas.OpportunityView:
        """One opportunity. Return one opportunity in the caller's scope. Scope: opportunities:read."""
        return await self._call(
            schemas.OpportunityView, "GET", "/v1/opportunities/{opportunity_id}", at={"opportunity_id": opportunity_id}
        )

    async def count(
        self,
        *,
        state: schemas.OpportunityState | None = None,
        trigger: str | None = None,
        customer_id: UUID | None = None,
        branch: str | None = None,
        from_: dt.date | None = None,
        to: dt.date | None = None,
        standing: bool | None = None,
        assigned: bool | None = None,
    ) -> schemas.OpportunityCounts:
        """How many opportunities there are, by state. Count what the list would show. Scope: opportunities:read."""
        return await self._call(
            schemas.OpportunityCounts,
            "GET",
            "/v1/opportunities:count",
            params={
                "state": state,
                "trigger": trigger,
                "customer_id": customer_id,
                "branch": branch,
                "from": from_,
                "to": to,
                "standing": standing,
                "assigned": assigned,
            },
        )
