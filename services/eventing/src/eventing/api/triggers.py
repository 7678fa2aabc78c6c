"""Triggers over HTTP."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import REFUSALS
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from eventing import triggers

router = APIRouter(prefix="/v1/triggers", tags=["triggers"])
MayRead = Depends(requires("triggers:read"))


class TriggerView(BaseModel):
    """A trigger's newest version. `in_force` is the one that judges the stream; null before the first is activated."""

    name: str
    version: int
    in_force: int | None
    state: triggers.State
    kind: str
    event_type: str
    months: int
    minimum_minor: int
    cooldown_days: int
    lateness_days: int
    expires_hours: int
    enabled: bool
    created_at: datetime
    created_by: str


def _view(row: triggers.Row) -> TriggerView:
    return TriggerView.model_validate(dict(row) | {"state": triggers.state(row)})


class TriggerChange(Body):
    """Parameters to change; what is left out stays."""

    minimum_minor: Annotated[int, Field(ge=0, le=10**13)] | None = None
    cooldown_days: Annotated[int, Field(ge=0, le=3650)] | None = Field(
        default=None, description="Days of rest after a detection that was raised"
    )
    lateness_days: Annotated[int, Field(ge=0, le=365)] | None = Field(
        default=None, description="How late a posting may come and still be judged; raise it, then rebuild"
    )
    expires_hours: Annotated[int, Field(ge=1, le=24 * 365)] | None = None
    enabled: bool | None = None


@router.get("", operation_id="triggers-list", summary="The triggers", responses=refusals(InvalidCursor))
async def listing(
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("triggers:read"))],
    enabled: Annotated[bool | None, Query(description="Only those that fire, or that do not")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TriggerView]:
    """List the newest version of every trigger, by name."""
    key, bound = runtime.settings.cursor_key, ("triggers", caller.subject, enabled)
    after: str = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else ""
    rows: Any = await triggers.current(runtime.database.pool)
    views = [_view(row) for row in rows]
    chosen = sorted((v for v in views if v.name > after and enabled in (None, v.enabled)), key=lambda v: v.name)
    return page(chosen[: limit + 1], limit, key, lambda view: [view.name], bound_to=bound)


@router.get(
    "/{name}",
    operation_id="triggers-get",
    summary="One trigger",
    dependencies=[MayRead],
    responses=refusals(NotFound),
)
async def get(name: str, runtime: AnyRuntime) -> TriggerView:
    """Show the newest version of a trigger."""
    return _view(await triggers.get(runtime.database.pool, name))


async def _change(_: Runtime, tx: Transaction, name: str, body: TriggerChange) -> TriggerView:
    changes = body.model_dump(exclude_none=True)
    row, is_new = await triggers.change(tx.conn, name, changes, tx.who)
    if is_new:
        await tx.audit("trigger.changed", "trigger", name, version=row["version"], detail=changes)
    return _view(row)


CHANGE = Change("trigger.change", TriggerChange, _change, triggers.judging)


@router.put(
    "/{name}",
    operation_id="triggers-put",
    summary="Change a trigger's parameters",
    dependencies=[Depends(requires("triggers:write"))],
    response_model=TriggerView,
    responses=refusals(NotFound, Invalid, triggers.NotInForce, *REFUSALS),
)
async def put(name: str, body: TriggerChange, submit: Annotated[Submit, Depends(TwoPersons(CHANGE))]) -> Response:
    """Make a new version. What it changes holds from the next posting on; earlier detections stay."""
    return await submit(name, body)
