"""The operations on triggers. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid

from attune_client.base import Operations
from attune_client.generated import schemas


class Triggers(Operations):
    """Operations on triggers."""

    async def list(self) -> schemas.TriggerList:
        """Every trigger. List the newest version of every trigger. Scope: triggers:read."""
        return await self._call(schemas.TriggerList, "GET", "/v1/triggers")

    async def get(self, name: str) -> schemas.TriggerView:
        """One trigger. Show the newest version of a trigger. Scope: triggers:read."""
        return await self._call(schemas.TriggerView, "GET", "/v1/triggers/{name}", at={"name": name})

    async def put(
        self, name: str, body: schemas.TriggerChange, *, idempotency_key: str | None = None
    ) -> schemas.TriggerView:
        """Change a trigger's parameters. Make a new version. What it changes holds from the next posting on; earlier
        detections stay. Scope: triggers:write.
        """
        return await self._call(
            schemas.TriggerView,
            "PUT",
            "/v1/triggers/{name}",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
