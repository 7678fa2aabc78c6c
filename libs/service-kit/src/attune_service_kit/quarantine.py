"""What could not be applied: looked at without its data, tried again by the partition's own worker, or given up (P-08).

held ─retry─▶ retrying ─▶ applying ─▶ applied; a failed or interrupted attempt is held again
held ─discard─▶ discarded
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.consumer import FatalEvent
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Invalid, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, by_time, decode_cursor, page

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime, Service

# The field names of every contract that a service consumes, by event type.
Known = Mapping[str, frozenset[str]]
State = Literal["held", "retrying", "applying", "applied", "discarded"]

_COLUMNS = """
SELECT id, consumer, seq, event_id, type, payload, error, state, created_at,
       extract(epoch FROM now() - created_at)::bigint AS age_seconds
FROM quarantine"""
_ONE = f"{_COLUMNS} WHERE id = $1"
# Ids are time-ordered.
_LISTS = by_time(f"""{_COLUMNS}
WHERE state = $1 AND ($2::text IS NULL OR consumer = $2) AND ($3::text IS NULL OR type = $3)
  AND created_at <= now() - make_interval(secs => $4) AND ($5::uuid IS NULL OR id {{beyond}} $5)
ORDER BY id {{order}} LIMIT $6""")
_MOVE = "UPDATE quarantine SET state = $2 WHERE id = $1 AND state = 'held'"

_TAKE = """
UPDATE quarantine SET state = 'applying' WHERE id = (
    SELECT id FROM quarantine WHERE consumer = $1 AND state = 'retrying' ORDER BY seq LIMIT 1)
RETURNING id, seq, type, payload"""
_APPLIED = "UPDATE quarantine SET state = 'applied' WHERE id = $1 AND state = 'applying' RETURNING true"
_AGAIN = "UPDATE quarantine SET state = 'held', error = $2 WHERE id = $1 AND state = 'applying'"
_FOUND = """
UPDATE quarantine SET state = CASE WHEN id = $2 THEN 'retrying' ELSE 'held' END,
    error = CASE WHEN id = $2 THEN error ELSE 'the process ended while this was tried again' END
WHERE consumer = $1 AND state = 'applying'"""

_CLASS = re.compile(r"(?:\w+\.)+\w+")
_FRAME = re.compile(r"  [\w./-]+\.py:\d+ [\w<>]+")
_SHOWN_FRAMES = 5
_KINDS: Mapping[type, str] = {
    str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object", type(None): "null",
}  # fmt: skip


# --- the worker's side -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that is to be tried again."""

    id: UUID
    seq: int
    type: str
    payload: bytes


async def take(pool: asyncpg.Pool, consumer: str) -> Taken | None:
    """Mark the first message that shall be tried again as in hand, and return it."""
    row = await pool.fetchrow(_TAKE, consumer)
    return None if row is None else Taken(**dict(row))


async def applied(conn: asyncpg.Connection, taken: UUID) -> bool:
    """Settle it, in the transaction of its effects; False if somebody else has it by now."""
    return bool(await conn.fetchval(_APPLIED, taken))


async def hold_again(pool: asyncpg.Pool, taken: UUID, error: str) -> None:
    """It failed once more."""
    await pool.execute(_AGAIN, taken, error[:2000].replace("\0", ""))


async def found_in_hand(pool: asyncpg.Pool, consumer: str, mine: UUID | None) -> None:
    """A lease was taken: what was in hand is held again; our own attempt, cut off by an outage, is still wanted."""
    await pool.execute(_FOUND, consumer, mine)


# --- what is shown ---------------------------------------------------------------------------------------------------


class Shape(BaseModel):
    """A payload without its values: known fields and what kind of value each had; the names of others are not told."""

    bytes: int
    readable: bool
    fields: dict[str, str]
    unknown_fields: int


