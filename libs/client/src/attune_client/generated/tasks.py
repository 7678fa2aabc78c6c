"""The operations on tasks. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Tasks(Operations):
    """Operations on tasks."""

    async def list(
        self,
        *,
        employee_id: str | None = None,
        channel: str | None = None,
        state: Annotated[Literal["open", "claimed", "done", "closed"], OPEN] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> schemas.TaskViewPage:
        """Tasks, oldest first. List tasks in the caller's scope; a relationship manager sees their own only. Scope:
        tasks:read.
        """
        return await self._call(
            schemas.TaskViewPage,
            "GET",
            "/v1/tasks",
            params={"employee_id": employee_id, "channel": channel, "state": state, "cursor": cursor, "limit": limit},
        )

    def iterate(
        self,
        *,
        employee_id: str | None = None,
        channel: str | None = None,
        state: Annotated[Literal["open", "claimed", "done", "closed"], OPEN] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.TaskView]:
        """Every item of `list`, page after page."""
        return pages(
            lambda cursor: self.list(employee_id=employee_id, channel=channel, state=state, limit=limit, cursor=cursor)
        )

    async def claim(self, task_id: UUID, *, idempotency_key: str | None = None) -> schemas.TaskView:
        """Take a task and reserve its contact for 15 minutes. Whoever may act on the task takes it, unless the
        customer may not be contacted now. Scope: tasks:write.
        """
        return await self._call(
            schemas.TaskView,
            "POST",
            "/v1/tasks/{task_id}:claim",
            at={"task_id": task_id},
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def complete(
        self, task_id: UUID, body: schemas.Completion, *, idempotency_key: str | None = None
    ) -> schemas.TaskView:
        """Say what came of the contact. Confirm the contact, or release it if nobody was reached; the task's
        opportunities are acted on. Scope: tasks:write.
        """
        return await self._call(
            schemas.TaskView,
            "POST",
            "/v1/tasks/{task_id}:complete",
            at={"task_id": task_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )
