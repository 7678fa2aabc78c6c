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
    ) -> schemas.PolicyView:
        """Change the contact policy. Store a new version; it binds the next contact. Scope: campaigns:write."""
        return await self._call(
            schemas.PolicyView, "PUT", "/v1/policies/contact", body=body, key=idempotency_key or uuid.uuid4().hex
        )
