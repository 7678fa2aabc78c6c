"""The operations on tags. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from uuid import UUID

from attune_client.base import Operations, pages
from attune_client.generated import schemas


class Tags(Operations):
    """Operations on tags."""

    async def list(
        self, customer_id: UUID, *, limit: int | None = None, cursor: str | None = None
    ) -> schemas.TagViewPage:
        """A customer's tags. List tags by name and source, no expired ones. Customers see those that are meant for
        them. Scope: customers:read.
        """
        return await self._call(
            schemas.TagViewPage,
            "GET",
            "/v1/customers/{customer_id}/tags",
            at={"customer_id": customer_id},
            params={"limit": limit, "cursor": cursor},
        )

    def iterate(self, customer_id: UUID, *, limit: int | None = None) -> AsyncIterator[schemas.TagView]:
        """Every item of `list`, page after page."""
        return pages(lambda cursor: self.list(customer_id, limit=limit, cursor=cursor))

    async def assign(
        self, customer_id: UUID, tag: str, body: schemas.TagAssignment, *, idempotency_key: str | None = None
    ) -> schemas.TagView:
        """Give a customer a tag. Give the tag, or another value of it; its source is `staff`. What the customer has
        deleted is refused. Scope: tags:write.
        """
        return await self._call(
            schemas.TagView,
            "PUT",
            "/v1/customers/{customer_id}/tags/{tag}",
            at={"customer_id": customer_id, "tag": tag},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def delete(
        self, customer_id: UUID, tag: str, *, source: str | None = None, idempotency_key: str | None = None
    ) -> schemas.TagDeletionView:
        """Delete a tag for good. Delete the tag; the same source never gives it again. Customers delete what they
        may see. Scope: customers:write.
        """
        return await self._call(
            schemas.TagDeletionView,
            "DELETE",
            "/v1/customers/{customer_id}/tags/{tag}",
            at={"customer_id": customer_id, "tag": tag},
            params={"source": source},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def tag_definitions_list(
        self,
        *,
        customer_visible: bool | None = None,
        personal: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.TagDefinitionViewPage:
        """What tags there are and what they mean. List definitions by name; a customer's token is shown those that
        customers may see. Scope: customers:read.
        """
        return await self._call(
            schemas.TagDefinitionViewPage,
            "GET",
            "/v1/tag-definitions",
            params={"customer_visible": customer_visible, "personal": personal, "limit": limit, "cursor": cursor},
        )

    def iterate_tag_definitions_list(
        self, *, customer_visible: bool | None = None, personal: bool | None = None, limit: int | None = None
    ) -> AsyncIterator[schemas.TagDefinitionView]:
        """Every item of `tag_definitions_list`, page after page."""
        return pages(
            lambda cursor: self.tag_definitions_list(
                customer_visible=customer_visible, personal=personal, limit=limit, cursor=cursor
            )
        )

    async def tag_definitions_define(
        self, tag: str, body: schemas.TagDefinitionChange, *, idempotency_key: str | None = None
    ) -> schemas.TagDefinitionView:
        """Define a tag, or change its definition. Say what a tag means, who answers for it and how long it lives.
        Customers' tags follow at once. Scope: tags:define.
        """
        return await self._call(
            schemas.TagDefinitionView,
            "PUT",
            "/v1/tag-definitions/{tag}",
            at={"tag": tag},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
