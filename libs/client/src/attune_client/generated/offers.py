"""The operations on offers. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Offers(Operations):
    """Operations on offers."""

    async def list(
        self,
        *,
        kind: Annotated[Literal["marketing", "service"], OPEN] | None = None,
        enabled: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> schemas.OfferViewPage:
        """The offer sheet. List the newest version of every offer, by code. Scope: campaigns:read."""
        return await self._call(
            schemas.OfferViewPage,
            "GET",
            "/v1/offers",
            params={"kind": kind, "enabled": enabled, "cursor": cursor, "limit": limit},
        )

    def iterate(
        self,
        *,
        kind: Annotated[Literal["marketing", "service"], OPEN] | None = None,
        enabled: bool | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.OfferView]:
        """Every item of `list`, page after page."""
        return pages(lambda cursor: self.list(kind=kind, enabled=enabled, limit=limit, cursor=cursor))

    async def get(self, code: str, *, version: int | None = None) -> schemas.OfferView:
        """One offer. Return an offer's newest version, or an older one; old versions are kept for ever. Scope:
        campaigns:read.
        """
        return await self._call(
            schemas.OfferView, "GET", "/v1/offers/{code}", at={"code": code}, params={"version": version}
        )

    async def change(
        self, code: str, body: schemas.OfferChange, *, idempotency_key: str | None = None
    ) -> schemas.ChangedOffer | schemas.Proposal:
        """Make or change an offer. Store a new version; the next decision is made with it. Decisions already made
        keep the catalogue they had. Scope: campaigns:write.
        """
        return await self._call(
            schemas.ChangedOffer | schemas.Proposal,
            "PUT",
            "/v1/offers/{code}",
            at={"code": code},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def scripts_list(
        self,
        *,
        offer: str | None = None,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager"], OPEN] | None = None,
        enabled: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> schemas.ScriptViewPage:
        """The scripts. List the newest version of every script, by id. Scope: campaigns:read."""
        return await self._call(
            schemas.ScriptViewPage,
            "GET",
            "/v1/scripts",
            params={"offer": offer, "channel": channel, "enabled": enabled, "cursor": cursor, "limit": limit},
        )

    def iterate_scripts_list(
        self,
        *,
        offer: str | None = None,
        channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager"], OPEN] | None = None,
        enabled: bool | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.ScriptView]:
        """Every item of `scripts_list`, page after page."""
        return pages(
            lambda cursor: self.scripts_list(offer=offer, channel=channel, enabled=enabled, limit=limit, cursor=cursor)
        )

    async def scripts_change(
        self, script_id: str, body: schemas.ScriptChange, *, idempotency_key: str | None = None
    ) -> schemas.ChangedScript | schemas.Proposal:
        """Make or change a script. Store a new version; the next decision is made with it. Scope: campaigns:write."""
        return await self._call(
            schemas.ChangedScript | schemas.Proposal,
            "PUT",
            "/v1/scripts/{script_id}",
            at={"script_id": script_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
