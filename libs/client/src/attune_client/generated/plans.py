"""The operations on plans. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid

from attune_client.base import Operations
from attune_client.generated import schemas


class Plans(Operations):
    """Operations on plans."""

    async def policies_contact(self) -> schemas.PolicyView:
        """The contact policy. Return the newest version. Scope: campaigns:read."""
        return await self._call(schemas.PolicyView, "GET", "/v1/policies/contact")

    async def policies_change_contact(
        self, body: schemas.PolicyChange, *, idempotency_key: str | None = None
    ) -> schemas.PolicyView | schemas.Proposal:
        """Change the contact policy. Store a new version; it binds the next contact. Scope: campaigns:write."""
        return await self._call(
            schemas.PolicyView | schemas.Proposal,
            "PUT",
            "/v1/policies/contact",
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def policies_handling(self) -> schemas.HandlingView:
        """How tasks are handled. Return the newest version: outcome codes with their labels and what each does,
        opening hours, the clock. Scope: tasks:read.
        """
        return await self._call(schemas.HandlingView, "GET", "/v1/policies/handling")

    async def policies_change_handling(
        self, body: schemas.HandlingChange, *, idempotency_key: str | None = None
    ) -> schemas.HandlingView | schemas.Proposal:
        """Change how tasks are handled. Store a new version; it holds from the next outcome and the next opportunity
        on. Scope: campaigns:write.
        """
        return await self._call(
            schemas.HandlingView | schemas.Proposal,
            "PUT",
            "/v1/policies/handling",
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
