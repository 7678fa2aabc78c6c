"""The operations on clock. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid

from attune_client.base import Operations
from attune_client.generated import schemas


class Clock(Operations):
    """Operations on clock."""

    async def advance(self, body: schemas.ClockRequest, *, idempotency_key: str | None = None) -> schemas.BusinessTime:
        """Move business time on. Move business time on for every service; days that it leaves are closed. Scope:
        clock:write.
        """
        return await self._call(
            schemas.BusinessTime, "POST", "/v1/clock:advance", body=body, key=idempotency_key or uuid.uuid4().hex
        )
