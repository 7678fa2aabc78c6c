"""The operations on triggers. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Triggers(Operations):
    """Operations on triggers."""

    async def backtests_list(
        self,
        *,
        trigger: str | None = None,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.BacktestViewPage:
        """Backtests, the newest first. List the backtests that the caller may see all of: those of the own branch
        and of those under it. Scope: backtests:read.
        """
        return await self._call(
            schemas.BacktestViewPage,
            "GET",
            "/v1/backtests",
            params={"trigger": trigger, "state": state, "sort": sort, "limit": limit, "cursor": cursor},
        )

    def iterate_backtests_list(
        self,
        *,
        trigger: str | None = None,
        state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN] | None = None,
        sort: Annotated[Literal["newest", "oldest"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.BacktestView]:
        """Every item of `backtests_list`, page after page."""
        return pages(
            lambda cursor: self.backtests_list(trigger=trigger, state=state, sort=sort, limit=limit, cursor=cursor)
        )

    async def backtests_start(
        self, body: schemas.BacktestRequest, *, idempotency_key: str | None = None
    ) -> schemas.Job:
        """Find what a trigger would have found in the lake. Start the job. Its result has `detections`, `subjects`,
        `per_day`, `first`, by whom and when. Nothing is raised. A caller of a branch is told of that branch and
        those under it alone. Scope: backtests:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/backtests", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def backtests_get(self, backtest_id: UUID) -> schemas.Job:
        """How far a backtest has come, and what it has found. Show a backtest to whoever may see all of it: one of a
        branch is seen there and from above. Its examples are shown to whoever may read detections, their amounts
        and accounts to whoever may read evidence. Scope: backtests:read.
        """
        return await self._call(schemas.Job, "GET", "/v1/backtests/{backtest_id}", at={"backtest_id": backtest_id})

    async def list(
        self, *, enabled: bool | None = None, limit: int | None = None, cursor: str | None = None
    ) -> schemas.TriggerViewPage:
        """The triggers. List the newest version of every trigger, by name. Scope: triggers:read."""
        return await self._call(
            schemas.TriggerViewPage,
            "GET",
            "/v1/triggers",
            params={"enabled": enabled, "limit": limit, "cursor": cursor},
        )

    def iterate(self, *, enabled: bool | None = None, limit: int | None = None) -> AsyncIterator[schemas.TriggerView]:
        """Every item of `list`, page after page."""
        return pages(lambda cursor: self.list(enabled=enabled, limit=limit, cursor=cursor))

    async def create(self, body: schemas.FileBody, *, idempotency_key: str | None = None) -> schemas.VersionView:
        """Keep a new trigger's first version, a draft. Keep a trigger file as version 1. A draft judges nothing
        until it is activated. Scope: triggers:write.
        """
        return await self._call(
            schemas.VersionView, "POST", "/v1/triggers", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def get(self, name: str) -> schemas.TriggerView:
        """One trigger. Show the newest version of a trigger. Scope: triggers:read."""
        return await self._call(schemas.TriggerView, "GET", "/v1/triggers/{name}", at={"name": name})

    async def put(
        self, name: str, body: schemas.TriggerChange, *, idempotency_key: str | None = None
    ) -> schemas.TriggerView | schemas.Proposal:
        """Change a trigger's parameters. Make a new version. What it changes holds from the next posting on; earlier
        detections stay. Scope: triggers:write.
        """
        return await self._call(
            schemas.TriggerView | schemas.Proposal,
            "PUT",
            "/v1/triggers/{name}",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def rate(self, name: str, *, days: int | None = None) -> schemas.Rate:
        """How often a trigger fires, by business day. Count the detections that the caller may see, day by day.
        Scope: detections:read.
        """
        return await self._call(
            schemas.Rate, "GET", "/v1/triggers/{name}/rate", at={"name": name}, params={"days": days}
        )

    async def versions(
        self,
        name: str,
        *,
        state: Annotated[Literal["draft", "live", "paused", "superseded", "discarded", "retired"], OPEN] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.VersionViewPage:
        """A trigger's versions, the newest first. List the versions of a trigger. Scope: triggers:read."""
        return await self._call(
            schemas.VersionViewPage,
            "GET",
            "/v1/triggers/{name}/versions",
            at={"name": name},
            params={"state": state, "limit": limit, "cursor": cursor},
        )

    def iterate_versions(
        self,
        name: str,
        *,
        state: Annotated[Literal["draft", "live", "paused", "superseded", "discarded", "retired"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.VersionView]:
        """Every item of `versions`, page after page."""
        return pages(lambda cursor: self.versions(name, state=state, limit=limit, cursor=cursor))

    async def add_version(
        self, name: str, body: schemas.FileBody, *, idempotency_key: str | None = None
    ) -> schemas.VersionView:
        """Keep another version of a trigger, a draft. Keep a trigger file as the next version. The one in force goes
        on until this one is activated. Scope: triggers:write.
        """
        return await self._call(
            schemas.VersionView,
            "POST",
            "/v1/triggers/{name}/versions",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def get_version(self, name: str, version: int) -> schemas.VersionView:
        """One version of a trigger, with its file. Show a version. Scope: triggers:read."""
        return await self._call(
            schemas.VersionView, "GET", "/v1/triggers/{name}/versions/{version}", at={"name": name, "version": version}
        )

    async def compare(self, name: str, version: int, *, other: int) -> schemas.Differences:
        """How a version differs from another one. List the keys of the file that differ, those of `other` as
        `before`. Scope: triggers:read.
        """
        return await self._call(
            schemas.Differences,
            "GET",
            "/v1/triggers/{name}/versions/{version}/differences",
            at={"name": name, "version": version},
            params={"other": other},
        )

    async def discard(self, name: str, version: int, *, idempotency_key: str | None = None) -> schemas.VersionView:
        """Discard a draft. End a draft: it stays among the versions, keeps its number, and is never activated.
        Scope: triggers:write.
        """
        return await self._call(
            schemas.VersionView,
            "POST",
            "/v1/triggers/{name}/versions/{version}:discard",
            at={"name": name, "version": version},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def activate(
        self, name: str, body: schemas.Activation, *, idempotency_key: str | None = None
    ) -> schemas.Activated | schemas.Proposal:
        """Let a draft judge the stream. Start the job that makes the version's states from what has been; then it
        judges what comes. The stream goes on meanwhile, judged by the version before. Scope: triggers:write.
        """
        return await self._call(
            schemas.Activated | schemas.Proposal,
            "POST",
            "/v1/triggers/{name}:activate",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def retire(
        self, name: str, body: schemas.Retirement, *, idempotency_key: str | None = None
    ) -> schemas.Retired | schemas.Proposal:
        """Take a trigger out of force for good. From the next posting on it finds nothing, and what it keeps of
        customers is removed. Its versions, detections and figures stay; a new version of it may be activated
        later, with states of its own. Scope: triggers:write.
        """
        return await self._call(
            schemas.Retired | schemas.Proposal,
            "POST",
            "/v1/triggers/{name}:retire",
            at={"name": name},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def run(self, body: schemas.RunRequest, *, idempotency_key: str | None = None) -> schemas.Job:
        """Judge a day's file in the lake. Start the job, for a bank without a live stream. Detections have the
        stream's keys: twice changes nothing. Scope: replays:write.
        """
        return await self._call(
            schemas.Job, "POST", "/v1/triggers:run", body=body, key=idempotency_key or uuid.uuid4().hex
        )

    async def validate_(self, body: schemas.FileBody) -> schemas.Checked:
        """Check a trigger file, and say its conditions in words; nothing is kept. Refuse with every fault's line and
        column, or tell what the file says. Scope: triggers:write.
        """
        return await self._call(schemas.Checked, "POST", "/v1/triggers:validate", body=body)
