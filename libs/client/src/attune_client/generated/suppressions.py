"""The operations on suppressions. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Suppressions(Operations):
    """Operations on suppressions."""

    async def list(
        self,
        *,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        level: Annotated[Literal["customer", "household", "account"], OPEN] | None = None,
        source: Annotated[Literal["do_not_contact_list", "complaint", "opt_out", "request"], OPEN] | None = None,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"], OPEN]
        | None = None,
        active: bool | None = None,
        customer_id: UUID | None = None,
    ) -> schemas.SuppressionViewPage:
        """Who is not to be contacted, in the order of entry. List suppressions in the caller's scope, also those
        that are lifted or over. Scope: suppressions:read.
        """
        return await self._call(
            schemas.SuppressionViewPage,
            "GET",
            "/v1/suppressions",
            params={
                "sort": sort,
                "cursor": cursor,
                "limit": limit,
                "level": level,
                "source": source,
                "channel": channel,
                "active": active,
                "customer_id": customer_id,
            },
        )

    def iterate(
        self,
        *,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        level: Annotated[Literal["customer", "household", "account"], OPEN] | None = None,
        source: Annotated[Literal["do_not_contact_list", "complaint", "opt_out", "request"], OPEN] | None = None,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"], OPEN]
        | None = None,
        active: bool | None = None,
        customer_id: UUID | None = None,
    ) -> AsyncIterator[schemas.SuppressionView]:
        """Every item of `list`, page after page."""
        return pages(
            lambda cursor: self.list(
                sort=sort,
                limit=limit,
                level=level,
                source=source,
                channel=channel,
                active=active,
                customer_id=customer_id,
                cursor=cursor,
            )
        )

    async def add(self, body: schemas.NewSuppression, *, idempotency_key: str | None = None) -> schemas.SuppressionView:
        """Somebody is not to be contacted. Suppress marketing from now on; contacts that are reserved and not yet
        made are given back at once. Scope: suppressions:write.
        """
        return await self._call(
            schemas.SuppressionView, "POST", "/v1/suppressions", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def lift(
        self, suppression_id: UUID, body: schemas.Lift, *, idempotency_key: str | None = None
    ) -> schemas.SuppressionView:
        """End a suppression before its time. The customer may be contacted again; the suppression stays on record.
        Scope: suppressions:lift.
        """
        return await self._call(
            schemas.SuppressionView,
            "POST",
            "/v1/suppressions/{suppression_id}:lift",
            at={"suppression_id": suppression_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def import_(
        self, body: schemas.SuppressionList, *, idempotency_key: str | None = None
    ) -> schemas.ImportedList:
        """Take in a do-not-contact list. Suppress everybody on the list, who is no customer yet too. The same list
        again changes nothing. Scope: suppressions:import.
        """
        return await self._call(
            schemas.ImportedList, "POST", "/v1/suppressions:import", body=body, key=idempotency_key or uuid.uuid4().hex
        )
