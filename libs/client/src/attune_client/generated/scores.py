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

    async def matrix(self, body: bytes, *, model: str) -> bytes:
        """Score many rows as a matrix of float32. Score up to 50,000 rows by the champion: the names with commas, a
        line feed, then the values row by row. Values are little-endian float32, NaN = unknown, flags 0 or 1; the
        names are the model's, in any order. The answer is one number a row, or one a class; `Attune-Model-
        Version` and `Attune-Model-Sha256` say who gave it. Scope: scores:read.
        """
        return await self._call(bytes, "POST", "/v1/scores:matrix", params={"model": model}, body=body)
