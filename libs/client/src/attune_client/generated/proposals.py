"""The operations on proposals. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Proposals(Operations):
    """Operations on proposals."""

    async def list_campaign_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ProposalPage:
        """Changes that wait for another person, and what became of others. List the service's proposals. Scope:
        proposals:read.
        """
        return await self._call(
            schemas.ProposalPage,
            "GET",
            "/v1/proposals/campaign",
            params={"state": state, "kind": kind, "maker": maker, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_campaign_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Proposal]:
        """Every item of `list_campaign_proposals`, page after page."""
        return pages(
            lambda cursor: self.list_campaign_proposals(
                state=state, kind=kind, maker=maker, sort=sort, limit=limit, cursor=cursor
            )
        )

    async def read_campaign_proposal(self, proposal_id: UUID) -> schemas.Proposal:
        """One proposed change. Show a proposal with its payload and the payload's hash. Scope: proposals:read."""
        return await self._call(
            schemas.Proposal, "GET", "/v1/proposals/campaign/{proposal_id}", at={"proposal_id": proposal_id}
        )

    async def approve_campaign_proposal(
        self, proposal_id: UUID, body: schemas.Approval, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Approve another person's change: it is made at once. Make exactly the change whose hash is given. Nobody
        approves their own, by whatever role. What the change itself would refuse by now is 409 with its own
        refusal in `cause` and `why`; the proposal waits. Scope: campaigns:approve.
        """
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/campaign/{proposal_id}:approve",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def reject_campaign_proposal(
        self, proposal_id: UUID, body: schemas.Rejection, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Reject a change. Say why it is not to be made. Scope: campaigns:approve."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/campaign/{proposal_id}:reject",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def withdraw_campaign_proposal(
        self, proposal_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Take an own proposal back. Nobody has to decide on it any more. Scope: proposals:write."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/campaign/{proposal_id}:withdraw",
            at={"proposal_id": proposal_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_eventing_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ProposalPage:
        """Changes that wait for another person, and what became of others. List the service's proposals. Scope:
        proposals:read.
        """
        return await self._call(
            schemas.ProposalPage,
            "GET",
            "/v1/proposals/eventing",
            params={"state": state, "kind": kind, "maker": maker, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_eventing_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Proposal]:
        """Every item of `list_eventing_proposals`, page after page."""
        return pages(
            lambda cursor: self.list_eventing_proposals(
                state=state, kind=kind, maker=maker, sort=sort, limit=limit, cursor=cursor
            )
        )

    async def read_eventing_proposal(self, proposal_id: UUID) -> schemas.Proposal:
        """One proposed change. Show a proposal with its payload and the payload's hash. Scope: proposals:read."""
        return await self._call(
            schemas.Proposal, "GET", "/v1/proposals/eventing/{proposal_id}", at={"proposal_id": proposal_id}
        )

    async def approve_eventing_proposal(
        self, proposal_id: UUID, body: schemas.Approval, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Approve another person's change: it is made at once. Make exactly the change whose hash is given. Nobody
        approves their own, by whatever role. What the change itself would refuse by now is 409 with its own
        refusal in `cause` and `why`; the proposal waits. Scope: triggers:approve.
        """
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/eventing/{proposal_id}:approve",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def reject_eventing_proposal(
        self, proposal_id: UUID, body: schemas.Rejection, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Reject a change. Say why it is not to be made. Scope: triggers:approve."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/eventing/{proposal_id}:reject",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def withdraw_eventing_proposal(
        self, proposal_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Take an own proposal back. Nobody has to decide on it any more. Scope: proposals:write."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/eventing/{proposal_id}:withdraw",
            at={"proposal_id": proposal_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_insight_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ProposalPage:
        """Changes that wait for another person, and what became of others. List the service's proposals. Scope:
        proposals:read.
        """
        return await self._call(
            schemas.ProposalPage,
            "GET",
            "/v1/proposals/insight",
            params={"state": state, "kind": kind, "maker": maker, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_insight_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Proposal]:
        """Every item of `list_insight_proposals`, page after page."""
        return pages(
            lambda cursor: self.list_insight_proposals(
                state=state, kind=kind, maker=maker, sort=sort, limit=limit, cursor=cursor
            )
        )

    async def read_insight_proposal(self, proposal_id: UUID) -> schemas.Proposal:
        """One proposed change. Show a proposal with its payload and the payload's hash. Scope: proposals:read."""
        return await self._call(
            schemas.Proposal, "GET", "/v1/proposals/insight/{proposal_id}", at={"proposal_id": proposal_id}
        )

    async def approve_insight_proposal(
        self, proposal_id: UUID, body: schemas.Approval, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Approve another person's change: it is made at once. Make exactly the change whose hash is given. Nobody
        approves their own, by whatever role. What the change itself would refuse by now is 409 with its own
        refusal in `cause` and `why`; the proposal waits. Scope: parameters:approve.
        """
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/insight/{proposal_id}:approve",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def reject_insight_proposal(
        self, proposal_id: UUID, body: schemas.Rejection, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Reject a change. Say why it is not to be made. Scope: parameters:approve."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/insight/{proposal_id}:reject",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def withdraw_insight_proposal(
        self, proposal_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Take an own proposal back. Nobody has to decide on it any more. Scope: proposals:write."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/insight/{proposal_id}:withdraw",
            at={"proposal_id": proposal_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_scoring_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ProposalPage:
        """Changes that wait for another person, and what became of others. List the service's proposals. Scope:
        proposals:read.
        """
        return await self._call(
            schemas.ProposalPage,
            "GET",
            "/v1/proposals/scoring",
            params={"state": state, "kind": kind, "maker": maker, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_list_scoring_proposals(
        self,
        *,
        state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN] | None = None,
        kind: str | None = None,
        maker: str | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Proposal]:
        """Every item of `list_scoring_proposals`, page after page."""
        return pages(
            lambda cursor: self.list_scoring_proposals(
                state=state, kind=kind, maker=maker, sort=sort, limit=limit, cursor=cursor
            )
        )

    async def read_scoring_proposal(self, proposal_id: UUID) -> schemas.Proposal:
        """One proposed change. Show a proposal with its payload and the payload's hash. Scope: proposals:read."""
        return await self._call(
            schemas.Proposal, "GET", "/v1/proposals/scoring/{proposal_id}", at={"proposal_id": proposal_id}
        )

    async def approve_scoring_proposal(
        self, proposal_id: UUID, body: schemas.Approval, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Approve another person's change: it is made at once. Make exactly the change whose hash is given. Nobody
        approves their own, by whatever role. What the change itself would refuse by now is 409 with its own
        refusal in `cause` and `why`; the proposal waits. Scope: models:approve.
        """
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/scoring/{proposal_id}:approve",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def reject_scoring_proposal(
        self, proposal_id: UUID, body: schemas.Rejection, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Reject a change. Say why it is not to be made. Scope: models:approve."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/scoring/{proposal_id}:reject",
            at={"proposal_id": proposal_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def withdraw_scoring_proposal(
        self, proposal_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Proposal:
        """Take an own proposal back. Nobody has to decide on it any more. Scope: proposals:write."""
        return await self._call(
            schemas.Proposal,
            "POST",
            "/v1/proposals/scoring/{proposal_id}:withdraw",
            at={"proposal_id": proposal_id},
            key=idempotency_key or uuid.uuid4().hex,
        )
