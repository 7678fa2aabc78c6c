"""The operations on details. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from uuid import UUID

from attune_client.base import Operations
from attune_client.generated import schemas


class Details(Operations):
    """Operations on details."""

    async def get(self, customer_id: UUID) -> schemas.DetailsView:
        """Job, income, contact data and the like, with source and freshness. Return every field that is known, who
        said so and when, and which ones have gone stale. Scope: customers:read.
        """
        return await self._call(
            schemas.DetailsView, "GET", "/v1/customers/{customer_id}/details", at={"customer_id": customer_id}
        )

    async def change(
        self, customer_id: UUID, body: schemas.DetailsChange, *, idempotency_key: str | None = None
    ) -> schemas.DetailsView:
        """Update or confirm particulars of a customer. Set the fields that are named. The source follows from the
        caller: customer, manager, or another of the bank. Scope: customers:write.
        """
        return await self._call(
            schemas.DetailsView,
            "PATCH",
            "/v1/customers/{customer_id}/details",
            at={"customer_id": customer_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
