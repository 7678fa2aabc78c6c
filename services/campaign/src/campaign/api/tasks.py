"""Tasks over HTTP: one's own list, claiming, completing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from campaign import plans, tasks
from campaign.api.models import Completion, TaskView
from campaign.contacts import ContactRefused

router = APIRouter(tags=["tasks"])

Reader = Annotated[Caller, Depends(requires("tasks:read"))]
Worker = Annotated[Caller, Depends(requires("tasks:write"))]
Name = Annotated[str | None, Query(max_length=64)]


@router.get("/v1/tasks", operation_id="tasks-list", summary="Tasks, oldest first", responses=refusals(InvalidCursor))
async def list_tasks(
    runtime: AnyRuntime,
    caller: Reader,
    employee_id: Name = None,
    channel: Name = None,
    state: tasks.TaskState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[TaskView]:
    """List tasks in the caller's scope; a relationship manager sees their own only."""
    wanted = tasks.TaskFilter(employee_id, channel, state)
    key, bound = runtime.settings.cursor_key, ("tasks", caller.subject, wanted)
    after = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else None
    found = await tasks.list_tasks(runtime.database.reads(caller.scope), caller, wanted, after, limit + 1)
    views = [TaskView.model_validate(t, from_attributes=True) for t in found]
    return page(views, limit, key, lambda view: [view.id], bound_to=bound)


@router.post(
    "/v1/tasks/{task_id}:claim",
    operation_id="tasks-claim",
    summary="Take a task and reserve its contact for 15 minutes",
    response_model=TaskView,
    responses=refusals(NotFound, Forbidden, tasks.TaskTaken, ContactRefused),
)
async def claim(
    task_id: UUID, runtime: AnyRuntime, caller: Worker, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """Whoever may act on the task takes it, unless the customer may not be contacted now."""

    async def run(tx: Transaction) -> TaskView:
        plan = await plans.current(runtime.database, tx.conn)
        task = await tasks.claim(tx, plan, caller, task_id, runtime.settings.zone)
        return TaskView.model_validate(task, from_attributes=True)

    return await write(run)


@router.post(
    "/v1/tasks/{task_id}:complete",
    operation_id="tasks-complete",
    summary="Say what came of the contact",
    response_model=TaskView,
    responses=refusals(NotFound, Forbidden, tasks.TaskTaken, ContactRefused),
)
async def complete(
    task_id: UUID,
    body: Completion,
    runtime: AnyRuntime,
    caller: Worker,
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Confirm the contact, or release it if nobody was reached; the task's opportunities are acted on."""

    async def run(tx: Transaction) -> TaskView:
        plan = await plans.current(runtime.database, tx.conn)
        task = await tasks.complete(tx, plan, caller, task_id, body.disposition, runtime.settings.zone)
        return TaskView.model_validate(task, from_attributes=True)

    return await write(run)
