"""The operations on triggers. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator

from attune_client.base import Operations, pages
from attune_client.generated import schemas


class Triggers(Operations):
    """Operations on triggers."""

    async def list(
        self, *, enabled: bool | None = None, limit: int | None = None, cursor: str | None = None
    ) -> schemas.TriggerViewPage:
        """The triggers. List the newest version of every trigger, by name. Scope: triggers:read."""
        return await self._call(
            schemas.TriggerViewPage,
            "GET",
            "/v1/triggers",
            params={"enabled": enabled, "limit": limit, "cursor": cursor},
        )

    def iterate(self, *, enabled: bool | None = None, limit: int | None = None) -> AsyncIterator[schemas.TriggerView]:
        """Every item of `list`, page after page."""
        return pages(lambda cursor: self.list(enabled=enabled, limit=limit, cursor=cursor))

    async def get(self, name: str) -> schemas.TriggerView:
        """One trigger. Show the newest version of a trigger. Scope: triggers:read."""
        return await self._call(schemas.TriggerView, "GET", "/v1/triggers/{name}", at={"name": name})

    async def put(
        self, name: str, body: schemas.TriggerChange, *, idempotency_key: str | None = None
    ) -> schemas.TriggerView | schemas.Proposal:
        """Change a trigger's parameters. Make a new version. What it changes holds from the next posting on; earlier
        detections stay. Scope: triggers:write.
        """
        return await self._call(
            schemas.TriggerView | schemas.Proposal,
            "PUT",
            "/v1/triggers/{name}",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