class Quarantined(BaseModel):
    """A message set aside: where it stood, why, for how long. Never what it said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c1d2-7f40-7abc-8def-0123456789ab",
                    "consumer": "LEDGER.p3",
                    "seq": 48213,
                    "event_id": "8f1c0a52-1111-4000-8000-000000000001",
                    "type": "ledger.transaction.posted.v1",
                    "state": "held",
                    "reason": "not as the contract has it: direction",
                    "at": ["eventing/ledger.py:140 _read"],
                    "payload": {
                        "bytes": 412,
                        "readable": True,
                        "fields": {"posting_id": "string", "amount_minor": "number"},
                        "unknown_fields": 1,
                    },
                    "created_at": "2026-03-17T06:05:11Z",
                    "age_seconds": 5400,
                }
            ]
        }
    )

    id: UUID
    consumer: str = Field(description="Stream and partition")
    seq: int = Field(description="Its number in the stream")
    event_id: UUID | None
    type: str | None
    state: State
    reason: str = Field(description="The kind of the fault; what an error said of the data is not repeated")
    at: list[str] = Field(description="Where in the code, outermost first")
    payload: Shape
    created_at: datetime
    age_seconds: int


class Discard(Body):
    """Why a message is given up."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "sent by a test of the bank"}]}
    )

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200)] = Field(
        description="Kept in the audit row: no customer's data"
    )


class UnknownMessage(NotFound):
    """Nothing is set aside under this id."""

    code = "unknown_quarantined_message"


class AlreadySettled(Conflict):
    """The message is being tried again, was applied, or was given up."""

    code = "quarantine_settled"


def reason_of(error: str) -> str:
    """The kind of a stored error: our own sentences as they are, other errors without what they said."""
    first = error.partition("\n")[0]
    head, said, message = first.partition(": ")
    if not _CLASS.fullmatch(head):
        return first
    return message if said and head.rpartition(".")[2] == FatalEvent.__name__ else head


def frames_of(error: str) -> list[str]:
    """The last places of a stored error."""
    return [line.strip() for line in error.split("\n") if _FRAME.fullmatch(line)][-_SHOWN_FRAMES:]


def shape_of(payload: bytes, known: frozenset[str]) -> Shape:
    """The payload's shape; `known` are the names that its contract has."""
    try:
        data = orjson.loads(payload)["data"]
        fields = dict(data)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return Shape(bytes=len(payload), readable=False, fields={}, unknown_fields=0)
    told = {name: _KINDS[type(value)] for name, value in fields.items() if name in known}
    return Shape(bytes=len(payload), readable=True, fields=told, unknown_fields=len(fields) - len(told))


def _contract_fields(service: "Service") -> Known:
    classes = [key for subscription in service.subscriptions for key in subscription.handlers]
    return {key.TYPE: frozenset(key.model_fields) for key in classes if not isinstance(key, str)}


def _view(row: asyncpg.Record, known: Known) -> Quarantined:
    values = dict(row)
    error, payload = values.pop("error"), values.pop("payload")
    return Quarantined(
        **values,
        reason=reason_of(error),
        at=frames_of(error),
        payload=shape_of(payload, known.get(row["type"], frozenset())),
    )


# --- HTTP ------------------------------------------------------------------------------------------------------------


def router(service: "Service") -> APIRouter:
    """The routes of what a service has set aside: list, look at one, try again, give up."""
    routes = APIRouter(tags=["quarantine"])
    known = _contract_fields(service)
    _add_reads(routes, service.name, f"/v1/quarantine/{service.name}", known)
    _add_writes(routes, service.name, f"/v1/quarantine/{service.name}", known)
    return routes


