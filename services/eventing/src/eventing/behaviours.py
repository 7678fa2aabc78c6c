"""What customers do on front ends: once each, kept whole, facts beside the postings (docs/reference/triggers.md)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from pydantic import ValidationError

from attune_contracts.eventing import BehaviourRecorded
from attune_service_kit.consumer import FatalEvent
from attune_service_kit.database import Transaction
from eventing import intake
from eventing.facts import Fact, of_behaviour

log = structlog.get_logger(__name__)

_FIELDS = ("behaviour", "product", "step", "channel", "seconds")
_STORE = """
INSERT INTO behaviour (customer_id, behaviour_id, business_date, occurred_at, behaviour, product, step, channel,
                       seconds)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::date[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::int[])
ON CONFLICT DO NOTHING RETURNING customer_id, behaviour_id"""
# Of what came again: whether any of it says something else than what came first.
_CLASHES = """
SELECT EXISTS (
    SELECT FROM unnest($1::uuid[], $2::text[], $3::date[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                       $8::text[], $9::int[]) AS s(w, i, d, at, b, p, st, ch, se)
    JOIN behaviour o ON (o.customer_id, o.behaviour_id) = (s.w, s.i)
    WHERE (o.business_date, o.occurred_at, o.behaviour, o.product, o.step, o.channel, o.seconds)
          IS DISTINCT FROM (s.d, s.at, s.b, s.p, s.st, s.ch, s.se))"""
# Beside the postings of the same table: no source system can be called so.
_SOURCE = "behaviour:{source}"
_SINCE = """
SELECT customer_id, behaviour_id, business_date, occurred_at, behaviour, product, step, channel, seconds FROM behaviour
WHERE NOT in_lake AND ($1::uuid[] IS NULL OR customer_id = any($1)) ORDER BY business_date, occurred_at, behaviour_id"""


class UnreadableBehaviour(Exception):
    """The event's data does not meet the contract; the message names the fields, never their content."""


def read(data: Mapping[str, Any]) -> BehaviourRecorded:
    """The behaviour behind an event's data. Tolerant: unknown fields are ignored. Raises UnreadableBehaviour."""
    try:
        return BehaviourRecorded.model_validate(data, extra="ignore")
    except ValidationError as error:
        places = {".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False, include_url=False)}
        raise UnreadableBehaviour(f"not as the contract has it: {', '.join(sorted(places))}") from None


async def take(
    tx: Transaction, source: str, received: Sequence[BehaviourRecorded], only: UUID | None = None
) -> tuple[int, list[str]]:
    """Send behaviours to the stream, those seen before left out; return how many went, and the ids that clash (I68).

    `only` is the customer whose own front end sends them: its ids are told apart from everybody else's.
    """
    by_id: dict[str, BehaviourRecorded] = {}
    clashes = {one.behaviour_id for one in received if by_id.setdefault(one.behaviour_id, one) != one}
    taken_as = _SOURCE.format(source=source) if only is None else f"{_SOURCE.format(source=source)}:{only}"
    said = {key: intake.digest_of(one.model_dump(mode="json")) for key, one in by_id.items()}
    new, other = await intake.remember(tx.conn, taken_as, said)
    if clashes := clashes | other:
        log.warning("behaviour_ids_clash", count=len(clashes))
    for key, one in by_id.items():
        if key in new:
            tx.emit(one, time=one.occurred_at)
    return len(new), sorted(clashes)


def fact(one: BehaviourRecorded) -> Fact:
    """A behaviour as the triggers see it."""
    fields = {name: getattr(one, name) for name in _FIELDS}
    return of_behaviour(one.behaviour_id, one.business_date, one.occurred_at, fields)


async def store(conn: asyncpg.Connection, arrived: Sequence[BehaviourRecorded]) -> set[tuple[Any, str]]:
    """Keep live behaviours; return the keys of those that count: new ones, and a replay's, which lie in the lake.

    An id that comes again and says something else is no duplicate: FatalEvent, and what came first holds (I68).
    """
    replayed = {(b.customer_id, b.behaviour_id) for b in arrived if b.origin == "replay"}
    rows = [
        (b.customer_id, b.behaviour_id, b.business_date, b.occurred_at, *(getattr(b, name) for name in _FIELDS))
        for b in arrived
        if b.origin == "live"
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    new = await conn.fetch(_STORE, *columns) if rows else []
    if len(new) < len(rows) and await conn.fetchval(_CLASHES, *columns):
        raise FatalEvent("id clash: the behaviour came before and said something else")
    return replayed | {(row["customer_id"], row["behaviour_id"]) for row in new}


async def since(conn: asyncpg.Connection, chosen: Sequence[Any] | None) -> list[BehaviourRecorded]:
    """What has come since the day's close put the others into the lake, in order."""
    return [BehaviourRecorded.model_validate(dict(row)) for row in await conn.fetch(_SINCE, chosen)]
