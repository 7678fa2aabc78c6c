"""The operations on audit. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Audit(Operations):
    """Operations on audit."""

    async def list_campaign_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.AuditEntryPage:
        """What was done, the newest first. List entries of the service's audit trail, by actor, entity, kind,
        request and time. Scope: audit:read.
        """
        return await self._call(
            schemas.AuditEntryPage,
            "GET",
            "/v1/audit/campaign",
            params={
                "who": who,
                "what": what,
                "entity": entity,
                "entity_id": entity_id,
                "request_id": request_id,
                "from": from_,
                "to": to,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_campaign_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.AuditEntry]:
        """Every item of `list_campaign_audit`, page after page."""
        return pages(
            lambda cursor: self.list_campaign_audit(
                who=who,
                what=what,
                entity=entity,
                entity_id=entity_id,
                request_id=request_id,
                from_=from_,
                to=to,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def list_customer_360_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.AuditEntryPage:
        """What was done, the newest first. List entries of the service's audit trail, by actor, entity, kind,
        request and time. Scope: audit:read.
        """
        return await self._call(
            schemas.AuditEntryPage,
            "GET",
            "/v1/audit/customer_360",
            params={
                "who": who,
                "what": what,
                "entity": entity,
                "entity_id": entity_id,
                "request_id": request_id,
                "from": from_,
                "to": to,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_customer_360_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.AuditEntry]:
        """Every item of `list_customer_360_audit`, page after page."""
        return pages(
            lambda cursor: self.list_customer_360_audit(
                who=who,
                what=what,
                entity=entity,
                entity_id=entity_id,
                request_id=request_id,
                from_=from_,
                to=to,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def list_eventing_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.AuditEntryPage:
        """What was done, the newest first. List entries of the service's audit trail, by actor, entity, kind,
        request and time. Scope: audit:read.
        """
        return await self._call(
            schemas.AuditEntryPage,
            "GET",
            "/v1/audit/eventing",
            params={
                "who": who,
                "what": what,
                "entity": entity,
                "entity_id": entity_id,
                "request_id": request_id,
                "from": from_,
                "to": to,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_eventing_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.AuditEntry]:
        """Every item of `list_eventing_audit`, page after page."""
        return pages(
            lambda cursor: self.list_eventing_audit(
                who=who,
                what=what,
                entity=entity,
                entity_id=entity_id,
                request_id=request_id,
                from_=from_,
                to=to,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def list_insight_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.AuditEntryPage:
        """What was done, the newest first. List entries of the service's audit trail, by actor, entity, kind,
        request and time. Scope: audit:read.
        """
        return await self._call(
            schemas.AuditEntryPage,
            "GET",
            "/v1/audit/insight",
            params={
                "who": who,
                "what": what,
                "entity": entity,
                "entity_id": entity_id,
                "request_id": request_id,
                "from": from_,
                "to": to,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_insight_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.AuditEntry]:
        """Every item of `list_insight_audit`, page after page."""
        return pages(
            lambda cursor: self.list_insight_audit(
                who=who,
                what=what,
                entity=entity,
                entity_id=entity_id,
                request_id=request_id,
                from_=from_,
                to=to,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def list_scoring_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.AuditEntryPage:
        """What was done, the newest first. List entries of the service's audit trail, by actor, entity, kind,
        request and time. Scope: audit:read.
        """
        return await self._call(
            schemas.AuditEntryPage,
            "GET",
            "/v1/audit/scoring",
            params={
                "who": who,
                "what": what,
                "entity": entity,
                "entity_id": entity_id,
                "request_id": request_id,
                "from": from_,
                "to": to,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_scoring_audit(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        entity: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        from_: dt.datetime | None = None,
        to: dt.datetime | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.AuditEntry]:
        """Every item of `list_scoring_audit`, page after page."""
        return pages(
            lambda cursor: self.list_scoring_audit(
                who=who,
                what=what,
                entity=entity,
                entity_id=entity_id,
                request_id=request_id,
                from_=from_,
                to=to,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )
