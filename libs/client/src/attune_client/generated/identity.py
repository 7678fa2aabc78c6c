"""The operations on identity. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations
from attune_client.generated import schemas


class Identity(Operations):
    """Operations on identity."""

    async def customers_identity(
        self,
        customer_id: UUID,
        *,
        reason: Annotated[
            Literal["contact_customer", "verify_identity", "correct_data", "complaint", "merge_review", "own_data"],
            OPEN,
        ],
        fields: Sequence[Annotated[Literal["name", "phone", "document", "address"], OPEN]],
    ) -> schemas.IdentityView:
        """Name, phone, document or address in full, for a reason and on record. Return the fields asked for. Who saw
        which field, when and why stands in the audit before the answer leaves. Scope: identity:read.
        """
        return await self._call(
            schemas.IdentityView,
            "GET",
            "/v1/customers/{customer_id}/identity",
            at={"customer_id": customer_id},
            params={"reason": reason, "fields": fields},
        )

    async def customers_search(self, body: schemas.SearchRequest) -> schemas.CustomerSummaryPage:
        """Find customers by name, pinyin, phone, document, account or id. List the customers in scope whom the query
        means exactly, sorted as their names are read. Nothing is written. Scope: customers:read.
        """
        return await self._call(schemas.CustomerSummaryPage, "POST", "/v1/customers:search", body=body)

    async def visits_open(self, body: schemas.VisitRequest, *, idempotency_key: str | None = None) -> schemas.VisitView:
        """A customer of another branch is here: serve them for half an hour. Open one customer to the caller alone,
        by a document, account or card that the customer presents. Scope: visits:write.
        """
        return await self._call(
            schemas.VisitView, "POST", "/v1/visits", body=body, key=idempotency_key or uuid.uuid4().hex
        )
