"""The operations on segments. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import datetime as dt

from attune_client.base import Operations
from attune_client.generated import schemas


class Segments(Operations):
    """Operations on segments."""

    async def value_quadrant(self, *, as_of: dt.date | None = None, branch: str | None = None) -> schemas.QuadrantSizes:
        """How many customers stand in each value quadrant. Count customers by quadrant, together and by branch;
        customers of no branch stand under "". Scope: segments:read.
        """
        return await self._call(
            schemas.QuadrantSizes, "GET", "/v1/segments/value-quadrant", params={"as_of": as_of, "branch": branch}
        )
