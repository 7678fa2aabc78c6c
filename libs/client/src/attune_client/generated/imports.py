"""The operations on imports. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid

from attune_client.base import Operations
from attune_client.generated import schemas


class Imports(Operations):
    """Operations on imports."""

    async def start(self, body: schemas.ImportRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Import customers and what belongs to them from the bank's files. Start the job that imports the datasets
        in their order. Repeating an import changes nothing. Scope: imports:write.
        """
        return await self._call(schemas.Job, "POST", "/v1/imports", body=body, key=idempotency_key or uuid.uuid4().hex)
