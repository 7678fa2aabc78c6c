"""The operations on identity. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
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

    async def customers_records(self, customer_id: UUID) -> schemas.SourceRecords:
        """The source records that answer as this customer. Return every record of the customer with the merges that
        hold them together; any of their ids will do. Scope: customers:read.
        """
        return await self._call(
            schemas.SourceRecords, "GET", "/v1/customers/{customer_id}/records", at={"customer_id": customer_id}
        )

    async def customers_search(self, body: schemas.SearchRequest) -> schemas.CustomerSummaryPage:
        """Find customers by name, pinyin, phone, document, account or id. List the customers in scope whom the query
        means exactly, sorted as their names are read. Nothing is written. Scope: customers:read.
        """
        return await self._call(schemas.CustomerSummaryPage, "POST", "/v1/customers:search", body=body)

    async def reviews_list(
        self,
        *,
        state: Annotated[Literal["open", "merged", "rejected"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ReviewViewPage:
        """Pairs of records that look alike, for somebody to decide. List pairs, both records side by side, masked;
        what differs beyond that is disclosed for a reason. Scope: identities:review.
        """
        return await self._call(
            schemas.ReviewViewPage,
            "GET",
            "/v1/identity-reviews",
            params={"state": state, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_reviews_list(
        self,
        *,
        state: Annotated[Literal["open", "merged", "rejected"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.ReviewView]:
        """Every item of `reviews_list`, page after page."""
        return pages(lambda cursor: self.reviews_list(state=state, sort=sort, limit=limit, cursor=cursor))

    async def reviews_merge(
        self, review_id: UUID, body: schemas.Decision, *, idempotency_key: str | None = None
    ) -> schemas.ReviewDecided:
        """The two records are one customer. Make one customer of them. The older record answers for both; a
        separation restores what was. Scope: identities:review.
        """
        return await self._call(
            schemas.ReviewDecided,
            "POST",
            "/v1/identity-reviews/{review_id}:merge",
            at={"review_id": review_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def reviews_reject(
        self, review_id: UUID, body: schemas.Decision, *, idempotency_key: str | None = None
    ) -> schemas.ReviewDecided:
        """The two records are two customers, for good. Leave them apart; no import brings the pair up again. Scope:
        identities:review.
        """
        return await self._call(
            schemas.ReviewDecided,
            "POST",
            "/v1/identity-reviews/{review_id}:reject",
            at={"review_id": review_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def merges_make(self, body: schemas.MergeRequest, *, idempotency_key: str | None = None) -> schemas.MergeView:
        """Make one customer of two records. Merge two records that no document joins, for a reason that stands on
        record. Scope: identities:review.
        """
        return await self._call(
            schemas.MergeView, "POST", "/v1/merges", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def merges_undo(
        self,
        merge_id: UUID,
        body: schemas.Customer360ApiModelsResolutionUndoRequest,
        *,
        idempotency_key: str | None = None,
    ) -> schemas.UndoneView:
        """They were two customers after all. Separate what the merge has joined: each record has again what was its
        own. No import merges them again. Scope: identities:review.
        """
        return await self._call(
            schemas.UndoneView,
            "POST",
            "/v1/merges/{merge_id}:undo",
            at={"merge_id": merge_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def visits_open(self, body: schemas.VisitRequest, *, idempotency_key: str | None = None) -> schemas.VisitView:
        """A customer of another branch is here: serve them for half an hour. Open one customer to the caller alone,
        by a document, account or card that the customer presents. Scope: visits:write.
        """
        return await self._call(
            schemas.VisitView, "POST", "/v1/visits", body=body, key=idempotency_key or uuid.uuid4().hex
        )
