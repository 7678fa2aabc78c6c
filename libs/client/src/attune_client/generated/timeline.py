"""The operations on timeline. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Timeline(Operations):
    """Operations on timeline."""

    async def list(
        self,
        customer_id: UUID,
        *,
        kind: Sequence[
            Annotated[Literal["detection", "contact", "response", "consent", "profile", "risk", "import"], OPEN]
        ]
        | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.TimelineEntryViewPage:
        """What happened with a customer, the newest first. List detections, contacts, responses, changes of consent,
        profile and risk rating, and imports. Customers see what was done with them and what they said. Nothing
        tells the arms of an experiment apart. Scope: customers:read.
        """
        return await self._call(
            schemas.TimelineEntryViewPage,
            "GET",
            "/v1/customers/{customer_id}/timeline",
            at={"customer_id": customer_id},
            params={"kind": kind, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate(
        self,
        customer_id: UUID,
        *,
        kind: Sequence[
            Annotated[Literal["detection", "contact", "response", "consent", "profile", "risk", "import"], OPEN]
        ]
        | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.TimelineEntryView]:
        """Every item of `list`, page after page."""
        return pages(lambda cursor: self.list(customer_id, kind=kind, sort=sort, limit=limit, cursor=cursor))
