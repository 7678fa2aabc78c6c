"""Tasks over HTTP: one's own list, taking, completing, noting and giving on."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, Invalid, NotFound, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from campaign import campaigns, claims, notes, outcomes, plans, reassignments, tasks
from campaign.api.campaigns import shown_script
from campaign.api.task_models import (
    Completion,
    NewNote,
    NextTask,
    NextTaskQuery,
    NoteView,
    Reassignment,
    TaskDetail,
    TaskView,
)
from campaign.contacts import ContactRefused

router = APIRouter(tags=["tasks"])

Reader = Annotated[Caller, Depends(requires("tasks:read"))]
Worker = Annotated[Caller, Depends(requires("tasks:write"))]
Head = Annotated[Caller, Depends(requires("tasks:assign"))]
Name = Annotated[str | None, Query(max_length=64)]


async def _filter(
    employee_id: Name = None,
    channel: Name = None,
    state: tasks.TaskState | None = None,
    campaign: Name = None,
    customer_id: UUID | None = None,
    branch: Annotated[str | None, Query(max_length=64, description="This branch and those below it")] = None,
    escalated: Annotated[
        bool | None, Query(description="true: without action for a day, for the branch's head")
    ] = None,
    mine: Annotated[bool, Query(description="Only what is the caller's: theirs, kept for them, in their hand")] = False,
    waiting: Annotated[bool, Query(description="Only those that hide until later, e.g. call-backs")] = False,
) -> tasks.TaskFilter:
    return tasks.TaskFilter(employee_id, channel, state, campaign, customer_id, branch, escalated, mine, waiting)


@router.get("/v1/tasks", operation_id="tasks-list", summary="Tasks, oldest first", responses=refusals(InvalidCursor))
async def list_tasks(
    runtime: AnyRuntime,
    caller: Reader,
    wanted: Annotated[tasks.TaskFilter, Depends(_filter)],
    sort: Annotated[
        tasks.Sort,
        Query(
            description="priority: call-backs, escalated ones, then the rest; in each by campaign, then by their end"
        ),
    ] = "created_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[TaskView]:
    """List tasks in the caller's scope; a relationship manager sees their own only."""
    key, bound = runtime.settings.cursor_key, ("tasks", caller.subject, wanted, sort)
    after: tasks.Place | None = None
    if cursor:
        last, due, rank, weight = decode_cursor(key, cursor, bound_to=bound)
        after = last, due, rank, weight
    reads, now = runtime.database.reads(caller.scope), runtime.clock.now()
    found = await tasks.list_tasks(reads, caller, wanted, sort, now, after, limit + 1)
    views = [TaskView.model_validate(t, from_attributes=True) for t in found]
    return page(views, limit, key, tasks.place_of, bound_to=bound)


@router.get("/v1/tasks/{task_id}", operation_id="tasks-get", summary="One task", responses=refusals(NotFound))
async def get(task_id: UUID, runtime: AnyRuntime, caller: Reader) -> TaskDetail:
    """Return one task of the caller's list with its notes."""
    reads = runtime.database.reads(caller.scope)
    task = await tasks.get(reads, caller, task_id)
    written = await notes.of(reads, task_id) if tasks.may_act(caller, task.channel, task.employee_id) else []
    view = TaskView.model_validate(task, from_attributes=True)
    shown = [NoteView.model_validate(note, from_attributes=True) for note in written]
    script = shown_script(await campaigns.get(reads, task.campaign))
    return TaskDetail(**view.model_dump(), notes=shown, script=script)


@router.post(
    "/v1/tasks:next",
    operation_id="tasks-next",
    summary="Take the best task that waits, and reserve its contact",
    response_model=NextTask,
    responses=refusals(Forbidden),
)
async def take_next(
    body: NextTaskQuery, runtime: AnyRuntime, caller: Worker, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """What one has in hand comes first; whose customers may not be contacted now are put off; nobody gets another's."""

    async def run(tx: Transaction) -> NextTask:
        plan = await plans.current(runtime.database, tx.conn)
        found = await claims.take_next(tx, plan, caller, body.channel, runtime.settings.zone)
        return NextTask.model_validate(found, from_attributes=True)

    return await write(run)


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
    """Whoever may act on the task takes it, unless the customer may not be contacted now; unfinished it comes back."""

    async def run(tx: Transaction) -> TaskView:
        plan = await plans.current(runtime.database, tx.conn)
        task = await claims.claim(tx, plan, caller, task_id, runtime.settings.zone)
        return TaskView.model_validate(task, from_attributes=True)

    return await write(run)


@router.post(
    "/v1/tasks/{task_id}:complete",
    operation_id="tasks-complete",
    summary="Say what came of the contact",
    response_model=TaskView,
    responses=refusals(
        NotFound, Forbidden, tasks.TaskTaken, ContactRefused, outcomes.UnknownDisposition, outcomes.BadCallBack
    ),
)
async def complete(
    task_id: UUID,
    body: Completion,
    runtime: AnyRuntime,
    caller: Worker,
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Do what the handling policy says of this outcome to the contact, the opportunities and the task."""
    outcome = outcomes.Outcome(body.disposition, body.call_back_at, body.note)

    async def run(tx: Transaction) -> TaskView:
        plan = await plans.current(runtime.database, tx.conn)
        task = await outcomes.complete(tx, plan, caller, task_id, outcome, runtime.settings.zone)
        return TaskView.model_validate(task, from_attributes=True)

    return await write(run)


@router.post(
    "/v1/tasks/{task_id}/notes",
    operation_id="tasks-note",
    summary="Keep a note on a task",
    status_code=201,
    response_model=NoteView,
    responses=refusals(NotFound, Forbidden, Invalid),
)
async def note(task_id: UUID, body: NewNote, caller: Worker, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Keep plain words; control characters go, numbers and addresses of persons are masked."""

    async def run(tx: Transaction) -> NoteView:
        return NoteView.model_validate(await notes.add(tx, caller, task_id, body.note), from_attributes=True)

    return await write(run, status=201)


@router.post(
    "/v1/tasks/{task_id}:reassign",
    operation_id="tasks-reassign",
    summary="Give a task to an employee of the branch",
    response_model=TaskView,
    responses=refusals(NotFound, Forbidden, tasks.TaskTaken, reassignments.NoTasks),
)
async def reassign(
    task_id: UUID, body: Reassignment, caller: Head, write: Annotated[Write, Depends(idempotent)]
) -> Response:
    """The head of the branch gives a task that nobody is at work on to one of the branch's own."""

    async def run(tx: Transaction) -> TaskView:
        task = await reassignments.reassign(tx, caller, task_id, body.employee_id)
        return TaskView.model_validate(task, from_attributes=True)

    return await write(run)
