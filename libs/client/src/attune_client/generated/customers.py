"""The operations on customers. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from uuid import UUID

from attune_client.base import Operations
from attune_client.generated import schemas


class Customers(Operations):
    """Operations on customers."""

    async def find(self, *, source_id: str, source: str | None = None) -> schemas.CustomerSummaryPage:
        """Find customers by the bank's own customer id. List the customers within the caller's scope that have this
        bank id: usually one or none. Scope: customers:read.
        """
        return await self._call(
            schemas.CustomerSummaryPage, "GET", "/v1/customers", params={"source_id": source_id, "source": source}
        )

    async def view(self, customer_id: UUID) -> schemas.CustomerView:
        """Everything about one customer in one call. Return the customer 360 view. A customer outside the caller's
        scope is answered as an unknown one. Scope: customers:read.
        """
        return await self._call(
            schemas.CustomerView, "GET", "/v1/customers/{customer_id}", at={"customer_id": customer_id}
        )

    async def change(
        self,
        customer_id: UUID,
        body: schemas.ProfileChange,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> schemas.ProfileView:
        """Change the manager, or switch personalisation on or off. Change what is named in the body. Moving a
        customer to another book needs the scope books:write as well. Scope: customers:write.
        """
        return await self._call(
            schemas.ProfileView,
            "PATCH",
            "/v1/customers/{customer_id}",
            at={"customer_id": customer_id},
            headers={"if-match": if_match},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
