"""The operations on decisions. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations
from attune_client.generated import schemas


class Decisions(Operations):
    """Operations on decisions."""

    async def next_best_actions(
        self,
        customer_id: UUID,
        *,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager"], OPEN],
        limit: int | None = None,
        fresh: bool | None = None,
    ) -> schemas.NextBestActions:
        """What to propose to this customer now, on this channel. Decide and store the decision; reserve nothing.
        Repeating it gives the same but for `decision_id` and `as_of`. Scope: decisions:read.
        """
        return await self._call(
            schemas.NextBestActions,
            "GET",
            "/v1/customers/{customer_id}/next-best-actions",
            at={"customer_id": customer_id},
            params={"channel": channel, "limit": limit, "fresh": fresh},
        )

    async def why(
        self,
        customer_id: UUID,
        code: str,
        *,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager"], OPEN],
        limit: int | None = None,
    ) -> schemas.WhyView:
        """Why this offer is, or is not, proposed to this customer now. Judge the offer as the next decision would;
        nothing is recorded, nothing reserved. Scope: decisions:read.
        """
        return await self._call(
            schemas.WhyView,
            "GET",
            "/v1/customers/{customer_id}/offers/{code}/why",
            at={"customer_id": customer_id, "code": code},
            params={"channel": channel, "limit": limit},
        )

    async def get(self, decision_id: UUID) -> schemas.DecisionView:
        """A stored decision, decided again to check it. Return the answer as it was given. Auditors see the inputs
        too. Scope: decisions:read.
        """
        return await self._call(
            schemas.DecisionView, "GET", "/v1/decisions/{decision_id}", at={"decision_id": decision_id}
        )

    async def explanation(
        self, decision_id: UUID, *, for_: Annotated[Literal["staff", "customer", "auditor"], OPEN]
    ) -> schemas.StaffExplanation | schemas.CustomerExplanation | schemas.AuditorExplanation:
        """A decision explained to staff, to the customer or to an auditor. Explain from the stored inputs, with the
        versions of that time. A customer may ask for their own text only. Scope: decisions:read.
        """
        return await self._call(
            schemas.StaffExplanation | schemas.CustomerExplanation | schemas.AuditorExplanation,
            "GET",
            "/v1/decisions/{decision_id}/explanation",
            at={"decision_id": decision_id},
            params={"for": for_},
        )

    async def present(
        self, decision_id: UUID, body: schemas.Present, *, idempotency_key: str | None = None
    ) -> schemas.PresentedView:
        """The decision's offers are being shown to the customer. Inbound the contact counts at once and is never
        refused; outbound it is reserved for 15 minutes, or refused. Scope: decisions:write.
        """
        return await self._call(
            schemas.PresentedView,
            "POST",
            "/v1/decisions/{decision_id}:present",
            at={"decision_id": decision_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def replay(self, body: schemas.ReplayRange, *, idempotency_key: str | None = None) -> schemas.Job:
        """Decide all decisions of some days again. Start the job; its result counts the decisions whose answer
        follows from what was known, and names others. Scope: audit:read.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/decisions:replay", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def responses_record(
        self, body: schemas.NewResponse, *, idempotency_key: str | None = None
    ) -> schemas.ResponseView:
        """What a customer answered to an offer. Keep the answer; the offer's opportunity is acted on. A process
        figure: outcomes come from the ledger. Scope: responses:write.
        """
        return await self._call(
            schemas.ResponseView, "POST", "/v1/responses", body=body, key=idempotency_key or uuid.uuid4().hex
        )
