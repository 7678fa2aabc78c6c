"""The operations on quarantine. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Quarantine(Operations):
    """Operations on quarantine."""

    async def list_campaign_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.QuarantinedPage:
        """Messages that could not be applied. List what is set aside, by age. Payloads are shown by their shape
        only. Scope: quarantine:read.
        """
        return await self._call(
            schemas.QuarantinedPage,
            "GET",
            "/v1/quarantine/campaign",
            params={
                "consumer": consumer,
                "type": type,
                "state": state,
                "min_age_seconds": min_age_seconds,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_campaign_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Quarantined]:
        """Every item of `list_campaign_quarantine`, page after page."""
        return pages(
            lambda cursor: self.list_campaign_quarantine(
                consumer=consumer,
                type=type,
                state=state,
                min_age_seconds=min_age_seconds,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def read_campaign_quarantine(self, message_id: UUID) -> schemas.Quarantined:
        """One message that could not be applied. Show why a message was set aside, and what has become of it. Scope:
        quarantine:read.
        """
        return await self._call(
            schemas.Quarantined, "GET", "/v1/quarantine/campaign/{message_id}", at={"message_id": message_id}
        )

    async def discard_campaign_quarantine(
        self, message_id: UUID, body: schemas.Discard, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Give a message up. Never apply it. The row stays, with who said so and why in the audit. Scope:
        quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/campaign/{message_id}:discard",
            at={"message_id": message_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def retry_campaign_quarantine(
        self, message_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Try a message again. Let the partition's worker apply it within seconds, once; if that fails, it is held
        again. Scope: quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/campaign/{message_id}:retry",
            at={"message_id": message_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_customer_360_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.QuarantinedPage:
        """Messages that could not be applied. List what is set aside, by age. Payloads are shown by their shape
        only. Scope: quarantine:read.
        """
        return await self._call(
            schemas.QuarantinedPage,
            "GET",
            "/v1/quarantine/customer_360",
            params={
                "consumer": consumer,
                "type": type,
                "state": state,
                "min_age_seconds": min_age_seconds,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_customer_360_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Quarantined]:
        """Every item of `list_customer_360_quarantine`, page after page."""
        return pages(
            lambda cursor: self.list_customer_360_quarantine(
                consumer=consumer,
                type=type,
                state=state,
                min_age_seconds=min_age_seconds,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def read_customer_360_quarantine(self, message_id: UUID) -> schemas.Quarantined:
        """One message that could not be applied. Show why a message was set aside, and what has become of it. Scope:
        quarantine:read.
        """
        return await self._call(
            schemas.Quarantined, "GET", "/v1/quarantine/customer_360/{message_id}", at={"message_id": message_id}
        )

    async def discard_customer_360_quarantine(
        self, message_id: UUID, body: schemas.Discard, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Give a message up. Never apply it. The row stays, with who said so and why in the audit. Scope:
        quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/customer_360/{message_id}:discard",
            at={"message_id": message_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def retry_customer_360_quarantine(
        self, message_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Try a message again. Let the partition's worker apply it within seconds, once; if that fails, it is held
        again. Scope: quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/customer_360/{message_id}:retry",
            at={"message_id": message_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_eventing_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.QuarantinedPage:
        """Messages that could not be applied. List what is set aside, by age. Payloads are shown by their shape
        only. Scope: quarantine:read.
        """
        return await self._call(
            schemas.QuarantinedPage,
            "GET",
            "/v1/quarantine/eventing",
            params={
                "consumer": consumer,
                "type": type,
                "state": state,
                "min_age_seconds": min_age_seconds,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_eventing_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Quarantined]:
        """Every item of `list_eventing_quarantine`, page after page."""
        return pages(
            lambda cursor: self.list_eventing_quarantine(
                consumer=consumer,
                type=type,
                state=state,
                min_age_seconds=min_age_seconds,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def read_eventing_quarantine(self, message_id: UUID) -> schemas.Quarantined:
        """One message that could not be applied. Show why a message was set aside, and what has become of it. Scope:
        quarantine:read.
        """
        return await self._call(
            schemas.Quarantined, "GET", "/v1/quarantine/eventing/{message_id}", at={"message_id": message_id}
        )

    async def discard_eventing_quarantine(
        self, message_id: UUID, body: schemas.Discard, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Give a message up. Never apply it. The row stays, with who said so and why in the audit. Scope:
        quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/eventing/{message_id}:discard",
            at={"message_id": message_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def retry_eventing_quarantine(
        self, message_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Try a message again. Let the partition's worker apply it within seconds, once; if that fails, it is held
        again. Scope: quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/eventing/{message_id}:retry",
            at={"message_id": message_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_insight_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.QuarantinedPage:
        """Messages that could not be applied. List what is set aside, by age. Payloads are shown by their shape
        only. Scope: quarantine:read.
        """
        return await self._call(
            schemas.QuarantinedPage,
            "GET",
            "/v1/quarantine/insight",
            params={
                "consumer": consumer,
                "type": type,
                "state": state,
                "min_age_seconds": min_age_seconds,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_insight_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Quarantined]:
        """Every item of `list_insight_quarantine`, page after page."""
        return pages(
            lambda cursor: self.list_insight_quarantine(
                consumer=consumer,
                type=type,
                state=state,
                min_age_seconds=min_age_seconds,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def read_insight_quarantine(self, message_id: UUID) -> schemas.Quarantined:
        """One message that could not be applied. Show why a message was set aside, and what has become of it. Scope:
        quarantine:read.
        """
        return await self._call(
            schemas.Quarantined, "GET", "/v1/quarantine/insight/{message_id}", at={"message_id": message_id}
        )

    async def discard_insight_quarantine(
        self, message_id: UUID, body: schemas.Discard, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Give a message up. Never apply it. The row stays, with who said so and why in the audit. Scope:
        quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/insight/{message_id}:discard",
            at={"message_id": message_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def retry_insight_quarantine(
        self, message_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Try a message again. Let the partition's worker apply it within seconds, once; if that fails, it is held
        again. Scope: quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/insight/{message_id}:retry",
            at={"message_id": message_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def list_scoring_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.QuarantinedPage:
        """Messages that could not be applied. List what is set aside, by age. Payloads are shown by their shape
        only. Scope: quarantine:read.
        """
        return await self._call(
            schemas.QuarantinedPage,
            "GET",
            "/v1/quarantine/scoring",
            params={
                "consumer": consumer,
                "type": type,
                "state": state,
                "min_age_seconds": min_age_seconds,
                "sort": sort,
                "limit": limit,
                "cursor": cursor,
            },
        )

    def iterate_list_scoring_quarantine(
        self,
        *,
        consumer: str | None = None,
        type: str | None = None,
        state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN] | None = None,
        min_age_seconds: int | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.Quarantined]:
        """Every item of `list_scoring_quarantine`, page after page."""
        return pages(
            lambda cursor: self.list_scoring_quarantine(
                consumer=consumer,
                type=type,
                state=state,
                min_age_seconds=min_age_seconds,
                sort=sort,
                limit=limit,
                cursor=cursor,
            )
        )

    async def read_scoring_quarantine(self, message_id: UUID) -> schemas.Quarantined:
        """One message that could not be applied. Show why a message was set aside, and what has become of it. Scope:
        quarantine:read.
        """
        return await self._call(
            schemas.Quarantined, "GET", "/v1/quarantine/scoring/{message_id}", at={"message_id": message_id}
        )

    async def discard_scoring_quarantine(
        self, message_id: UUID, body: schemas.Discard, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Give a message up. Never apply it. The row stays, with who said so and why in the audit. Scope:
        quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/scoring/{message_id}:discard",
            at={"message_id": message_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def retry_scoring_quarantine(
        self, message_id: UUID, *, idempotency_key: str | None = None
    ) -> schemas.Quarantined:
        """Try a message again. Let the partition's worker apply it within seconds, once; if that fails, it is held
        again. Scope: quarantine:write.
        """
        return await self._call(
            schemas.Quarantined,
            "POST",
            "/v1/quarantine/scoring/{message_id}:retry",
            at={"message_id": message_id},
            key=idempotency_key or uuid.uuid4().hex,
        )
