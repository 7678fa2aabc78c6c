"""The live feed of tasks as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Forbidden, refusals
from campaign import task_feed
from campaign.task_feed import Beat, Change, Ended, Item, Ready, Resync

router = APIRouter(tags=["tasks"])

Reader = Annotated[Caller, Depends(requires("tasks:read"))]

_TOLD = ("kind", "task_id", "customer_id", "branch_id", "channel", "employee_id", "state", "escalated", "claimed_by",
         "due_at", "visible_from")  # fmt: skip
# Each event of the stream, as server-sent events are described: its fields are texts.
_EVENT = {
    "type": "object",
    "description": "One event; `data` is JSON, `id` what to resume from",
    "properties": {
        "event": {"type": "string", "enum": ["ready", "task", "resync", "end"]},
        "id": {"type": "string"},
        "data": {"type": "string"},
    },
    "required": ["event", "data"],
}
_EXAMPLE = {
    "event": "task",
    "id": "4712",
    "data": '{"kind":"created","task_id":"0190a7c2-7b1e-7d35-8f04-5a6b9c2d1e3f","state":"open", …}',
}
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "ready, task (created, claimed, returned, postponed, due, escalated, reassigned, done, closed),"
        " resync: load the list anew, end: token_expired, restart or too_slow",
        "content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}},
    }
}
_BEYOND_ALL = 2**62


@router.get(
    "/v1/tasks/stream",
    operation_id="tasks-stream",
    summary="The live feed of one's own tasks, as server-sent events",
    response_class=StreamingResponse,
    responses=_DOCUMENTED | refusals(Forbidden),
)
async def stream(
    runtime: AnyRuntime,
    caller: Reader,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=20)] = None,
    after: Annotated[
        str | None, Query(max_length=20, description="As Last-Event-ID, for clients that cannot send it")
    ] = None,
) -> StreamingResponse:
    """Tell every change of the tasks on one's own list, from `Last-Event-ID` on without gap or repeat.

    A manager's own, the call centre's queues, the branch's for its head. Begin the stream first, then load the list. It
    ends with the token; a client that cannot keep up is cut.
    """
    task_feed.check(caller)
    items = task_feed.Hub.of(runtime).stream(caller, _number(last_event_id or after))
    first = await anext(items)  # what refuses a stream does so before it has begun
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(first, items), media_type="text/event-stream", headers=headers)


def _number(text: str | None) -> int | None:
    """The number to go on from; one that is none of ours lies beyond them all and leads to a resync."""
    if text is None:
        return None
    return min(int(text), _BEYOND_ALL) if text.isascii() and text.isdigit() else _BEYOND_ALL


async def _events(first: Item, items: AsyncIterator[Item]) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n" + _event(first)
    async for item in items:
        yield _event(item)


def _event(item: Item) -> bytes:
    match item:
        case Change():
            return _text("task", {name: getattr(item, name) for name in _TOLD}, item.seq)
        case Ready(seq):
            return _text("ready", {}, seq)
        case Resync(seq):
            return _text("resync", {}, seq)
        case Ended(reason):
            return _text("end", {"reason": reason})
        case Beat():
            return b": beat\n\n"


def _text(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    told = orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z)
    line = b"" if number is None else b"id: %d\n" % number
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), line, told)
