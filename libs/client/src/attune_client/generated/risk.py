"""The operations on risk. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Risk(Operations):
    """Operations on risk."""

    async def assessments_list(
        self,
        customer_id: UUID,
        *,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.RiskAssessmentViewPage:
        """A customer's risk assessments, the newest first. List every assessment with what found it, its day and its
        end. Scope: customers:read.
        """
        return await self._call(
            schemas.RiskAssessmentViewPage,
            "GET",
            "/v1/customers/{customer_id}/risk-assessments",
            at={"customer_id": customer_id},
            params={"sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_assessments_list(
        self,
        customer_id: UUID,
        *,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.RiskAssessmentView]:
        """Every item of `assessments_list`, page after page."""
        return pages(lambda cursor: self.assessments_list(customer_id, sort=sort, limit=limit, cursor=cursor))

    async def assessments_make(
        self, customer_id: UUID, body: schemas.NewRiskAssessment, *, idempotency_key: str | None = None
    ) -> schemas.RiskAssessmentView:
        """Record a risk assessment of today. Keep the assessment; it is the customer's rating from now on, and open
        opportunities are held against it. Scope: risk:write.
        """
        return await self._call(
            schemas.RiskAssessmentView,
            "POST",
            "/v1/customers/{customer_id}/risk-assessments",
            at={"customer_id": customer_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
