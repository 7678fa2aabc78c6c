"""The operations on ledger. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid

from attune_client.base import Operations
from attune_client.generated import schemas


class Ledger(Operations):
    """Operations on ledger."""

    async def import_(self, body: schemas.EventingImportRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Import postings and behaviours from the bank's files. Start the job that brings the files into the lake.
        Keyed state is not touched: that is what a replay does. Scope: imports:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/ledger/imports", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def post(self, body: schemas.PostingsIn, *, idempotency_key: str | None = None) -> schemas.PostingsTaken:
        """Take in postings as they are booked. Send postings to the ledger's stream, each once, whatever is
        repeated. Scope: ledger:write.
        """
        return await self._call(
            schemas.PostingsTaken, "POST", "/v1/ledger/postings", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def reconcile(
        self, body: schemas.ReconciliationRequest, *, idempotency_key: str | None = None
    ) -> schemas.Job:
        """Compare a day's file with what came by the stream. Start the job. What is missing from the stream is sent
        there once; differences are listed, not repaired. Scope: imports:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/ledger/reconciliations", body=body, key=idempotency_key or uuid.uuid4().hex
        )
