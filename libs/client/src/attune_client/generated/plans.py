"""The operations on plans. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import Sequence

from attune_client.base import Operations
from attune_client.generated import schemas


class Plans(Operations):
    """Operations on plans."""

    async def offers_list(self) -> Sequence[schemas.OfferView]:
        """The offer sheet with conditions and scripts. Return every offer of the current catalogue, marketing ones
        first. Scope: campaigns:read.
        """
        return await self._call(Sequence[schemas.OfferView], "GET", "/v1/offers")

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
