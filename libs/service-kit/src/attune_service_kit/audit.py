"""The audit trail over HTTP: who did what to what, by entity and by actor; for those who check the whole bank (X24)."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Forbidden, Invalid, refusals
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, by_time, decode_cursor, page

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

Name = Annotated[str | None, Query(max_length=128)]

_ENTRIES = "SELECT id, at, who, what, entity, entity_id, version, request_id, detail::text AS detail FROM audit"
_CONDITIONS = {
    "who": "who = ${}",
    "what": "what = ${}",
    "entity": "entity = ${}",
    "entity_id": "entity_id = ${}",
    "request_id": "request_id = ${}",
    "first": "at >= ${}::timestamptz",
    "last": "at < ${}::timestamptz",
    "after": "id {{beyond}} ${}::bigint",
}


class AuditEntry(BaseModel):
    """One thing done: by whom, to what, in which request. `version` = the entity's after it; wall time."""

    id: int
    at: datetime
    who: str
    what: str
    entity: str
    entity_id: str
    version: str | None
    request_id: str | None
    detail: dict[str, Any] | None


class NotOfOneBranch(Forbidden):
    """The trail belongs to no branch: a token of one branch or customer reads none of it."""

    code = "audit_is_of_the_whole_bank"


def statement(wanted: dict[str, Any], sort: str, limit: int) -> tuple[str, list[Any]]:
    """The query for what is asked, and its arguments: only conditions that are set, so that each finds its index."""
    given = {name: value for name, value in wanted.items() if value is not None}
    conditions = " AND ".join(_CONDITIONS[name].format(number) for number, name in enumerate(given, 1))
    query = f"{_ENTRIES} WHERE {conditions or 'true'} ORDER BY id {{order}} LIMIT ${len(given) + 1}"
    return by_time(query)[sort], [*given.values(), limit]


def router(name: str) -> APIRouter:
    """The route `GET /v1/audit/<service>`."""
    routes = APIRouter(tags=["audit"])

    @routes.get(
        f"/v1/audit/{name}",
        operation_id=f"list_{name}_audit",
        summary="What was done, the newest first",
        responses=refusals(InvalidCursor, Invalid, NotOfOneBranch),
    )
    async def listing(
        request: Request,
        caller: Annotated[Caller, Depends(requires("audit:read"))],
        who: Name = None,
        what: Name = None,
        entity: Name = None,
        entity_id: Name = None,
        request_id: Name = None,
        first: Annotated[datetime | None, Query(alias="from", description="At or after this moment")] = None,
        last: Annotated[datetime | None, Query(alias="to", description="Before this moment")] = None,
        sort: ByTime = "newest",
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[AuditEntry]:
        """List entries of the service's audit trail, by actor, entity, kind, request and time."""
        if caller.scope.kind != "all":
            raise NotOfOneBranch("the audit trail is of the whole bank", "审计轨迹仅供全行审计人员查看")
        runtime: Runtime = request.app.state.runtime
        wanted: dict[str, Any] = {"who": who, "what": what, "entity": entity, "entity_id": entity_id}
        wanted |= {"request_id": request_id, "first": first, "last": last}
        key, bound = runtime.settings.cursor_key, ("audit", caller.subject, sort, *wanted.values())
        (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
        query, arguments = statement(wanted | {"after": after}, sort, limit + 1)
        rows = await runtime.database.reads(caller.scope).fetch(query, *arguments)
        return page([_entry(row) for row in rows], limit, key, lambda entry: [entry.id], bound_to=bound)

    return routes


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(**dict(row) | {"detail": orjson.loads(row["detail"]) if row["detail"] else None})
