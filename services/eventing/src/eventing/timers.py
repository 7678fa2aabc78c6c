"""Business timers: rows that are written, cancelled and fired in the states' own transaction, in order of day (X35)."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

import asyncpg

from attune_contracts.identifiers import partition
from eventing.columns import taken_apart, words
from eventing.compiled import Compiled
from eventing.customers import Key
from eventing.shapes.dated import DatedFact
from eventing.states import NO_ACCOUNT, account_of, account_text

# So many fire in one transaction; the others follow in the next ones.
AT_ONCE = 2_000

_SET = f"""
INSERT INTO timer (customer_id, trigger, account_id, partition, due)
SELECT c, t, coalesce(a, '{NO_ACCOUNT}'), p, d
FROM unnest($1::uuid[], {taken_apart(2, "text")}, {taken_apart(3, "uuid")}, {taken_apart(4, "smallint")},
            {taken_apart(5, "date")}) AS s(c, t, a, p, d)
ON CONFLICT (customer_id, trigger, account_id) DO UPDATE SET due = excluded.due WHERE timer.due <> excluded.due"""  # noqa: S608
_CANCEL = f"""
DELETE FROM timer t USING unnest($1::uuid[], {taken_apart(2, "text")}, {taken_apart(3, "uuid")}) AS s(c, n, a)
WHERE t.customer_id = s.c AND t.trigger = s.n AND t.account_id = coalesce(s.a, '{NO_ACCOUNT}')"""  # noqa: S608
# By the index, trigger by trigger: OFFSET 0 keeps PostgreSQL from a join that reads all timers of the partition.
_DUE = """
SELECT found.customer_id, found.trigger, found.account_id
FROM unnest($2::text[], $3::date[]) AS w(trigger, through) CROSS JOIN LATERAL (
    SELECT t.customer_id, t.trigger, t.account_id, t.due FROM timer t
    WHERE t.partition = $1 AND t.trigger = w.trigger AND t.due <= w.through OFFSET 0) AS found
ORDER BY found.due, found.customer_id, found.trigger, found.account_id LIMIT $4"""
# Dates have changed: their customers' calendars look again at once.
_WAKE = """
INSERT INTO timer (customer_id, trigger, partition, due)
SELECT w.customer_id, c.name, w.partition, $4::date
FROM unnest($1::uuid[], $2::smallint[]) AS w(customer_id, partition) CROSS JOIN unnest($3::text[]) AS c(name)
ON CONFLICT (customer_id, trigger, account_id) DO UPDATE SET due = least(timer.due, excluded.due)"""
_DATES = """
SELECT customer_id, kind, source_id, day, known_on, account_id, product, product_kind, amount_minor
FROM dated_fact WHERE customer_id = any($1::uuid[]) ORDER BY customer_id, kind, source_id"""


class Timer(NamedTuple):
    """One state whose day has come."""

    customer_id: UUID
    key: Key


class Due(NamedTuple):
    """The day (an ordinal) that one state waits for; None = nothing is due, whatever passes."""

    partition: int
    customer_id: UUID
    key: Key
    day: int | None


async def write(conn: asyncpg.Connection, dues: Iterable[Due]) -> None:
    """Set the timers of states, each of which comes once."""
    kept: list[tuple[UUID, str, str, str, str]] = []
    gone: list[tuple[UUID, str, str]] = []
    for number, customer_id, key, day in dues:
        if day is None:
            gone.append((customer_id, key[0], account_text(key)))
        else:
            kept.append((customer_id, key[0], account_text(key), str(number), date.fromordinal(day).isoformat()))
    for statement, rows in ((_SET, kept), (_CANCEL, gone)):
        if rows:
            customers, *columns = zip(*rows, strict=True)
            await conn.execute(statement, list(customers), *map(words, columns))


async def due(conn: asyncpg.Connection, partition: int, through: Mapping[str, int], most: int) -> list[Timer]:
    """The states whose day has come, by trigger up to a day each, in the order of their days; at most so many."""
    days = [date.fromordinal(max(day, 1)) for day in through.values()]
    rows = await conn.fetch(_DUE, partition, list(through), days, most) if through else []
    return [Timer(row["customer_id"], (row["trigger"], account_of(row["account_id"]))) for row in rows]


async def wake(
    conn: asyncpg.Connection, customer_ids: Iterable[UUID], triggers: Iterable[Compiled], today: date
) -> None:
    """Dates of these customers have changed: the calendar's triggers look at them on this day."""
    names = [trigger.name for trigger in triggers if trigger.kind == "calendar"]
    if names:
        woken = sorted(set(customer_ids))
        await conn.execute(_WAKE, woken, [partition(customer_id) for customer_id in woken], names, today)


async def dates(conn: asyncpg.Connection, customer_ids: Iterable[UUID]) -> dict[UUID, list[DatedFact]]:
    """What the datasets know of these customers' dates."""
    found: dict[UUID, list[DatedFact]] = {customer_id: [] for customer_id in customer_ids}
    for row in await conn.fetch(_DATES, list(found)):
        fields = {
            "product": row["product"],
            "product_kind": row["product_kind"],
            "amount_minor": row["amount_minor"],
            "due_date": row["day"],
        }
        known = 0 if row["known_on"] is None else row["known_on"].toordinal()
        account = b"" if row["account_id"] is None else row["account_id"].bytes
        found[row["customer_id"]].append(
            DatedFact(
                row["source_id"], row["kind"], row["day"].toordinal(), known, fields, row["amount_minor"], account
            )
        )
    return found
