"""The operations on scores. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

from attune_client.base import Operations
from attune_client.generated import schemas


class Scores(Operations):
    """Operations on scores."""

    async def score(self, body: schemas.ScoreRequest) -> schemas.ScoresView:
        """Score rows of values, or customers. Score at once; nothing is stored. Customers and named versions are for
        model administrators. Scope: scores:read.
        """
        return await self._call(schemas.ScoresView, "POST", "/v1/scores", body=body)