def _add_reads(routes: APIRouter, name: str, path: str, known: Known) -> None:
    @routes.get(
        path,
        operation_id=f"list_{name}_quarantine",
        summary="Messages that could not be applied",
        responses=refusals(InvalidCursor, Invalid),
    )
    async def listing(
        request: Request,
        caller: Annotated[Caller, Depends(requires("quarantine:read"))],
        consumer: Annotated[str | None, Query(max_length=40, description="Stream and partition: LEDGER.p3")] = None,
        type_: Annotated[str | None, Query(alias="type", max_length=100, description="An event type")] = None,
        state: State = "held",
        min_age_seconds: Annotated[int, Query(ge=0, le=10**9)] = 0,
        sort: ByTime = "oldest",
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Quarantined]:
        """List what is set aside, by age. Payloads are shown by their shape only."""
        runtime: Runtime = request.app.state.runtime
        key, bound = runtime.settings.cursor_key, ("quarantine", caller.subject, consumer, type_, state, sort)
        (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
        rows: Sequence[asyncpg.Record] = await runtime.database.pool.fetch(
            _LISTS[sort], state, consumer, type_, min_age_seconds, after, limit + 1
        )
        views = [_view(row, known) for row in rows]
        return page(views, limit, key, lambda one: [one.id], bound_to=bound)

    @routes.get(
        f"{path}/{{message_id}}",
        operation_id=f"read_{name}_quarantine",
        summary="One message that could not be applied",
        dependencies=[Depends(requires("quarantine:read"))],
        responses=refusals(UnknownMessage),
    )
    async def read(message_id: UUID, request: Request) -> Quarantined:
        """Show why a message was set aside, and what has become of it."""
        runtime: Runtime = request.app.state.runtime
        return _known(await runtime.database.pool.fetchrow(_ONE, message_id), known)


def _add_writes(routes: APIRouter, name: str, path: str, known: Known) -> None:
    @routes.post(
        f"{path}/{{message_id}}:retry",
        operation_id=f"retry_{name}_quarantine",
        summary="Try a message again",
        status_code=202,
        dependencies=[Depends(requires("quarantine:write"))],
        response_model=Quarantined,
        responses=refusals(UnknownMessage, AlreadySettled, KeyMissing, InFlight, OtherPayload),
    )
    async def retry(message_id: UUID, request: Request, write: Annotated[Write, Depends(idempotent)]) -> Response:
        """Let the partition's worker apply it within seconds, once; if that fails, it is held again."""
        runtime: Runtime = request.app.state.runtime

        async def run(tx: Transaction) -> Quarantined:
            shown = await _settle(tx, message_id, "retrying", known)
            await tx.audit("quarantine.retried", "quarantine", message_id, detail={"type": shown.type})
            if runtime.consumers is not None:
                tx.after_commit(runtime.consumers.look)
            return shown

        return await write(run, status=202)

    @routes.post(
        f"{path}/{{message_id}}:discard",
        operation_id=f"discard_{name}_quarantine",
        summary="Give a message up",
        dependencies=[Depends(requires("quarantine:write"))],
        response_model=Quarantined,
        responses=refusals(UnknownMessage, AlreadySettled, KeyMissing, InFlight, OtherPayload),
    )
    async def discard(message_id: UUID, body: Discard, write: Annotated[Write, Depends(idempotent)]) -> Response:
        """Never apply it. The row stays, with who said so and why in the audit."""

        async def run(tx: Transaction) -> Quarantined:
            shown = await _settle(tx, message_id, "discarded", known)
            detail = {"type": shown.type, "reason": body.reason}
            await tx.audit("quarantine.discarded", "quarantine", message_id, detail=detail)
            return shown

        return await write(run)


async def _settle(
    tx: Transaction, message_id: UUID, state: Literal["retrying", "discarded"], known: Known
) -> Quarantined:
    """Take a held message further; refuse what is unknown or no longer held."""
    moved = await tx.conn.execute(_MOVE, message_id, state)
    shown = _known(await tx.conn.fetchrow(_ONE, message_id), known)
    if not moved.endswith(" 1"):
        raise AlreadySettled("this message is no longer held", "该消息已不在隔离状态", state=shown.state)
    return shown


def _known(row: asyncpg.Record | None, known: Known) -> Quarantined:
    if row is None:
        raise UnknownMessage("nothing is set aside under this id", "没有该隔离消息")
    return _view(row, known)
