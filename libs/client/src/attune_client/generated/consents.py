"""The operations on consents. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Consents(Operations):
    """Operations on consents."""

    async def consent_notices_list(
        self,
        *,
        purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
        | None = None,
        current: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.NoticeViewPage:
        """The notices that customers are shown. List notices by purpose, the newest version first. Scope:
        customers:read.
        """
        return await self._call(
            schemas.NoticeViewPage,
            "GET",
            "/v1/consent-notices",
            params={"purpose": purpose, "current": current, "limit": limit, "cursor": cursor},
        )

    def iterate_consent_notices_list(
        self,
        *,
        purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
        | None = None,
        current: bool | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.NoticeView]:
        """Every item of `consent_notices_list`, page after page."""
        return pages(
            lambda cursor: self.consent_notices_list(purpose=purpose, current=current, limit=limit, cursor=cursor)
        )

    async def consent_notices_publish(
        self,
        purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN],
        body: schemas.NoticeChange,
        *,
        idempotency_key: str | None = None,
    ) -> schemas.NoticeView:
        """Publish a new version of a notice. Publish the text as the next version: from now on a consent names this
        one. Earlier consents keep theirs. Scope: notices:write.
        """
        return await self._call(
            schemas.NoticeView,
            "PUT",
            "/v1/consent-notices/{purpose}",
            at={"purpose": purpose},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def consent_notices_get(
        self,
        purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN],
        version: int,
    ) -> schemas.NoticeView:
        """One version of a notice. Return what somebody who agreed to this version has read. Scope: customers:read."""
        return await self._call(
            schemas.NoticeView,
            "GET",
            "/v1/consent-notices/{purpose}/versions/{version}",
            at={"purpose": purpose, "version": version},
        )

    async def get(self, customer_id: UUID) -> schemas.ConsentsView:
        """What a customer has agreed to. Return all that holds. What is not listed is unknown, and that means no.
        Scope: customers:read.
        """
        return await self._call(
            schemas.ConsentsView, "GET", "/v1/customers/{customer_id}/consents", at={"customer_id": customer_id}
        )

    async def decide(
        self, customer_id: UUID, body: schemas.ConsentChange, *, idempotency_key: str | None = None
    ) -> schemas.ConsentsView:
        """Give or withdraw consent. Write down what the customer says. Sends, recommendations and reservations
        follow within seconds. Scope: consents:write.
        """
        return await self._call(
            schemas.ConsentsView,
            "PUT",
            "/v1/customers/{customer_id}/consents",
            at={"customer_id": customer_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def history(
        self,
        customer_id: UUID,
        *,
        purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
        | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.ConsentEntryViewPage:
        """The ledger of a customer's consents, the newest first. List every decision with its notice, evidence,
        author and moment. The ledger is never rewritten. Scope: customers:read.
        """
        return await self._call(
            schemas.ConsentEntryViewPage,
            "GET",
            "/v1/customers/{customer_id}/consents/history",
            at={"customer_id": customer_id},
            params={"purpose": purpose, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_history(
        self,
        customer_id: UUID,
        *,
        purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
        | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.ConsentEntryView]:
        """Every item of `history`, page after page."""
        return pages(lambda cursor: self.history(customer_id, purpose=purpose, sort=sort, limit=limit, cursor=cursor))

    async def opt_out(
        self, customer_id: UUID, body: schemas.OptOut, *, idempotency_key: str | None = None
    ) -> schemas.ConsentsView:
        """Object to all marketing in one step. End every consent to marketing contacts; on wish also personalised
        decisions, and personalisation itself. Scope: consents:write.
        """
        return await self._call(
            schemas.ConsentsView,
            "POST",
            "/v1/customers/{customer_id}/consents:opt-out",
            at={"customer_id": customer_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
