"""The operations on behaviours. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid

from attune_client.base import Operations
from attune_client.generated import schemas


class Behaviours(Operations):
    """Operations on behaviours."""

    async def post(self, body: schemas.BehavioursIn, *, idempotency_key: str | None = None) -> schemas.BehavioursTaken:
        """Take in what customers do on front ends. Send behaviours to the ledger's stream, each once, whatever is
        repeated; triggers judge them as they come. A customer's own token brings that customer's behaviours;
        anybody else is unknown to it. Scope: behaviours:write.
        """
        return await self._call(
            schemas.BehavioursTaken, "POST", "/v1/behaviours", body=body, key=idempotency_key or uuid.uuid4().hex
        )
