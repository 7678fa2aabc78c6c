""" "My customers": a manager's book, or a branch's, with reasons to call (M-74, M-83)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

import orjson

from attune_service_kit.auth import Caller
from attune_service_kit.errors import Forbidden, Invalid
from attune_service_kit.runtime import Runtime
from customer_360 import details, visibility
from customer_360.identity import identities
from customer_360.masking import Sight
from customer_360.name_order import name_key
from customer_360.reasons import CODES, FOUND, NO_DAY, NO_REASON, Reason
from customer_360.summaries import NOT_MERGED, SUMMARY, opened

Sort = Literal["reason", "assets", "name"]

MOST_BY_NAME = 5000
"""Names are sealed: a list by name is opened as a whole."""

_OWN = "p.manager_id = $1::text"
# The whole branch: named by its branches, so that an index finds the rows.
_BRANCH = "p.branch_id = ANY (ARRAY(SELECT s.branch FROM branch_scope s WHERE s.ancestor = $3))"
# Insight's band of assets, of customers who may be read so.
_LINES = f"""
WITH book AS MATERIALIZED (
    SELECT p.* FROM party p WHERE {{whose}} AND ($1::text IS NULL OR p.manager_id = $1) AND {NOT_MERGED}
        AND {visibility.of_customers("p", 2)}
), ids AS MATERIALIZED (
    SELECT customer_id, customer_id AS id FROM book
    UNION ALL SELECT a.customer_id, a.alias_id FROM party_alias a JOIN book USING (customer_id)
), found AS ({FOUND}), lines AS (
    SELECT b.customer_id, coalesce(min(f.rank), {NO_REASON}) AS rank, coalesce(min(f.due), {NO_DAY}) AS due,
           coalesce(json_agg(json_build_object('code', ({CODES})[f.rank], 'due', f.due) ORDER BY f.rank)
                    FILTER (WHERE f.rank IS NOT NULL), '[]')::text AS reasons,
           coalesce((SELECT substr(t.value, 6)::integer FROM tag t
                     WHERE t.customer_id = b.customer_id AND t.tag = 'aum_band' AND t.source = 'insight'
                       AND t.expires_on >= $5::date AND b.personalisation), 0) AS band
    FROM book b LEFT JOIN found f USING (customer_id)
    GROUP BY b.customer_id, b.personalisation
    HAVING cardinality($10::text[]) = 0 OR bool_or(({CODES})[f.rank] = ANY ($10::text[]))
)"""  # noqa: S608 - conditions and numbers of this package
_SUMMARY = f"""
SELECT {SUMMARY}, l.rank, l.due, l.reasons, l.band,
       (SELECT c.at FROM last_contact c WHERE c.customer_id = p.customer_id) AS last_contact_at
FROM chosen l JOIN party p USING (customer_id) LEFT JOIN party_identity i USING (customer_id)"""  # noqa: S608 - of ours
_BY_REASON = f"""
{_LINES}, chosen AS (
    SELECT * FROM lines WHERE $11::integer IS NULL OR (rank, due, customer_id) > ($11, $12::date, $13::uuid)
    ORDER BY rank, due, customer_id LIMIT $14)
{_SUMMARY} ORDER BY l.rank, l.due, l.customer_id"""  # noqa: S608
_BY_ASSETS = f"""
{_LINES}, chosen AS (
    SELECT * FROM lines WHERE $11::integer IS NULL OR (-band, customer_id) > (-$11, $12::uuid)
    ORDER BY -band, customer_id LIMIT $13)
{_SUMMARY} ORDER BY -l.band, l.customer_id"""  # noqa: S608
_NAMES = f"""
{_LINES} SELECT l.customer_id, p.party_kind, i.name FROM lines l JOIN party p USING (customer_id)
LEFT JOIN party_identity i USING (customer_id) LIMIT {MOST_BY_NAME + 1}"""  # noqa: S608
_ONE_NAME = f"""
SELECT p.customer_id, p.party_kind, i.name FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.customer_id = $1 AND {visibility.of_customers("p", 2)}"""  # noqa: S608 - a condition of this package
_THESE = f"""
{_LINES}, chosen AS (SELECT * FROM lines WHERE customer_id = ANY ($11::uuid[]))
{_SUMMARY} ORDER BY array_position($11, l.customer_id)"""  # noqa: S608


class NotYours(Forbidden):
    """The list is for managers of customers: their own book, or their branch's."""

    code = "book_not_yours"


