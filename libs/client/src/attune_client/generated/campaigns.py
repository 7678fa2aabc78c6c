"""The operations on campaigns. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator

from attune_client.base import Operations, pages
from attune_client.generated import schemas


class Campaigns(Operations):
    """Operations on campaigns."""

    async def get(self, code: str) -> schemas.CampaignView:
        """One campaign. Return the newest version of a campaign. Scope: campaigns:read."""
        return await self._call(schemas.CampaignView, "GET", "/v1/campaigns/{code}", at={"code": code})

    async def change(
        self, code: str, body: schemas.CampaignChange, *, idempotency_key: str | None = None
    ) -> schemas.CampaignView | schemas.Proposal:
        """Change a campaign. Store a new version. Opportunities that are open keep the arm they were given. Scope:
        campaigns:write.
        """
        return await self._call(
            schemas.CampaignView | schemas.Proposal,
            "PUT",
            "/v1/campaigns/{code}",
            at={"code": code},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def assignments(
        self, code: str, *, cursor: str | None = None, limit: int | None = None
    ) -> schemas.AssignmentViewPage:
        """Who was assigned to which arm. List the population of the result, for whoever checks it from outside.
        Scope: results:read.
        """
        return await self._call(
            schemas.AssignmentViewPage,
            "GET",
            "/v1/campaigns/{code}/assignments",
            at={"code": code},
            params={"cursor": cursor, "limit": limit},
        )

    def iterate_assignments(self, code: str, *, limit: int | None = None) -> AsyncIterator[schemas.AssignmentView]:
        """Every item of `assignments`, page after page."""
        return pages(lambda cursor: self.assignments(code, limit=limit, cursor=cursor))

    async def results(self, code: str) -> schemas.ResultView:
        """The newest result. Return the newest computed result; NotFound before the first one. Scope: results:read."""
        return await self._call(schemas.ResultView, "GET", "/v1/campaigns/{code}/results", at={"code": code})

    async def measure(self, code: str, *, idempotency_key: str | None = None) -> schemas.Job:
        """Compute the campaign's result from the ledger. Start the job; asking again while it runs gives the same
        one. Scope: results:write.
        """
        return await self._call(
            schemas.Job,
            "POST",
            "/v1/campaigns/{code}/results",
            at={"code": code},
            key=idempotency_key or uuid.uuid4().hex,
        )
