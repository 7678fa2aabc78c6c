"""The operations on contacts. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Contacts(Operations):
    """Operations on contacts."""

    async def list(
        self,
        *,
        customer_id: UUID | None = None,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"], OPEN]
        | None = None,
        state: Annotated[Literal["reserved", "confirmed", "released", "expired"], OPEN] | None = None,
        message_class: schemas.MessageClass | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> schemas.ContactViewPage:
        """Contacts in the order of their making. List contacts in the caller's scope: made, reserved, released and
        lapsed. Scope: contacts:read.
        """
        return await self._call(
            schemas.ContactViewPage,
            "GET",
            "/v1/contacts",
            params={
                "customer_id": customer_id,
                "channel": channel,
                "state": state,
                "message_class": message_class,
                "sort": sort,
                "cursor": cursor,
                "limit": limit,
            },
        )

    def iterate(
        self,
        *,
        customer_id: UUID | None = None,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"], OPEN]
        | None = None,
        state: Annotated[Literal["reserved", "confirmed", "released", "expired"], OPEN] | None = None,
        message_class: schemas.MessageClass | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.ContactView]:
        """Every item of `list`, page after page."""
        return pages(
            lambda cursor: self.list(
                customer_id=customer_id,
                channel=channel,
                state=state,
                message_class=message_class,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def reserve(self, body: schemas.NewContact, *, idempotency_key: str | None = None) -> schemas.ContactView:
        """Reserve a contact that is about to be made. Ask consent and policy on all levels: hold the contact for 15
        minutes, or refuse. Then send, and confirm. Scope: contacts:write.
        """
        return await self._call(
            schemas.ContactView, "POST", "/v1/contacts", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def confirm(
        self, contact_id: UUID, body: schemas.Confirmation, *, idempotency_key: str | None = None
    ) -> schemas.ContactView:
        """The contact has been made. It counts for good, even if its reservation has lapsed: then it is marked where
        it is beyond the policy. Scope: contacts:write.
        """
        return await self._call(
            schemas.ContactView,
            "POST",
            "/v1/contacts/{contact_id}:confirm",
            at={"contact_id": contact_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def release(self, contact_id: UUID, *, idempotency_key: str | None = None) -> schemas.ContactView:
        """The contact has not been made. The send has failed: the reservation counts no longer. Scope:
        contacts:write.
        """
        return await self._call(
            schemas.ContactView,
            "POST",
            "/v1/contacts/{contact_id}:release",
            at={"contact_id": contact_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def contactability(
        self,
        customer_id: UUID,
        *,
        message_class: schemas.MessageClass | None = None,
        product_kind: Annotated[
            Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"], OPEN
        ]
        | None = None,
    ) -> schemas.Contactability:
        """May we contact this customer, on which channel, and if not, from when. Look at consent and contact policy
        on all levels; reserve nothing. Scope: contacts:read.
        """
        return await self._call(
            schemas.Contactability,
            "GET",
            "/v1/customers/{customer_id}/contactability",
            at={"customer_id": customer_id},
            params={"message_class": message_class, "product_kind": product_kind},
        )