class TooManyByName(Invalid):
    """So many names are not opened for one page."""

    code = "too_many_by_name"


@dataclass(frozen=True)
class Wanted:
    """Whose customers, which of them, in which order."""

    employee_id: str | None
    reasons: tuple[Reason, ...]
    sort: Sort


def whose(caller: Caller, employee_id: str | None) -> str | None:
    """Whose book the caller asks for: a relationship manager's own; a branch manager's branch, or one of its managers.

    NotYours for everybody else, and for somebody else's book.
    """
    if "branch_manager" in caller.roles:
        return employee_id
    if "relationship_manager" in caller.roles and employee_id in (None, caller.subject):
        return caller.subject
    raise NotYours("this is not your book of business", "只能查看本人管户")


async def page(
    runtime: Runtime, caller: Caller, wanted: Wanted, after: Sequence[Any], limit: int
) -> list[dict[str, Any]]:
    """Up to `limit` customers from behind the place that `place` gave; NotYours, TooManyByName."""
    reads = runtime.database.reads(caller.scope)
    arguments = _arguments(runtime, caller, wanted)
    if wanted.sort == "name":
        ids = await _next_by_name(runtime, caller, wanted, arguments, after, limit)
        rows = await reads.fetch(_sql(_THESE, wanted), *arguments, ids)
    elif wanted.sort == "assets":
        rows = await reads.fetch(_sql(_BY_ASSETS, wanted), *arguments, *(after or (None, None)), limit)
    else:
        rows = await reads.fetch(_sql(_BY_REASON, wanted), *arguments, *(after or (None, None, None)), limit)
    lines = opened(runtime, Sight.of(caller.scopes), rows)
    return [line | {"reasons": orjson.loads(line["reasons"])} for line in lines]


def place(line: dict[str, Any], sort: Sort) -> list[Any]:
    """Where a line stands in its list. A name is no part of it: a cursor travels in addresses."""
    match sort:
        case "name":
            return [line["customer_id"]]
        case "assets":
            return [line["band"], line["customer_id"]]
        case "reason":
            return [line["rank"], line["due"], line["customer_id"]]


def _sql(statement: str, wanted: Wanted) -> str:
    return statement.replace("{whose}", _OWN if wanted.employee_id is not None else _BRANCH)


def _arguments(runtime: Runtime, caller: Caller, wanted: Wanted) -> tuple[Any, ...]:
    fresh = details.fresh_since(runtime)
    today: date = runtime.clock.business_date()
    moments = runtime.clock.now(), runtime.settings.zone, fresh["phone"], fresh["address"]
    return wanted.employee_id, *visibility.arguments(caller.scope), today, *moments, list(wanted.reasons)


async def _next_by_name(
    runtime: Runtime, caller: Caller, wanted: Wanted, arguments: Sequence[Any], after: Sequence[Any], limit: int
) -> list[UUID]:
    """The next ids in the order of names: all names are opened, in a thread, and forgotten."""
    reads = runtime.database.reads(caller.scope)
    rows = await reads.fetch(_sql(_NAMES, wanted), *arguments)
    if len(rows) > MOST_BY_NAME:
        raise TooManyByName("so many customers are not sorted by name", "客户过多,无法按姓名排序", most=MOST_BY_NAME)
    last = await reads.fetchrow(_ONE_NAME, after[0], *visibility.arguments(caller.scope)) if after else None

    def ordered() -> list[UUID]:
        keys = identities(runtime)

        def key(row: Any) -> tuple[str, str, str]:
            return *name_key(keys.open_name(row["customer_id"], row["name"])), str(row["customer_id"])

        behind = key(last) if last else None
        found = sorted((key(row), row["customer_id"]) for row in rows)
        return [id_ for place, id_ in found if behind is None or place > behind][:limit]

    return await asyncio.to_thread(ordered)
