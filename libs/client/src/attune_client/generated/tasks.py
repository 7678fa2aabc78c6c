"""The operations on tasks. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from attune_client.base import OPEN, Operations, ServerEvent, pages
from attune_client.generated import schemas


class Tasks(Operations):
    """Operations on tasks."""

    async def list(
        self,
        *,
        sort: Annotated[Literal["created_at", "-created_at", "due_at", "priority"], OPEN] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        employee_id: str | None = None,
        channel: str | None = None,
        state: Annotated[Literal["open", "claimed", "done", "closed"], OPEN] | None = None,
        campaign: str | None = None,
        customer_id: UUID | None = None,
        branch: str | None = None,
        escalated: bool | None = None,
        mine: bool | None = None,
        waiting: bool | None = None,
    ) -> schemas.TaskViewPage:
        """Tasks, oldest first. List tasks in the caller's scope; a relationship manager sees their own only. Scope:
        tasks:read.
        """
        return await self._call(
            schemas.TaskViewPage,
            "GET",
            "/v1/tasks",
            params={
                "sort": sort,
                "cursor": cursor,
                "limit": limit,
                "employee_id": employee_id,
                "channel": channel,
                "state": state,
                "campaign": campaign,
                "customer_id": customer_id,
                "branch": branch,
                "escalated": escalated,
                "mine": mine,
                "waiting": waiting,
            },
        )

    def iterate(
        self,
        *,
        sort: Annotated[Literal["created_at", "-created_at", "due_at", "priority"], OPEN] | None = None,
        limit: int | None = None,
        employee_id: str | None = None,
        channel: str | None = None,
        state: Annotated[Literal["open", "claimed", "done", "closed"], OPEN] | None = None,
        campaign: str | None = None,
        customer_id: UUID | None = None,
        branch: str | None = None,
        escalated: bool | None = None,
        mine: bool | None = None,
        waiting: bool | None = None,
    ) -> AsyncIterator[schemas.TaskView]:
        """Every item of `list`, page after page."""
        return pages(
            lambda cursor: self.list(
                sort=sort,
                limit=limit,
                employee_id=employee_id,
                channel=channel,
                state=state,
                campaign=campaign,
                customer_id=customer_id,
                branch=branch,
                escalated=escalated,
                mine=mine,
                waiting=waiting,
                cursor=cursor,
            )
        )

    def stream(self, *, after: str | None = None, last_event_id: str | None = None) -> AsyncIterator[ServerEvent]:
        """The live feed of one's own tasks, as server-sent events. Tell every change of the tasks on one's own list,
        from `Last-Event-ID` on without gap or repeat. A manager's own, the call centre's queues, the branch's for
        its head. Begin the stream first, then load the list. It ends with the token; a client that cannot keep up
        is cut. Scope: tasks:read.
        """
        return self._follow("/v1/tasks/stream", params={"after": after}, headers={"Last-Event-ID": last_event_id})

    async def get(self, task_id: UUID) -> schemas.TaskDetail:
        """One task. Return one task of the caller's list with its notes. Scope: tasks:read."""
        return await self._call(schemas.TaskDetail, "GET", "/v1/tasks/{task_id}", at={"task_id": task_id})

    async def note(
        self, task_id: UUID, body: schemas.NewNote, *, idempotency_key: str | None = None
    ) -> schemas.NoteView:
        """Keep a note on a task. Keep plain words; control characters go, numbers and addresses of persons are
        masked. Scope: tasks:write.
        """
        return await self._call(
            schemas.NoteView,
            "POST",
            "/v1/tasks/{task_id}/notes",
            at={"task_id": task_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def claim(self, task_id: UUID, *, idempotency_key: str | None = None) -> schemas.TaskView:
        """Take a task and reserve its contact for 15 minutes. Whoever may act on the task takes it, unless the
        customer may not be contacted now; unfinished it comes back. Scope: tasks:write.
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
        """Say what came of the contact. Do what the handling policy says of this outcome to the contact, the
        opportunities and the task. Scope: tasks:write.
        """
        return await self._call(
            schemas.TaskView,
            "POST",
            "/v1/tasks/{task_id}:complete",
            at={"task_id": task_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def reassign(
        self, task_id: UUID, body: schemas.Reassignment, *, idempotency_key: str | None = None
    ) -> schemas.TaskView:
        """Give a task to an employee of the branch. The head of the branch gives a task that nobody is at work on to
        one of the branch's own. Scope: tasks:assign.
        """
        return await self._call(
            schemas.TaskView,
            "POST",
            "/v1/tasks/{task_id}:reassign",
            at={"task_id": task_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def next(self, body: schemas.NextTaskQuery, *, idempotency_key: str | None = None) -> schemas.NextTask:
        """Take the best task that waits, and reserve its contact. What one has in hand comes first; whose customers
        may not be contacted now are put off; nobody gets another's. Scope: tasks:write.
        """
        return await self._call(
            schemas.NextTask, "POST", "/v1/tasks:next", body=body, key=idempotency_key or uuid.uuid4().hex
        )
