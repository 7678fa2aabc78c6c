"""The operations on status. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

from attune_client.base import Operations
from attune_client.generated import schemas


class Status(Operations):
    """Operations on status."""

    async def read_campaign_status(self) -> schemas.Status:
        """How far the service has come. Tell how far the service has come: what it has yet to publish, to apply, to
        finish. Scope: status:read.
        """
        return await self._call(schemas.Status, "GET", "/v1/status/campaign")

    async def read_customer_360_status(self) -> schemas.Status:
        """How far the service has come. Tell how far the service has come: what it has yet to publish, to apply, to
        finish. Scope: status:read.
        """
        return await self._call(schemas.Status, "GET", "/v1/status/customer_360")

    async def read_eventing_status(self) -> schemas.Status:
        """How far the service has come. Tell how far the service has come: what it has yet to publish, to apply, to
        finish. Scope: status:read.
        """
        return await self._call(schemas.Status, "GET", "/v1/status/eventing")

    async def read_insight_status(self) -> schemas.Status:
        """How far the service has come. Tell how far the service has come: what it has yet to publish, to apply, to
        finish. Scope: status:read.
        """
        return await self._call(schemas.Status, "GET", "/v1/status/insight")

    async def read_scoring_status(self) -> schemas.Status:
        """How far the service has come. Tell how far the service has come: what it has yet to publish, to apply, to
        finish. Scope: status:read.
        """
        return await self._call(schemas.Status, "GET", "/v1/status/scoring")
